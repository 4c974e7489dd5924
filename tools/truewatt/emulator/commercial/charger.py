"""A device with a writable profile: takes settings, and goes to its safe state when left alone.

As strict as `EmulatedMeter`: it refuses any register that its profile doesn't name, and values
beyond the range, as a device that guards itself does.
"""

import struct
from collections.abc import Callable, Mapping

from gateway.profiles import Profile
from gateway.profiles.profile import Write
from truewatt.emulator.commercial.meter import EmulatedMeter

_READ_HOLDING, _WRITE_MULTIPLE = 3, 16
_ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 2, 3
_WRITE_HEAD = struct.Struct(">BHHB")


class EmulatedActuator(EmulatedMeter):
    """A device of the profile's model. `now_ms` is its own clock: that of the run.

    `stuck`: it takes settings and does not follow them.
    """

    def __init__(
        self,
        profile: Profile,
        address: int,
        now_ms: Callable[[], int],
        values: Mapping[str, int | None] | None = None,
        phases: int = 0,
    ) -> None:
        super().__init__(profile, address, values)
        assert profile.failsafe is not None, f"{profile.name} can't be commanded"
        self.stuck = False
        self.written: list[tuple[int, int]] = []
        self._now_ms, self._failsafe = now_ms, profile.failsafe
        self._phases = phases or profile.phases
        self._heard_ms = now_ms()
        self._limit = next(write for write in profile.writes if write.action == "set_limit")
        # As they leave the factory: the highest value, and no watch over the line.
        self._holding = {write.address: write.most for write in profile.writes}
        self._holding |= {setup.address: 0 for setup in profile.setups}
        self._holding |= {self._failsafe.timeout_address: 0, self._failsafe.value_address: 0}

    @property
    def limit_w(self) -> int:
        """The most that it lets through now, W."""
        self._watch()
        return self._limit.watts(self._holding[self._limit.address], self._phases)

    def answer(self, request: bytes, now_s: float) -> bytes | None:
        """As a meter, and functions 03 and 16 on what can be set."""
        self._watch()
        function = request[0]
        if self.silent or function not in (_READ_HOLDING, _WRITE_MULTIPLE):
            answer = super().answer(request, now_s)
        elif function == _READ_HOLDING:
            answer = self._read_holding(*struct.unpack(">HH", request[1:5]))
        else:
            answer = self._write(request)
        if answer is not None:
            self._heard_ms = self._now_ms()
        return answer

    def _read_holding(self, first: int, count: int) -> bytes:
        row = [self._holding.get(at) for at in range(first, first + count)]
        if None in row or not row:
            return bytes((_READ_HOLDING | 0x80, _ILLEGAL_ADDRESS))
        return bytes((_READ_HOLDING, 2 * count)) + struct.pack(f">{count}H", *row)

    def _write(self, request: bytes) -> bytes:
        function, first, count, size = _WRITE_HEAD.unpack(request[: _WRITE_HEAD.size])
        if size != 2 * count or len(request) != _WRITE_HEAD.size + size:
            return bytes((function | 0x80, _ILLEGAL_VALUE))
        rows = list(zip(range(first, first + count), self._words_in(request), strict=True))
        if any(at not in self._holding for at, _ in rows):
            return bytes((function | 0x80, _ILLEGAL_ADDRESS))
        if any(not self._takes(at, value) for at, value in rows):
            return bytes((function | 0x80, _ILLEGAL_VALUE))
        self.written += rows
        if not self.stuck:
            self._holding.update(rows)
        return request[:5]

    @staticmethod
    def _words_in(request: bytes) -> tuple[int, ...]:
        data = request[_WRITE_HEAD.size :]
        return struct.unpack(f">{len(data) // 2}H", data)

    def _takes(self, address: int, value: int) -> bool:
        known = next((w for w in self.profile.writes if w.address == address), None)
        return known is None or _in_range(known, value)

    def _watch(self) -> None:
        timeout_ms = self._holding[self._failsafe.timeout_address]
        if timeout_ms and self._now_ms() - self._heard_ms > timeout_ms:
            self._holding[self._limit.address] = self._holding[self._failsafe.value_address]


def _in_range(write: Write, value: int) -> bool:
    return write.least <= value <= write.most or value == write.off
