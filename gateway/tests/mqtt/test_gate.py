"""The embedded broker's gate: only whole packets after a CONNECT pass, whatever comes how."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mqtt import gate
from gateway.mqtt.gate import LONGEST, Gate
from wireformat import mqtt_map


def connect(keep_alive_s: int = 60, name: bytes = b"a") -> bytes:
    body = b"\0\4MQTT\4\2" + keep_alive_s.to_bytes(2, "big") + len(name).to_bytes(2, "big") + name
    return bytes((0x10, len(body))) + body


def publish(payload: bytes) -> bytes:
    body = b"\0\1t" + payload
    low, high = len(body) & 0x7F, len(body) >> 7
    return bytes((0x30, *((low | 0x80, high) if high else (low,)))) + body


PING, NO_LENGTH = b"\xc0\0", b"\x30\xff\xff\xff\xff\0"


class Client:
    """What a gate passes of what a client sends, and why it ended."""

    def __init__(self) -> None:
        self.reader = asyncio.StreamReader()
        self.reasons: list[str] = []
        self.gate = Gate(self.reader, self.reasons.append)

    async def passed(self) -> list[bytes]:
        """Packets until the end, read as amqtt does: byte by byte, then the rest."""
        packets = []
        while True:
            try:
                first = await self.gate.read(1)
            except asyncio.IncompleteReadError:
                return packets
            packets.append(first + await self.gate.read())


def played(*pieces: bytes) -> Client:
    async def whole():
        client = Client()
        for piece in pieces:
            client.reader.feed_data(piece)
        client.reader.feed_eof()
        client.packets = await client.passed()
        return client

    return asyncio.run(whole())


packets = st.lists(st.binary(max_size=300).map(publish) | st.just(PING), max_size=8)


@given(packets, st.data())
def test_packets_pass_whole_however_they_are_cut(sent, data):
    stream = connect() + b"".join(sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    client = played(*pieces)
    assert (client.packets, client.reasons) == ([connect(), *sent], [])


@given(st.lists(st.binary(max_size=3000), max_size=4))
def test_of_anything_else_only_whole_short_packets_pass(pieces):
    for start in (b"", connect()):
        client = played(start, *pieces)
        assert (start + b"".join(pieces)).startswith(b"".join(client.packets))
        assert all(len(packet) <= LONGEST for packet in client.packets)
        assert len(client.reasons) <= 1
        assert all(packet[0] == 0x10 for packet in client.packets[:1])


@pytest.mark.parametrize(
    ("sent", "passes", "why"),
    [
        ((publish(b"x"), connect()), 0, "no CONNECT"),
        ((b"GET / HTTP/1.1\r\n",), 0, "no CONNECT"),
        ((b"\x10\x02\0\4",), 0, "too short"),
        ((b"\x10\x0c\xff\xffMQTT\4\2\0\x3c\0\0",), 0, "too short"),
        ((connect(), publish(bytes(LONGEST - 6)), PING), 3, ""),
        ((connect(), publish(bytes(LONGEST - 5)), PING), 1, f"{LONGEST + 1} bytes"),
        ((connect(), b"\x30\xff\xff\xff\x7f" + bytes(5000)), 1, "268435460 bytes"),
        ((connect(), NO_LENGTH), 1, "without an end"),
        ((connect(), publish(b"x")[:-1]), 1, ""),
        ((connect()[:7],), 0, ""),
    ],
)
def test_what_does_not_pass_is_named(sent, passes, why):
    client = played(*sent)
    assert len(client.packets) == passes
    assert [why in reason for reason in client.reasons] == ([True] if why else [])


def test_all_that_boards_and_gateway_say_is_short_enough():
    longest = publish(bytes(mqtt_map.MAX_PAYLOAD_BYTES))
    topic = mqtt_map.topic(0xFFFF, bytes(20), mqtt_map.OUT)
    assert len(longest) + len(topic) <= LONGEST


def test_a_packet_that_holds_less_than_its_reader_needs_ends_the_client():
    async def whole():
        client = Client()
        client.reader.feed_data(connect() + publish(b"abc") + PING)
        await client.gate.read()
        await client.gate.read(2)
        with pytest.raises(asyncio.IncompleteReadError):
            await client.gate.read(1000)
        with pytest.raises(asyncio.IncompleteReadError):
            await client.gate.read(1)
        assert client.reasons == ["a packet ends before what it says it holds"]

    asyncio.run(whole())


def test_a_read_that_is_given_up_loses_nothing():
    """amqtt gives a read up at each keep alive."""

    async def whole():
        client, given_up = Client(), 0
        stream, got = connect() + publish(bytes(range(200))) + PING, b""
        for byte in stream:
            client.reader.feed_data(bytes((byte,)))
            try:
                got += await asyncio.wait_for(client.gate.read(), 0.0005)
            except TimeoutError:
                given_up += 1
        while got != stream:
            got += await asyncio.wait_for(client.gate.read(), 1)
        assert given_up > 50

    asyncio.run(whole())


def test_the_silent_end(monkeypatch):
    """Before a CONNECT after `CONNECT_S`, also while bytes trickle; later by the keep alive."""
    monkeypatch.setattr(gate, "CONNECT_S", 0.05)
    monkeypatch.setattr(gate, "GRACE", 0.05)

    async def trickle(client, data):
        for byte in data:
            client.reader.feed_data(bytes((byte,)))
            await asyncio.sleep(0.02)

    async def ended(sent, wait_s=2.0):
        client = Client()
        slow = asyncio.create_task(trickle(client, sent[3:]))
        client.reader.feed_data(sent[:3])
        try:
            await asyncio.wait_for(client.passed(), wait_s)
        except TimeoutError:
            return "open"
        finally:
            slow.cancel()
        return " ".join(client.reasons)

    async def whole():
        assert "no CONNECT within" in await ended(b"")
        assert "no CONNECT within" in await ended(connect(60, b"a slow one" * 5))
        client = Client()
        client.reader.feed_data(connect(1))
        assert await asyncio.wait_for(client.passed(), 2) == [connect(1)]
        assert "keep alive" in client.reasons[0]
        lasting = Client()
        lasting.reader.feed_data(connect(0))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(lasting.passed(), 0.3)

    asyncio.run(whole())
