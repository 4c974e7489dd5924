"""Real firmware on real MicroPython over an emulated air, an emulated BlueZ and unmodified bleak:
record to store, ack to journal, command to relay; what cuts a connection, and who should not."""

import asyncio

import pytest
from ble_bench import BleSite

from wireformat import codes
from wireformat.chained import Outcome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def run(folder, scenario, **board):
    async def whole():
        async with BleSite(folder, **board) as site:
            await scenario(site)

    asyncio.run(whole())


def test_records_reach_the_store_commands_the_relay_and_cuts_cost_nothing(tmp_path):
    async def scenario(site):
        site.start()
        site.bench.board.start()
        await site.until(site.well)
        await site.collector.command(site.bench.address, site.bench.order(1, codes.OPEN))
        assert (site.status.counter, site.status.relays & 1) == (1, 0)
        for _ in range(2):
            await site.air.away(site.bench.radio)
            await site.until(lambda: not site.session.is_open)
            await asyncio.sleep(2)
            held = len(site.stored())
            await site.air.away(site.bench.radio, False)
            await site.until(lambda n=held: len(site.stored()) > n + 2)
        await site.until(site.well)
        site.bench.board.kill()
        assert site.store.refusals() == {}
        assert "Traceback" not in site.bench.console()
        stored, journal = site.stored(), site.bench.journal()
        assert stored == journal[: len(stored)]
        assert len(journal) - len(stored) < 10
        outcomes = [row for row in site.store.records(site.bench.address) if row[2] == Outcome.CODE]
        assert len(outcomes) == 1

    run(tmp_path, scenario)
