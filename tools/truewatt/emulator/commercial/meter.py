"""One emulated meter: what it measures in, Modbus answers out. Stricter than most real ones.

It refuses what the profile says must not be asked: words in a gap or outside of the map, and more
words than a block may have. Asked before its pause is over, it stays silent, as an SDM72 that
restarts does (reaper7/SDM_Energy_Meter, issue 50).
"""

import struct
from collections.abc import Mapping

from gateway.profiles import Profile, encode

_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 1, 2, 3
"""Modbus application protocol V1.1b3, section 7."""

_REQUEST = struct.Struct(">BHH")


class EmulatedMeter:
    """A meter of the profile's model at `address`; `values` by key (`import_wh`), None: n/a."""

    def __init__(
        self, profile: Profile, address: int = 1, values: Mapping[str, int | None] | None = None
    ) -> None:
        self.profile = profile
        self.address = address
        self.silent = False
        self.asked_too_soon = 0
        self.reads: list[tuple[int, int]] = []
        self._words: dict[int, int] = {}
        self._ready_s = 0.0
        self.measure(values or {})

    def measure(self, values: Mapping[str, int | None]) -> None:
        """Replace everything that it measures."""
        self._words = encode(self.profile, values)

    def answer(self, request: bytes, now_s: float) -> bytes | None:
        """The answer to function and data, without address and checksum; None: silence."""
        if now_s < self._ready_s:
            self.asked_too_soon += 1
            return None
        if self.silent:
            return None
        self._ready_s = now_s + self.profile.pause_ms / 1000
        function = request[0]
        if len(request) != _REQUEST.size or not self._serves(function):
            return bytes((function | 0x80, _ILLEGAL_FUNCTION))
        _, first, count = _REQUEST.unpack(request)
        self.reads.append((first, count))
        return self._read(function, first, count)

    def _serves(self, function: int) -> bool:
        if function == self.profile.function:
            return True
        identity = self.profile.identity
        return identity is not None and function == identity.function

    def _read(self, function: int, first: int, count: int) -> bytes:
        if not 1 <= count <= self.profile.max_block_words:
            return bytes((function | 0x80, _ILLEGAL_VALUE))
        words = self._image(function)
        row = [_word(words, address, self.profile) for address in range(first, first + count)]
        if None in row:
            return bytes((function | 0x80, _ILLEGAL_ADDRESS))
        return bytes((function, 2 * count)) + struct.pack(f">{count}H", *row)

    def _image(self, function: int) -> dict[int, int]:
        words = dict(self._words) if function == self.profile.function else {}
        identity = self.profile.identity
        if identity is not None and function == identity.function:
            value = identity.values[0]
            row = [value] if identity.type == "u16" else [value >> 16, value & 0xFFFF]
            words.update(enumerate(row, identity.address))
        return words


def _word(words: dict[int, int], address: int, profile: Profile) -> int | None:
    """The word at `address`; 0 in a hole that reads may cover; None where nothing is."""
    if address in words:
        return words[address]
    if any(gap.first <= address <= gap.last for gap in profile.gaps):
        return None
    before = max((known for known in words if known < address), default=None)
    after = min((known for known in words if known > address), default=None)
    if before is None or after is None or after - before - 1 > profile.max_hole_words:
        return None
    return 0
