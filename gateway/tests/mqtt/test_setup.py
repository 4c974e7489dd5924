"""What `mqtt-setup` writes, with a real Mosquitto: TLS, certificates, access list."""

import asyncio
import ssl
import threading

import paho.mqtt.client as paho
import pytest

from gateway.cli import main
from gateway.mqtt import report
from gateway.mqtt.setup import SetupError
from gateway.tests.mqtt.broker import RealBroker, free_port
from gateway.tests.mqtt.site import MqttSite
from gateway.tests.mqtt.test_brokers import journal, resend
from gateway.tests.signing import SigningBoard
from wireformat import mqtt_map as m

MINE, OTHER = (SigningBoard(number).address for number in (1, 2))


@pytest.fixture
def secured(tmp_path, request):
    """(broker, folder of its files), running, set up for two boards; a parameter changes lines of
    its configuration."""
    port, out = free_port(), tmp_path / "mqtt"
    words = ["mqtt-setup", "--out", str(out), "--host", "127.0.0.1", "--area", "1"]
    words += ["--port", str(port), "--state", str(tmp_path), "--gateway", "gw"]
    assert main([*words, "--device", MINE.hex()]) == 0
    kept = (out / "ca.crt").read_bytes()
    assert main([*words, "--device", MINE.hex(), "--device", OTHER.hex()]) == 0
    assert (out / "ca.crt").read_bytes() == kept
    assert (out / "ca.key").stat().st_mode & 0o077 == 0
    conf = tmp_path / "test.conf"
    text = (out / "mosquitto.conf").read_text()
    for line, shorter in getattr(request, "param", {}).items():
        assert line in text
        text = text.replace(line, shorter)
    conf.write_text(text + "user root\n")
    (tmp_path / "b").mkdir()
    broker = RealBroker(tmp_path / "b", conf, port)
    broker.start()
    yield broker, out
    broker.kill()


def at_gateway(out):
    """What the README says that gateway.toml gets."""
    files = {"ca_file": "ca.crt", "certificate": "gateway.crt", "private_key": "gateway.key"}
    return {key: out / name for key, name in files.items()}


def with_files(meter, out):
    name = out / "devices" / meter.address.hex()
    meter.client.tls_set(str(out / "ca.crt"), f"{name}.crt", f"{name}.key")
    return meter


def client(broker, out, device):
    one = paho.Client(paho.CallbackAPIVersion.VERSION2, device.hex())
    name = out / "devices" / device.hex()
    one.tls_set(str(out / "ca.crt"), f"{name}.crt", f"{name}.key")
    one.connect("127.0.0.1", broker.port)
    one.loop_start()
    return one


def test_the_gateway_and_a_board_meet_over_tls_with_certificates(secured, tmp_path):
    broker, out = secured

    async def whole():
        async with MqttSite(tmp_path, broker.port, **at_gateway(out)) as site:
            meter = with_files(site.board(1, 20), out)
            meter.connect()
            await site.until(lambda: meter.clock_trusted)
            meter.send()
            await site.until(lambda: meter.acked == (1, 19))

    asyncio.run(whole())


SMALL = {
    "max_queued_messages 100000": "max_queued_messages 20",
    "sys_interval 10": "sys_interval 1",
}


@pytest.mark.parametrize("secured", [SMALL], indirect=True)
def test_what_the_broker_drops_is_counted_and_boards_send_it_again(secured, tmp_path):
    broker, out = secured

    async def whole():
        async with MqttSite(tmp_path, broker.port, **at_gateway(out)) as site:
            meter = with_files(site.board(1, 100), out)
            meter.connect()
            await site.until(lambda: meter.clock_trusted)
            await site.until(lambda: site.collector.drop_counts.connection)
            await site.stop()
            # The broker confirms all of them, and keeps 20.
            meter.send()
            await wait_for(lambda: meter.client._out_messages == {})
            site.start()
            await site.until(lambda: meter.acked == (1, 19))
            await site.until(lambda: site.collector.drops.total == 80)
            assert report.broker(site.collector)["dropped_at_broker"] == 80
            assert site.collector.counts["broker_dropped"] == 80
            assert site.open_codes() == {"mqtt broker_dropped": "broker_dropped"}
            assert site.held(meter) == journal(meter)[:20]
            resend(meter)
            meter.connected()
            await site.until(lambda: meter.acked == (1, 99))
            meter.stop.set()
            assert site.held(meter) == journal(meter)

    asyncio.run(whole())


async def wait_for(what):
    for _ in range(2000):
        if what():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not in time")


def test_a_board_can_neither_speak_nor_listen_for_another(secured):
    broker, out = secured
    heard, there = [], threading.Event()
    mine, other = client(broker, out, MINE), client(broker, out, OTHER)
    other.on_message = lambda _, __, message: (heard.append(message.topic), there.set())
    mine.on_message = lambda _, __, message: heard.append(message.topic)
    mine.subscribe([(m.topic(1, OTHER, m.CMD), 1), ("#", 1)])
    other.subscribe(m.topic(1, OTHER, m.CMD), 1)
    for topic in (m.topic(1, OTHER, m.CMD), m.topic(1, OTHER, m.REC), m.topic(1, MINE, m.ACK)):
        mine.publish(topic, b"x", 1).wait_for_publish(5)
    assert not there.wait(1)
    assert heard == []
    for each in (mine, other):
        each.disconnect()
        each.loop_stop()


def test_without_a_certificate_there_is_no_way_in(secured):
    broker, out = secured
    nobody = paho.Client(paho.CallbackAPIVersion.VERSION2)
    nobody.tls_set(str(out / "ca.crt"))
    refused = threading.Event()
    nobody.on_disconnect = lambda *_: refused.set()
    nobody.on_connect_fail = lambda *_: refused.set()
    try:
        nobody.connect("127.0.0.1", broker.port)
        nobody.loop_start()
        assert refused.wait(5)
        assert not nobody.is_connected()
    except (ssl.SSLError, OSError):
        pass
    nobody.loop_stop()


@pytest.mark.parametrize(
    "words", [["--host", "a b"], ["--device", "12"], ["--gateway", "G W"]], ids=lambda w: w[0]
)
def test_what_makes_no_sense_is_named(tmp_path, words):
    good = ["--out", str(tmp_path), "--host", "h", "--area", "1"]
    with pytest.raises(SetupError, match=r"is no "):
        main(["mqtt-setup", *good, *words])
