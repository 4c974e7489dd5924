"""One emulated meter: what it measures in, Modbus answers out. Stricter than most real ones.

It refuses what the profile says must not be asked: words in a gap or outside of the map, and more
words than a block may have. Asked before its pause is over, it stays silent, as an SDM72 that
restarts does (reaper7/SDM_Energy_Meter, issue 50).
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.profiles import Profile, encode
from gateway.profiles.quantities import PHASES

_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 1, 2, 3
"""Modbus application protocol V1.1b3, section 7."""

_REQUEST = struct.Struct(">BHH")


@dataclass
class Measured:
    """What is at the device's terminals, phase by phase; positive power is drawn from the grid."""

    voltage_v: list[float]
    power_w: list[float]
    import_wh: float = 0.0
    export_wh: float = 0.0
    frequency_hz: float = 50.0
    import_phase_wh: Sequence[float] = ()
    export_phase_wh: Sequence[float] = ()

    def values(self, profile: Profile) -> dict[str, int | None]:
        """The same by the keys of `profile`, as far as it has them."""
        total_wh = self.import_wh + self.export_wh
        found: dict[str, float] = {
            "power_w": sum(self.power_w),
            "voltage_dv": 10 * self.voltage_v[0],
            "import_wh": self.import_wh,
            "export_wh": self.export_wh,
            "total_wh": total_wh,
            "frequency_mhz": 1000 * self.frequency_hz,
        }
        for phase, volts, watts in zip(PHASES, self.voltage_v, self.power_w, strict=False):
            ampere = abs(watts) / volts if volts else 0.0
            found[f"voltage_{phase}_dv"] = 10 * volts
            found[f"power_{phase}_w"] = watts
            found[f"current_{phase}_ma"] = 1000 * ampere
            found["current_ma"] = found.get("current_ma", 0.0) + 1000 * ampere
        for name, counts in (("import", self.import_phase_wh), ("export", self.export_phase_wh)):
            found |= {f"{name}_{at}_wh": wh for at, wh in zip(PHASES, counts, strict=False)}
        known = {register.key for register in profile.registers}
        return {key: round(value) for key, value in found.items() if key in known}


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
        self._source: Callable[[], Mapping[str, int | None]] | None = None
        self._words: dict[int, int] = {}
        self._ready_s = 0.0
        self.measure(values or {})

    def measure(self, values: Mapping[str, int | None]) -> None:
        """Replace everything that it measures."""
        self._source, self._words = None, encode(self.profile, values)

    def watch(self, source: Callable[[], Mapping[str, int | None]]) -> None:
        """Measure what `source` gives whenever somebody asks."""
        self._source = source

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
        if self._source is not None:
            self._words = encode(self.profile, self._source())
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
