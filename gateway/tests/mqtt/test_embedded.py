"""The embedded broker's process among clients that mean it no good."""

import asyncio
import contextlib
import logging
import os
import select
import socket
import threading
import time
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from gateway.mqtt.broker import CLIENTS, Seldom, held_mb
from gateway.mqtt.broker_process import BrokerProcess
from gateway.mqtt.errors import BrokerFull
from gateway.tests.mqtt.broker import EmbeddedBroker, free_port
from gateway.tests.mqtt.test_gate import NO_LENGTH, PING, connect, publish
from truewatt.bench import _mutant_samples as samples
from truewatt.hostile.mutation import mutants

PATIENCE_S = 20
CONNACK = b"\x20\x02\0\0"


@pytest.fixture
def embedded(tmp_path):
    broker = EmbeddedBroker(tmp_path)
    broker.start()
    time.sleep(0.2)  # so that the connection that found its port open is gone
    yield broker
    broker.kill()


def opened(port: int, *said: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    client.sendall(b"".join(said))
    return client


def is_ended(client: socket.socket) -> bool:
    """Whether the broker ends it, whatever it says before."""
    try:
        while client.recv(4096):
            pass
    except TimeoutError:
        return False
    except ConnectionResetError:
        pass
    return True


def is_taken(client: socket.socket) -> bool:
    try:
        return client.recv(4) == CONNACK
    except ConnectionResetError:
        return False


def files(broker: EmbeddedBroker) -> int:
    return len(list(Path(f"/proc/{broker._process.pid}/fd").iterdir()))


def until(what) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.05)
    return False


def subscriber(port: int, topic: str) -> tuple[paho.Client, list[bytes]]:
    """A well-behaved client, and what it gets."""
    got: list[bytes] = []
    ready = threading.Event()
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.on_connect = lambda *_: client.subscribe(topic, 1)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _, __, message: got.append(message.payload)
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert ready.wait(PATIENCE_S)
    return client, got


@pytest.mark.parametrize(
    "said",
    [
        [publish(b"x")],
        [PING],
        [b"\x40\x02\0\1"],
        [b"\x82\x06\0\1\0\1t\1"],
        [b"GET / HTTP/1.1\r\n\r\n"],
        [b"\x16\x03\x01\x02\0\1\0\1\xfc\x03\x03"],
        [connect(), connect()],
        [connect(), publish(bytes(3000))],
        [connect(), NO_LENGTH],
        [connect(), b"\x30\x05\0\x63abc"],
        [b"\x10\x0e\0\4MQTX\4\2\0\x3c\0\2ab"],
        [b"\x10\x0e\0\4MQTT\4\3\0\x3c\0\2ab"],
    ],
    ids=lambda said: said[-1][:6].hex(),
)
def test_who_does_not_speak_mqtt_is_ended_and_leaves_no_file_open(embedded, said):
    before = files(embedded)
    assert is_ended(opened(embedded.port, *said))
    assert until(lambda: files(embedded) <= before)


def test_mutants_of_sessions_end_nobody_else_and_leave_no_file_open(embedded):
    before = files(embedded)
    board = opened(embedded.port, connect(60, b"board"))
    assert board.recv(4) == CONNACK
    for data in mutants(samples.sessions(), 500, seed=1):
        client = opened(embedded.port)
        with contextlib.suppress(OSError):
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        assert is_ended(client)
        client.close()
    board.sendall(PING)
    assert board.recv(2) == b"\xd0\0"
    assert until(lambda: files(embedded) <= before + 1)
    assert "Exception in callback" not in (embedded.folder / "broker.log").read_text()


@pytest.mark.slow
def test_silent_clients_keep_nobody_out_and_go(embedded):
    before = files(embedded)
    silent = [opened(embedded.port) for _ in range(CLIENTS + 100)]
    board = opened(embedded.port, connect())
    assert board.recv(4) == CONNACK
    half = opened(embedded.port, connect()[:5])
    assert is_ended(half)
    assert all(is_ended(client) for client in silent)
    assert until(lambda: files(embedded) <= before + 1)
    board.sendall(PING)
    assert board.recv(2) == b"\xd0\0"
    board.close()


@pytest.mark.slow
def test_more_clients_than_it_takes_are_told_and_those_it_has_stay(embedded):
    boards = [opened(embedded.port, connect(60, b"%d" % n)) for n in range(CLIENTS)]
    assert all(board.recv(4) == CONNACK for board in boards)
    assert is_ended(opened(embedded.port, connect(60, b"one too many")))
    boards.pop().close()
    assert until(lambda: is_taken(opened(embedded.port, connect(60, b"another"))))
    for board in boards:
        board.sendall(PING)
    assert all(board.recv(2) == b"\xd0\0" for board in boards)
    assert "500 clients" in (embedded.folder / "broker.log").read_text()


