"""The embedded broker, and power cuts of real ones: nothing is lost, nothing there twice."""

import asyncio
import os
import signal
import threading

import pytest

from gateway.tests.mqtt.broker import EmbeddedBroker, RealBroker, free_port
from gateway.tests.mqtt.site import MqttSite


def journal(board):
    return [data for _, data in board.journal]


def test_the_embedded_broker_serves_and_comes_back_when_it_is_killed(tmp_path):
    async def whole():
        async with MqttSite(tmp_path, free_port(), embedded=True) as site:
            meter = site.board(1, 40)
            meter.connect()
            await site.until(lambda: meter.clock_trusted)
            meter.send(0, 20)
            await site.until(lambda: meter.acked == (1, 19))
            pid = site.collector.broker.pid
            os.kill(pid, signal.SIGKILL)
            await site.until(lambda: site.collector.is_open and site.collector.broker.pid != pid)
            await site.until(meter.client.is_connected)
            meter.send()
            await site.until(lambda: meter.acked == (1, 39))
            assert site.held(meter) == journal(meter)

    asyncio.run(whole())


def test_the_embedded_broker_ends_with_its_gateway(tmp_path):
    broker = EmbeddedBroker(tmp_path / "b")
    (tmp_path / "b").mkdir(exist_ok=True)
    broker.start()
    process = broker._process
    process.stdin.close()
    assert process.wait(10) is not None


@pytest.mark.parametrize("kind", [RealBroker, EmbeddedBroker])
def test_power_cuts_of_the_broker_lose_nothing(tmp_path, kind):
    """The board sends again from its last ack on, as the firmware does."""

    async def whole():
        broker = kind(tmp_path / "broker")
        broker.start()
        async with MqttSite(tmp_path, broker.port) as site:
            meter = site.board(1, 240)
            meter.client.reconnect_delay_set(1, 1)
            resend(meter)
            meter.connect()
            for _ in range(3):
                held = len(site.held(meter))
                await site.until(lambda n=held: len(site.held(meter)) > n or n == 240)
                await asyncio.to_thread(broker.kill)
                await asyncio.sleep(0.2)
                await asyncio.to_thread(broker.start)
            await site.until(lambda: meter.acked == (1, 239), 40)
            assert site.held(meter) == journal(meter)
            assert site.store.refusals() == {}
        broker.kill()

    asyncio.run(whole())


def resend(meter):
    """From each connect on send what is not acked, slowly enough for a cut to fall in between."""

    def again():
        meter.subscribe()
        meter.say()
        stop = meter.stop = threading.Event()
        while not stop.wait(1):
            for code, data in list(meter.journal):
                if meter.position(data) > meter.acked and not stop.wait(0.005):
                    meter.client.publish(meter.topic("rec"), bytes((code,)) + data, 1)

    def connected():
        if getattr(meter, "stop", None):
            meter.stop.set()
        threading.Thread(target=again, daemon=True).start()

    meter.connected = connected


def test_a_broker_that_speaks_no_mqtt_is_named(tmp_path):
    async def whole():
        port = free_port()
        server = await asyncio.start_server(
            lambda _, w: w.write(b"HTTP/1.1 400\r\n\r\n"), "127.0.0.1", port
        )
        site = MqttSite(tmp_path, port)
        site.start()
        await site.until(lambda: site.open_codes().get("mqtt") in ("bad_packet", "broker_lost"))
        await site.stop()
        site.thread.close()
        server.close()

    asyncio.run(whole())


def test_nobody_there_is_named_and_tried_again(tmp_path):
    async def whole():
        port = free_port()
        site = MqttSite(tmp_path, port)
        site.start()
        await site.until(lambda: site.open_codes().get("mqtt") == "broker_lost")
        broker = RealBroker(tmp_path / "b", port=port)
        await asyncio.to_thread(broker.start)
        await site.until(lambda: site.collector.is_open)
        assert "mqtt" not in site.open_codes()
        await site.stop()
        site.thread.close()
        broker.kill()

    asyncio.run(whole())
