"""Real firmware on real MicroPython over real brokers: record to store, ack to journal, command to
relay; brokers that are killed, networks that go, messages that nobody should have sent."""

import asyncio
import time

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


HERE = "127.0.0.1"
FILES = {"ca": "/ca.der", "certificate": "/mqtt.crt.der", "key": "/mqtt.key.der"}


def secured(tmp_path, meter, host=HERE):
    """A board, and a Mosquitto whose certificate is for `host`: both with the files of one set-up.

    On 64-bit words: the emulated board's TLS buffers come from the firmware's heap.
    """
    port, out = free_port(), tmp_path / "mqtt"
    bench = meter(port, mqtt=FILES, spec={"arch": "amd64", "heap_kib": 256})
    Setup(out, host, 1, "gw", port, str(tmp_path)).write([bench.address])
    name = f"devices/{bench.address.hex()}"
    for source, target in zip(("ca.der", f"{name}.crt.der", f"{name}.key.der"), FILES.values()):
        hand_over(bench, out / source, target)
    conf = tmp_path / "test.conf"
    conf.write_text((out / "mosquitto.conf").read_text() + "user root\n")
    (tmp_path / "b").mkdir()
    return bench, RealBroker(tmp_path / "b", conf, port), out


def hand_over(bench, file, target):
    data = file.read_bytes()
    bench.board.execute(f"with open({target!r}, 'wb') as file: file.write({data!r})")


def test_a_board_comes_in_over_tls_with_its_own_certificate(tmp_path, meter):
    bench, broker, out = secured(tmp_path, meter)
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


@pytest.mark.parametrize(
    ("wrong", "why"),
    [("authority", "not correctly signed by the trusted CA"), ("host", "(CN) does not match")],
)
def test_a_board_refuses_a_broker_that_it_has_no_reason_to_trust(tmp_path, meter, wrong, why):
    bench, broker, _ = secured(tmp_path, meter, "broker.example" if wrong == "host" else HERE)
    if wrong == "authority":
        Setup(tmp_path / "theirs", HERE, 1, "gw", broker.port, str(tmp_path)).write([])
        hand_over(bench, tmp_path / "theirs" / "ca.der", FILES["ca"])
    broker.start()
    try:
        bench.board.start()
        # Three tries: it neither comes in nor gives up.
        end = time.monotonic() + PATIENCE_S
        while (said := bench.console()).count(why) < 3:
            assert time.monotonic() < end, said + (broker.folder / "broker.log").read_text()
            time.sleep(0.1)
    finally:
        broker.kill()
    assert "mqtt: connected" not in said
    assert bench.address.hex() not in (broker.folder / "broker.log").read_text()