@pytest.mark.slow
def test_ports_that_are_only_tried_leave_no_file_open(embedded):
    before = files(embedded)
    for _ in range(500):
        opened(embedded.port).close()
    assert until(lambda: files(embedded) <= before)
    log = (embedded.folder / "broker.log").read_text()
    assert len(log.splitlines()) < 10


def test_the_will_of_a_board_that_fell_silent_is_sent(embedded):
    """A board without mains says nothing more, and its socket stays."""
    watcher, got = subscriber(embedded.port, "will")
    body = b"\0\4MQTT\4\x06\0\1\0\1b\0\4will\0\4gone"
    board = opened(embedded.port, bytes((0x10, len(body))) + body)
    assert until(lambda: got == [b"gone"])
    assert is_ended(board)
    watcher.disconnect()
    watcher.loop_stop()


def test_a_subscriber_that_does_not_read_ends_nobody_else(embedded):
    deaf = opened(embedded.port, connect(0, b"deaf"), b"\x82\x06\0\1\0\1t\0")
    assert deaf.recv(4) == CONNACK
    watcher, got = subscriber(embedded.port, "t")
    loud = opened(embedded.port, connect())
    for _ in range(2000):
        loud.sendall(publish(bytes(1000)))
    assert until(lambda: len(got) == 2000)
    for client in (deaf, loud):
        client.close()
    watcher.disconnect()
    watcher.loop_stop()


@pytest.mark.slow
def test_a_broker_that_holds_too_much_is_told_and_started_again():
    """Retained messages: amqtt keeps each for good."""
    port, told = free_port(), []
    most_mb = 45

    def retained(n):
        body = b"\0\x08%08d" % n + bytes(1900)
        return bytes((0x31, len(body) & 0x7F | 0x80, len(body) >> 7)) + body

    def fill():
        with opened(port, connect()) as client:
            assert client.recv(4) == CONNACK
            for n in range(100_000):
                try:
                    client.sendall(retained(n))
                except OSError:
                    return
                assert not select.select([client], [], [], 0)[0] or not told
        raise AssertionError("it took everything")

    async def whole():
        broker = BrokerProcess("127.0.0.1", port, most_mb)
        task = asyncio.create_task(broker.run(told.append))
        while broker.pid is None or not _is_open(port):
            await asyncio.sleep(0.05)
        first = broker.pid
        await asyncio.to_thread(fill)
        async with asyncio.timeout(PATIENCE_S):
            while broker.pid in (None, first) or not _is_open(port):
                await asyncio.sleep(0.05)
        assert opened(port, connect()).recv(4) == CONNACK
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(whole())
    assert [(type(error), error.where) for error in told] == [(BrokerFull, f"127.0.0.1:{port}")]
    assert f"more than {most_mb} MB" in str(told[0])


def _is_open(port: int) -> bool:
    try:
        opened(port).close()
    except OSError:
        return False
    return True


def test_memory_is_that_of_this_process():
    before, held = held_mb(), bytearray(os.urandom(1) * 50_000_000)
    assert 45 <= held_mb() - before <= 60
    del held


def test_clients_write_no_log_of_their_own(monkeypatch):
    now_s, lines = [1000.0], []
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    log = logging.getLogger("test of seldom")
    handler = logging.Handler()
    handler.emit = lambda record: lines.extend(handler.format(record).split("\n"))
    handler.addFilter(Seldom())
    log.addHandler(handler)
    log.propagate = False

    def say(what):
        log.error("client %s", what)

    for n in range(500):
        say(n)
    log.error("another place")
    now_s[0] += 61
    say("a\nERROR: %s forged" + "x" * 1000)
    assert lines[:2] == ["client 0", "another place"]
    assert lines[2].startswith("client a?ERROR: %s forged")
    assert lines[2].endswith("x (and 499 like it since)")
    assert len(lines[2]) < 400
    assert len(lines) == 3
    try:
        raise ValueError("topic\nERROR: forged")
    except ValueError:
        log.exception("amqtt failed")
    assert lines[3] == "amqtt failed"
    assert lines[4].startswith("... Traceback")
    assert "ValueError: topic | ERROR: forged" in lines[4]
    assert len(lines) == 5
