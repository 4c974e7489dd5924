"""Physical plausibility: registers never run back, nor faster than their line can carry.

Pure; integers only: Wh, W, s.
"""

import struct
from typing import NamedTuple

from gateway.admit.errors import ImplausiblePower, ImplausibleRegister, WrongChannels
from wireformat import cbor, codes
from wireformat.chained import MAX_CHANNELS, Feeder, Reading

IMPORT_WH, EXPORT_WH, MEAN_W, MAX_W = range(4)
"""Columns of `wireformat.chained.CHANNEL`."""

RESOLUTION_WH = 2
"""A register step lies within 1 Wh of the true energy, at both ends of the interval."""

UNKNOWN_TIME_S = 86_400
"""How long is assumed to have passed where either end's clock is not trusted."""

MeasuredRecord = Reading | Feeder


_FORM = 1
_FORMS = {
    form.size: form
    for form in (struct.Struct(">BQ?" + "QQ" * count) for count in range(1, MAX_CHANNELS + 1))
}
"""By size: form 1, time, whether it was trusted, then import and export of each channel."""


class Measured(NamedTuple):
    """What the next measured record of a board is held against.

    `registers`: import_wh and export_wh of each channel, one after the other.
    """

    time_s: int
    clock_trusted: bool
    registers: tuple[int, ...]

    @classmethod
    def of(cls, record: MeasuredRecord) -> "Measured":
        """The state that `record` leaves behind."""
        rows = record.channels
        registers = tuple([row[column] for row in rows for column in (IMPORT_WH, EXPORT_WH)])
        return cls(record.time_s, not record.flags & codes.CLOCK_UNTRUSTED, registers)

    def encode(self) -> bytes:
        """For `Head.measured`."""
        form = _FORMS[_HEAD_BYTES + 8 * len(self.registers)]
        return form.pack(_FORM, self.time_s, self.clock_trusted, *self.registers)

    @classmethod
    def decode(cls, data: bytes) -> "Measured":
        """The inverse of `encode`; reads what earlier versions wrote too."""
        if data[0] == _FORM:
            _, time_s, trusted, *registers = _FORMS[len(data)].unpack(data)
            return cls(time_s, trusted, tuple(registers))
        value = cbor.decode(data)
        assert isinstance(value, list)
        time_s, trusted, rows = value
        return cls(time_s, trusted, tuple(register for row in rows for register in row))


_HEAD_BYTES = struct.calcsize(">BQ?")


def check_measured(
    record: MeasuredRecord, before: Measured | None, channels: int, max_power_w: int
) -> None:
    """Refuse registers and powers that the line behind the board can't have produced.

    Raises `WrongChannels`, `ImplausiblePower` or `ImplausibleRegister`.
    """
    if len(record.channels) != channels:
        what = f"{len(record.channels)} channels, {channels} are enrolled"
        raise WrongChannels(what, _where(record))
    for index, row in enumerate(record.channels):
        if row[MAX_W] > max_power_w or not -max_power_w <= row[MEAN_W] <= max_power_w:
            power_w = max(abs(row[MEAN_W]), row[MAX_W])
            what = f"{power_w} W, at most {max_power_w} W"
            raise ImplausiblePower(what, f"{_where(record)} channel {index}")
    if before is not None and len(before.registers) == 2 * channels:
        _check_registers(record, before, _most_wh(record, before, max_power_w))


def _check_registers(record: MeasuredRecord, before: Measured, most_wh: int) -> None:
    at = 0
    for row in record.channels:
        for column in (IMPORT_WH, EXPORT_WH):
            grown_wh = row[column] - before.registers[at]
            if not 0 <= grown_wh <= most_wh:
                raise _implausible(record, grown_wh, most_wh, at)
            at += 1


def _implausible(
    record: MeasuredRecord, grown_wh: int, most_wh: int, at: int
) -> ImplausibleRegister:
    name, where = ("import", "export")[at % 2], f"{_where(record)} channel {at // 2}"
    if grown_wh < 0:
        return ImplausibleRegister(f"{name} register fell by {-grown_wh} Wh", where)
    return ImplausibleRegister(
        f"{name} register grew by {grown_wh} Wh, at most {most_wh} Wh", where
    )


def _where(record: MeasuredRecord) -> str:
    return f"epoch {record.epoch} seq {record.seq}"


def _most_wh(record: MeasuredRecord, before: Measured, max_power_w: int) -> int:
    """What the line can carry since `before`."""
    if not before.clock_trusted or record.flags & codes.CLOCK_UNTRUSTED:
        return max_power_w * UNKNOWN_TIME_S // 3600 + RESOLUTION_WH
    # One interval more: the register is read some time before the record is stamped.
    duration_s = max(record.time_s - before.time_s, 0) + record.interval_s
    return max_power_w * duration_s // 3600 + RESOLUTION_WH
