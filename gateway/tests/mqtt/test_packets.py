"""MQTT packets at the gateway: whole ones out of any pieces, named errors for the rest."""

import random

import pytest

from gateway.mqtt import packets
from gateway.mqtt.errors import BadPacket
from gateway.mqtt.packets import Control, Message, Parser

TOPIC = "tw/1/" + "ab" * 20 + "/rec"


def test_packets_come_whole_out_of_any_pieces():
    wanted = [Message(TOPIC, bytes(range(size)), size + 1) for size in (0, 1, 100, 200)]
    data = b"".join(packets.publish(one.topic, one.payload, one.mid) for one in wanted)
    data += packets.PING + packets.pubacks([7, 0xFFFF])
    controls = [Control(12, b""), Control(4, b"\0\7"), Control(4, b"\xff\xff")]
    rng = random.Random(3)
    for most in (1, 2, 7, 50, 1000):
        parser, found, at = Parser(), [], 0
        while at < len(data):
            step = rng.randint(1, most)
            found += parser.feed(data[at : at + step])
            at += step
        assert found == [*wanted, *controls]


def test_marks_of_a_message_are_read():
    plain = packets.publish(TOPIC, b"x")
    assert Parser().feed(plain) == [Message(TOPIC, b"x")]
    marked = bytes((plain[0] | 0x09,)) + plain[1:]
    assert Parser().feed(marked) == [Message(TOPIC, b"x", retained=True, repeated=True)]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a length of 5 bytes", b"\x30\xff\xff\xff\xff\x01"),
        ("a message too long", b"\x30\xff\xff\x7f"),
        ("a control packet too long", b"\x40\xff\x7f"),
        ("HTTP", b"HTTP/1.1 400 Bad Request"),
        ("QoS 2", b"\x34\x06\0\1a\0\1x"),
        ("QoS 3", b"\x36\x06\0\1a\0\1x"),
        ("a topic past the end", b"\x30\x04\0\x09ab"),
        ("no packet identifier", b"\x32\x03\0\1a"),
        ("packet identifier 0", b"\x32\x06\0\1a\0\0x"),
        ("a topic that is no UTF-8", b"\x30\x04\0\1\xffx"),
        ("an empty PUBLISH", b"\x30\x00"),
    ],
)
def test_what_is_no_mqtt_is_named(name, data):
    with pytest.raises(BadPacket):
        Parser().feed(data)


def test_mutants_end_in_packets_or_a_named_error_and_hold_no_memory():
    rng = random.Random(11)
    base = packets.publish(TOPIC, bytes(150), 9) + packets.pubacks([1, 2]) + packets.PING
    refused = 0
    for _ in range(20_000):
        data, parser = bytearray(base), Parser()
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.choice((0, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        try:
            for at in range(0, len(data), 61):
                parser.feed(bytes(data[at : at + 61]))
        except BadPacket:
            refused += 1
        assert len(parser._rest) <= packets.MAX_PACKET_BYTES + 61
    assert refused > 500
