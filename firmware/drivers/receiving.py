"""Waiting for a chip's frame on a serial line, the same for every chip."""

from core.errors import SensorGarbled, SensorSilent


async def receive(port: object, clock: object, timeout_ms: int, take: object, where: str) -> object:
    """What `take(buffer)` makes of the bytes that arrive; it returns None while it needs more.

    `take` drops from the buffer what it has no use for. Raises `SensorSilent`, `SensorGarbled`.
    """
    deadline_ms = clock.up_ms() + timeout_ms
    buffer = bytearray()
    got = 0
    while True:
        left_ms = deadline_ms - clock.up_ms()
        chunk = await port.read(left_ms) if left_ms > 0 else b""
        if not chunk:
            raise _fault(got, timeout_ms, where)
        got += len(chunk)
        buffer.extend(chunk)
        taken = take(buffer)
        if taken is not None:
            return taken


def _fault(got: int, timeout_ms: int, where: str) -> Exception:
    if got:
        return SensorGarbled("%d bytes without a valid frame" % got, where, "check wiring")
    return SensorSilent("nothing within %d ms" % timeout_ms, where, "check power and address")


def little24(data: bytes, at: int) -> int:
    """Unsigned, least significant byte first."""
    return data[at] | data[at + 1] << 8 | data[at + 2] << 16


def big24(data: bytes, at: int) -> int:
    """Unsigned, most significant byte first."""
    return data[at] << 16 | data[at + 1] << 8 | data[at + 2]
