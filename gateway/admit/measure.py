"""Physical plausibility: registers never run back, nor faster than their line can carry.

Pure; integers only: Wh, W, s.
"""

from dataclasses import dataclass

import cbor2

from gateway.admit.errors import ImplausiblePower, ImplausibleRegister, WrongChannels
from wireformat import cbor, codes
from wireformat.chained import Feeder, Reading

IMPORT_WH, EXPORT_WH, MEAN_W, MAX_W = range(4)
"""Columns of `wireformat.chained.CHANNEL`."""

RESOLUTION_WH = 2
"""A register step lies within 1 Wh of the true energy, at both ends of the interval."""

UNKNOWN_TIME_S = 86_400
"""How long is assumed to have passed where either end's clock is not trusted."""

_REGISTERS = ((IMPORT_WH, "import"), (EXPORT_WH, "export"))

MeasuredRecord = Reading | Feeder


@dataclass(frozen=True)
class Measured:
    """What the next measured record of a board is held against.

    `registers`: per channel (import_wh, export_wh).
    """

    time_s: int
    clock_trusted: bool
    registers: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, record: MeasuredRecord) -> "Measured":
        """The state that `record` leaves behind."""
        rows = tuple((row[IMPORT_WH], row[EXPORT_WH]) for row in record.channels)
        return cls(record.time_s, not record.flags & codes.CLOCK_UNTRUSTED, rows)

    def encode(self) -> bytes:
        """For `Head.measured`."""
        # The same bytes as wireformat.cbor's, in a tenth of the time: once for each record.
        data = bytes(cbor2.dumps([self.time_s, self.clock_trusted, self.registers]))
        if len(_decoded) >= _MOST_DECODED:
            _decoded.clear()
        _decoded[data] = self
        return data

    @classmethod
    def decode(cls, data: bytes) -> "Measured":
        """The inverse of `encode`."""
        known = _decoded.pop(data, None)
        if known is not None:
            return known
        value = cbor.decode(data)
        assert isinstance(value, list)
        time_s, trusted, rows = value
        return cls(time_s, trusted, tuple((row[0], row[1]) for row in rows))


_MOST_DECODED = 4096
_decoded: dict[bytes, Measured] = {}
"""What was encoded last: the next record of a board asks for it."""


def check_measured(
    record: MeasuredRecord, before: Measured | None, channels: int, max_power_w: int
) -> None:
    """Refuse registers and powers that the line behind the board can't have produced.

    Raises `WrongChannels`, `ImplausiblePower` or `ImplausibleRegister`.
    """
    where = f"epoch {record.epoch} seq {record.seq}"
    if len(record.channels) != channels:
        raise WrongChannels(f"{len(record.channels)} channels, {channels} are enrolled", where)
    for index, row in enumerate(record.channels):
        if max(abs(row[MEAN_W]), row[MAX_W]) > max_power_w:
            power_w = max(abs(row[MEAN_W]), row[MAX_W])
            raise ImplausiblePower(
                f"{power_w} W, at most {max_power_w} W", f"{where} channel {index}"
            )
    if before is not None and len(before.registers) == channels:
        _check_registers(record, before, max_power_w, where)


def _check_registers(
    record: MeasuredRecord, before: Measured, max_power_w: int, where: str
) -> None:
    most_wh = _most_wh(record, before, max_power_w)
    for index, row in enumerate(record.channels):
        for column, name in _REGISTERS:
            grown_wh = row[column] - before.registers[index][column]
            if grown_wh < 0:
                raise ImplausibleRegister(
                    f"{name} register fell by {-grown_wh} Wh", f"{where} channel {index}"
                )
            if grown_wh > most_wh:
                raise ImplausibleRegister(
                    f"{name} register grew by {grown_wh} Wh, at most {most_wh} Wh",
                    f"{where} channel {index}",
                )


def _most_wh(record: MeasuredRecord, before: Measured, max_power_w: int) -> int:
    """What the line can carry since `before`."""
    if not before.clock_trusted or record.flags & codes.CLOCK_UNTRUSTED:
        return max_power_w * UNKNOWN_TIME_S // 3600 + RESOLUTION_WH
    # One interval more: the register is read some time before the record is stamped.
    duration_s = max(record.time_s - before.time_s, 0) + record.interval_s
    return max_power_w * duration_s // 3600 + RESOLUTION_WH
