"""Fifty forged frames a second through a broker that lets anybody publish."""

import asyncio
import time

import paho.mqtt.client as paho
import pytest
from flood import COMMANDS, INTERVAL_S, Account, Flood, Forger, Measure, chained_at
from mqtt_bench import PATIENCE_S, RadioSite, well

from gateway.collect.errors import FrameLost, FrameRefused
from gateway.tests.mqtt.broker import RealBroker
from truewatt.emulator.board import Charges
from wireformat import codes
from wireformat import mqtt_map as m
from wireformat.chained import Reading
from wireformat.registry import open_signed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def readings(site, bench):
    rows = [row for row in site.store.records(bench.address) if row[2] == Reading.CODE]
    return [open_signed(Reading.CODE, row[3], site.chain_id).record.time_s for row in rows]


async def under_flood(site, bench) -> Account:
    account = Account()
    first = site.collector.boards.known[bench.address].status.counter + 1
    for counter in range(first, first + COMMANDS):
        begun_s = time.monotonic()
        order = bench.order(counter, codes.OPEN if counter & 1 else codes.CLOSE)
        await insist(site, bench, order)
        account.took_s.append(time.monotonic() - begun_s)
        await asyncio.sleep(INTERVAL_S)
    await asyncio.sleep(INTERVAL_S)
    await site.until(lambda: well(site, bench), PATIENCE_S)  # acks find their way too
    # The first one after the time was set may be short; all since then are in their places.
    account.read_at_s = readings(site, bench)[-COMMANDS:]
    return account


async def insist(site, bench, order):
    """As the enforcer does: again, until the board has it. It is never too busy for it."""
    for _ in range(5):
        try:
            await site.collector.command(bench.address, order)
            return
        except FrameLost:
            continue  # if the board has it after all, it says so when asked again
        except FrameRefused as error:
            if error.reason == codes.R_REPLAYED:
                return
            raise
    raise AssertionError("a command did not get through")


def test_a_flood_through_the_broker_stops_neither_readings_nor_commands(tmp_path, meter):
    broker = RealBroker(tmp_path / "broker")
    bench = meter(broker.port, speed=1, interval_s=INTERVAL_S, spec={"charges": Charges()})
    attacker = paho.Client(paho.CallbackAPIVersion.VERSION2)

    async def whole():
        async with RadioSite(tmp_path, broker.port, speed=1) as site:
            site.enrol(bench)
            bench.board.start()
            await site.until(lambda: well(site, bench), PATIENCE_S)
            data = site.stored(bench)[-1]
            assert chained_at(data) > (0, 0)
            boards = site.collector.boards.known
            forger = Forger(bench, data, lambda: boards[bench.address].status.nonce)
            topic = m.topic(1, bench.address, m.CMD)

            def put(frame_id, code, data):
                attacker.publish(topic, m.chunk(frame_id, code, data), 0)

            measure = Measure(bench.board.pid)
            while not measure.known:
                measure.begin()
                with Flood(put, forger.frame) as flood:
                    account = await under_flood(site, bench)
                account.check()
                measure.judge(account.took_s, flood.rate)

    broker.start()
    try:
        attacker.connect("127.0.0.1", broker.port)
        attacker.loop_start()
        asyncio.run(whole())
    finally:
        attacker.loop_stop()
        broker.kill()
