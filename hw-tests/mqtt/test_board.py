"""Real firmware on real MicroPython over real brokers: record to store, ack to journal, command to
relay; brokers that are killed, networks that go, messages that nobody should have sent."""

import asyncio

import paho.mqtt.client as paho
import pytest
from mqtt_bench import PATIENCE_S, RadioSite, well

from gateway.mqtt.setup import Setup
from gateway.tests.mqtt.broker import EmbeddedBroker, RealBroker, free_port
from wireformat import codes
from wireformat import mqtt_map as m
from wireformat.chained import Outcome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def run(tmp_path, broker, scenario, **config):
    async def whole():
        await asyncio.to_thread(broker.start)
        try:
            async with RadioSite(tmp_path, broker.port, speed=10, **config) as site:
                await scenario(site)
        finally:
            broker.kill()

    asyncio.run(whole())


@pytest.mark.parametrize("kind", [RealBroker, EmbeddedBroker])
def test_records_reach_the_store_commands_the_relay_and_killed_brokers_cost_nothing(
    tmp_path, meter, kind
):
    broker = kind(tmp_path / "broker")
    bench = meter(broker.port)

    async def scenario(site):
        site.enrol(bench)
        bench.board.start()
        await site.until(lambda: well(site, bench), PATIENCE_S)
        await site.collector.command(bench.address, bench.order(1, codes.OPEN))
        status = site.collector.boards.known[bench.address].status
        assert (status.counter, status.relays & 1) == (1, 0)
        for _ in range(2):
            held = len(site.stored(bench))
            await asyncio.to_thread(broker.kill)
            await asyncio.sleep(1)
            await asyncio.to_thread(broker.start)
            await site.until(lambda n=held: len(site.stored(bench)) > n + 2, PATIENCE_S)
        await site.until(lambda: well(site, bench), PATIENCE_S)
        bench.board.kill()
        assert site.store.refusals() == {}
        stored = site.stored(bench)
        journal = bench.journal()
        assert stored == journal[: len(stored)]
        assert len(journal) - len(stored) < 10
        outcomes = [row for row in site.store.records(bench.address) if row[2] == Outcome.CODE]
        assert len(outcomes) == 1

    run(tmp_path, broker, scenario)


def test_a_network_that_goes_and_a_retained_command_change_nothing(tmp_path, meter):
    broker = RealBroker(tmp_path / "broker")
    bench = meter(broker.port)

    async def scenario(site):
        site.enrol(bench)
        attacker = paho.Client(paho.CallbackAPIVersion.VERSION2)
        attacker.connect("127.0.0.1", broker.port)
        attacker.loop_start()
        chunk = m.chunk(77, 6, bench.order(9, codes.CLOSE, asset=1))
        topic = m.topic(1, bench.address, m.CMD)
        attacker.publish(topic, chunk, 1, retain=True).wait_for_publish(5)
        bench.board.start()
        board = await known(site, bench)
        await site.until(lambda: board.retained, PATIENCE_S)
        for junk in (b"", b"x" * 200, b"x" * 390, m.chunk(5, 6, b"junk" * 20)):
            attacker.publish(topic, junk, 1)
        await site.until(lambda: board.dropped, PATIENCE_S)
        await site.until(lambda: well(site, bench), PATIENCE_S)
        assert board.status.counter == 0
        bench.network(False)
        await site.until(lambda: not board.here, PATIENCE_S)  # its last will
        held = len(site.stored(bench))
        bench.network(True)
        await site.until(lambda: len(site.stored(bench)) > held + 2, PATIENCE_S)
        attacker.loop_stop()
        bench.board.kill()
        stored = site.stored(bench)
        assert stored == bench.journal()[: len(stored)]

    run(tmp_path, broker, scenario)


async def known(site, bench):
    await site.until(lambda: bench.address in site.collector.boards.known, PATIENCE_S)
    return site.collector.boards.known[bench.address]


def test_a_board_comes_in_over_tls_with_its_own_certificate(tmp_path, meter):
    """On 64-bit words: the emulated board's TLS buffers come from the firmware's heap."""
    port, out = free_port(), tmp_path / "mqtt"
    files = {"ca": "/ca.der", "certificate": "/mqtt.crt.der", "key": "/mqtt.key.der"}
    bench = meter(port, mqtt=files, spec={"arch": "amd64", "heap_kib": 256})
    Setup(out, "127.0.0.1", 1, "gw", port, str(tmp_path)).write([bench.address])
    name = f"devices/{bench.address.hex()}"
    for source, target in zip(("ca.der", f"{name}.crt.der", f"{name}.key.der"), files.values()):
        data = (out / source).read_bytes()
        bench.board.execute(f"with open({target!r}, 'wb') as file: file.write({data!r})")
    conf = tmp_path / "test.conf"
    conf.write_text((out / "mosquitto.conf").read_text() + "user root\n")
    (tmp_path / "b").mkdir()
    broker = RealBroker(tmp_path / "b", conf, port)
    config = {
        "ca_file": out / "ca.crt",
        "certificate": out / "gateway.crt",
        "private_key": out / "gateway.key",
    }

    async def scenario(site):
        site.enrol(bench)
        bench.board.start()
        await site.until(lambda: well(site, bench), PATIENCE_S)
        await site.collector.command(bench.address, bench.order(1, codes.OPEN))
        held = len(site.stored(bench))
        await site.until(lambda: len(site.stored(bench)) > held + 2, PATIENCE_S)

    run(tmp_path, broker, scenario, **config)
