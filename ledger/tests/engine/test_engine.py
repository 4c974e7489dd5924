"""The engine's pace when the machine's clock is set, as NTP does."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from ledger.clock import Clock
from ledger.engine.chain import Chain
from ledger.engine.engine import Engine
from ledger.tests.contracts.kit import START_MS
from ledger.tests.engine.chain_kit import new_home

HOUR_NS = 3_600_000_000_000


def test_a_clock_set_back_an_hour_stops_no_blocks(tmp_path):
    async def main() -> None:
        chain = Chain.open(new_home(tmp_path / "home"))
        engine = Engine(chain, Clock.starting_at(START_MS + 60_000, 600))
        making = asyncio.create_task(engine.run())
        try:
            await _until(lambda: chain.height >= 2)
            engine.clock = replace(
                engine.clock, unix_origin_ns=engine.clock.unix_origin_ns - HOUR_NS
            )
            before = chain.height
            # An hour would be 6 s: the heartbeat comes each 0.1 s.
            await _until(lambda: chain.height >= before + 3, 2.0)
        finally:
            engine.stop()
            await making
            chain.close()

    asyncio.run(main())


async def _until(what, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not what():
            await asyncio.sleep(0.01)
