"""MQTT 3.1.1 packets, without any I/O: bytes to packets and back.

OASIS standard, 29 October 2014; section numbers are its. Made for many small messages at a time:
`Parser.feed` takes what a socket gave and returns all whole packets in it.
"""

import struct
from dataclasses import dataclass

from gateway.mqtt.errors import BadPacket

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 12, 13, 14

MAX_PACKET_BYTES = 2048
"""Ours have at most 330: longer ones are not worth the memory."""

_MAX_LENGTH_BYTES = 4
_MAX_CONTROL_BYTES = 64
_DUP, _RETAIN = 0x08, 0x01

PING = b"\xc0\x00"
GOODBYE = b"\xe0\x00"


@dataclass(slots=True)
class Message:
    """A PUBLISH (3.3). `mid` 0: QoS 0, nothing to acknowledge."""

    topic: str
    payload: bytes
    mid: int = 0
    retained: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Control:
    """Any other packet: its type and its bytes behind the fixed header."""

    kind: int
    body: bytes


class Parser:
    """Holds what is not yet whole; never more than one packet of `MAX_PACKET_BYTES`."""

    def __init__(self, max_bytes: int = MAX_PACKET_BYTES) -> None:
        self._rest = b""
        self._max = max_bytes

    def feed(self, data: bytes) -> list[Message | Control]:
        """All packets that are whole now. Raises `BadPacket`."""
        buffer = self._rest + data if self._rest else data
        at, end = 0, len(buffer)
        packets: list[Message | Control] = []
        while end - at >= 2:
            size, body = buffer[at + 1], at + 2
            if size & 0x80:
                size, body = _length(buffer, at + 1)
                if not body:
                    break
            most = self._max if buffer[at] >> 4 == PUBLISH else _MAX_CONTROL_BYTES
            if size > most:
                raise BadPacket(f"packet {buffer[at] >> 4} of {size} bytes, at most {most}")
            if body + size > end:
                break
            packets.append(_packet(buffer[at], buffer[body : body + size]))
            at = body + size
        self._rest = buffer[at:]
        return packets


def _length(buffer: bytes, at: int) -> tuple[int, int]:
    """(remaining length, where the body begins) of 2.2.3; (0, 0) while bytes are missing."""
    size = shift = 0
    for place in range(at, at + _MAX_LENGTH_BYTES):
        if place >= len(buffer):
            return 0, 0
        size |= (buffer[place] & 0x7F) << shift
        if not buffer[place] & 0x80:
            return size, place + 1
        shift += 7
    raise BadPacket("a length of more than 4 bytes")


def _packet(head: int, body: bytes) -> Message | Control:
    if head >> 4 != PUBLISH:
        return Control(head >> 4, body)
    qos = head >> 1 & 3
    if len(body) < 2 or qos > 1:
        raise BadPacket(f"PUBLISH of {len(body)} bytes with QoS {qos}")
    start = 2 + (body[0] << 8 | body[1])
    mid = 0
    try:
        topic = body[2:start].decode()
    except UnicodeDecodeError as error:
        raise BadPacket("a topic that is no UTF-8") from error
    if qos:
        if start + 2 > len(body):
            raise BadPacket("PUBLISH without its packet identifier")
        mid = body[start] << 8 | body[start + 1]
        start += 2
        if not mid:
            raise BadPacket("packet identifier 0")
    if start > len(body):
        raise BadPacket("a topic longer than its packet")
    return Message(topic, body[start:], mid, bool(head & _RETAIN), bool(head & _DUP))


def connect(client_id: str, keepalive_s: int, clean: bool, user: str, password: str) -> bytes:
    """CONNECT (3.1), without a will."""
    flags = 0x02 if clean else 0
    tail = _text(client_id)
    if user:
        flags |= 0x80
        tail += _text(user)
        if password:
            flags |= 0x40
            tail += _text(password)
    body = _text("MQTT") + bytes((4, flags)) + struct.pack(">H", keepalive_s) + tail
    return _with_head(CONNECT << 4, body)


def subscribe(mid: int, filters: list[tuple[str, int]]) -> bytes:
    """SUBSCRIBE (3.8) to (filter, QoS) pairs."""
    body = struct.pack(">H", mid) + b"".join(_text(name) + bytes((qos,)) for name, qos in filters)
    return _with_head(SUBSCRIBE << 4 | 2, body)


def publish(topic: str, payload: bytes, mid: int = 0, repeated: bool = False) -> bytes:
    """PUBLISH (3.3), never retained; `mid` 0: QoS 0."""
    head = PUBLISH << 4 | (2 if mid else 0) | (_DUP if repeated else 0)
    number = struct.pack(">H", mid) if mid else b""
    return _with_head(head, _text(topic) + number + payload)


def pubacks(mids: list[int]) -> bytes:
    """One PUBACK (3.4) for each packet identifier."""
    return b"".join(b"\x40\x02" + mid.to_bytes(2, "big") for mid in mids)


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw


def _with_head(head: int, body: bytes) -> bytes:
    size, length = len(body), bytearray()
    while True:
        size, low = size >> 7, size & 0x7F
        length.append(low | 0x80 if size else low)
        if not size:
            return bytes((head,)) + bytes(length) + body
