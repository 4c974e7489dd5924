"""An eight-channel relay board of Waveshare's: coils, and contacts that close for a time only.

Functions 01 and 05 as in its maker's wiki (Modbus RTU Relay): 0x0200 + relay closes ("flash on")
and 0x0400 + relay opens ("flash off") for a time in tenths of a second, at most 0x7FFF of them.
"""

import struct
from collections.abc import Callable

RELAYS = 8
_READ_COILS, _WRITE_COIL = 1, 5
_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 1, 2, 3
_ON, _OFF, _FLIP = 0xFF00, 0x0000, 0x5500
_FLASH_ON, _FLASH_OFF, _MOST_TENTHS = 0x0200, 0x0400, 0x7FFF


class EmulatedRelayBoard:
    """`now_ms` is its own clock: that of the run. `stuck`: it takes orders and does not follow."""

    def __init__(self, address: int, now_ms: Callable[[], int]) -> None:
        self.address = address
        self.silent = self.stuck = False
        self.written: list[tuple[int, int]] = []
        self._now_ms = now_ms
        self._closed = [False] * RELAYS
        self._until: dict[int, tuple[int, bool]] = {}

    @property
    def closed(self) -> list[bool]:
        """Its contacts now."""
        now_ms = self._now_ms()
        for relay, (until_ms, after) in list(self._until.items()):
            if now_ms >= until_ms:
                self._closed[relay] = after
                del self._until[relay]
        return list(self._closed)

    def answer(self, request: bytes, now_s: float) -> bytes | None:
        """The answer to function and data, without address and checksum; None: silence."""
        if self.silent:
            return None
        function, first, value = struct.unpack(">BHH", request[:5])
        if function == _READ_COILS:
            return self._read(first, value)
        if function == _WRITE_COIL:
            return self._write(request, first, value)
        return bytes((function | 0x80, _ILLEGAL_FUNCTION))

    def _read(self, first: int, count: int) -> bytes:
        if count < 1 or first + count > RELAYS:
            return bytes((_READ_COILS | 0x80, _ILLEGAL_ADDRESS))
        bits = sum(on << at for at, on in enumerate(self.closed[first : first + count]))
        return bytes((_READ_COILS, 1, bits))

    def _write(self, request: bytes, address: int, value: int) -> bytes:
        relay, what = address & 0xFF, address & 0xFF00
        if relay >= RELAYS or what not in (0, _FLASH_ON, _FLASH_OFF):
            return bytes((_WRITE_COIL | 0x80, _ILLEGAL_ADDRESS))
        if (value not in (_ON, _OFF, _FLIP)) if not what else not 1 <= value <= _MOST_TENTHS:
            return bytes((_WRITE_COIL | 0x80, _ILLEGAL_VALUE))
        self.written.append((address, value))
        if not self.stuck:
            self._set(relay, what, value)
        return request[:5]

    def _set(self, relay: int, what: int, value: int) -> None:
        before = self.closed[relay]
        self._until.pop(relay, None)
        if not what:
            self._closed[relay] = not before if value == _FLIP else value == _ON
            return
        self._closed[relay] = what == _FLASH_ON
        self._until[relay] = (self._now_ms() + 100 * value, what != _FLASH_ON)
