"""MQTT 3.1.1 packets of a small client: bytes to and from, no I/O. Section numbers are OASIS's.

A board takes no packet longer than `MAX_PACKET_BYTES`, so that nobody fills its heap from outside.
"""

from core.errors import BoardError

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP = 2, 3, 4, 9, 13
PING = b"\xc0\x00"
GOODBYE = b"\xe0\x00"
MAX_PACKET_BYTES = 400
_SKIPPED_AT_ONCE = 128

_WILL_QOS_1 = 0x0C  # will flag, will QoS 1, not retained (3.1.2.5)
_USER, _PASSWORD = 0x80, 0x40


class MqttError(BoardError):
    """The broker is not there, said no, or speaks something else."""


def connect(
    client_id: str, keepalive_s: int, will: str, user: "str | None", password: str
) -> bytes:
    """CONNECT (3.1) to a session that lasts, with an empty message to `will` as last will."""
    flags = _WILL_QOS_1
    tail = _text(client_id) + _text(will) + b"\0\0"
    if user:
        flags |= _USER | _PASSWORD
        tail += _text(user) + _text(password)
    return _packet(0x10, _text("MQTT") + bytes((4, flags)) + keepalive_s.to_bytes(2, "big") + tail)


def subscribe(mid: int, topics: "list[str]") -> bytes:
    """SUBSCRIBE (3.8) with QoS 1."""
    return _packet(0x82, mid.to_bytes(2, "big") + b"".join(_text(t) + b"\1" for t in topics))


def publish(topic: str, payload: bytes, mid: int) -> bytes:
    """PUBLISH (3.3) with QoS 1, not retained."""
    return _packet(0x32, _text(topic) + mid.to_bytes(2, "big") + payload)


def puback(mid: int) -> bytes:
    """PUBACK (3.4)."""
    return b"\x40\x02" + mid.to_bytes(2, "big")


def split_publish(head: int, body: bytes) -> "tuple[bytes, int, bytes]":
    """(topic, packet id or 0, payload) of a PUBLISH. Raises `MqttError`."""
    qos = head >> 1 & 3
    start = 2 + (body[0] << 8 | body[1]) if len(body) >= 2 else 0
    end = start + 2 if qos else start
    if not start or qos > 1 or end > len(body):
        raise MqttError("PUBLISH of %d bytes with QoS %d" % (len(body), qos), "mqtt")
    return body[2:start], int.from_bytes(body[start:end], "big"), body[end:]


async def read(stream: object) -> "tuple[int, bytes]":
    """The next packet: its first byte and what stands behind the length. Raises `MqttError`."""
    head = (await stream.readexactly(1))[0]
    size = shift = 0
    while True:
        part = (await stream.readexactly(1))[0]
        size |= (part & 0x7F) << shift
        if not part & 0x80:
            break
        shift += 7
        if shift > 14:
            raise MqttError("a packet length of more than 3 bytes", "mqtt")
    if size > MAX_PACKET_BYTES and head >> 4 == PUBLISH:
        return head, await _without_payload(stream, head, size)
    if size > MAX_PACKET_BYTES:
        raise MqttError("a packet of %d bytes, at most %d" % (size, MAX_PACKET_BYTES), "mqtt")
    return head, (await stream.readexactly(size)) if size else b""


async def _without_payload(stream: object, head: int, size: int) -> bytes:
    """A PUBLISH too long to keep: topic and packet id, as if its payload were empty.

    To end the connection over it would be no way out: the broker brings it again with each one,
    until it is confirmed.
    """
    length = await stream.readexactly(2)
    more = (length[0] << 8 | length[1]) + (2 if head >> 1 & 3 else 0)
    left = size - 2 - more
    if more > MAX_PACKET_BYTES or left < 0:
        raise MqttError("a PUBLISH with a topic of %d bytes" % more, "mqtt")
    kept = length + await stream.readexactly(more)
    while left:
        left -= len(await stream.readexactly(min(left, _SKIPPED_AT_ONCE)))
    return kept


def _text(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(2, "big") + raw


def _packet(head: int, body: bytes) -> bytes:
    size = len(body)
    if size < 0x80:
        return bytes((head, size)) + body
    return bytes((head, size & 0x7F | 0x80, size >> 7)) + body
