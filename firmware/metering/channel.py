"""One measured channel: its cumulative register and what happened since the last record."""

from metering.energy import STEADY
from wireformat import codes

FAULT_AFTER_POLLS = 3
"""A single lost answer is noise; this many in a row are a fault."""


class ChannelMeter:
    """Sums samples of one module between two records."""

    def __init__(self, kind: int, sensor: object) -> None:
        self.kind = kind
        self.sensor = sensor
        self.energy = sensor.energy_register()
        self.last = None
        self.faulty = False
        self._failures = 0
        self._sampled_ms = None
        self._reset_sums()

    @property
    def sign(self) -> int:
        """+1 where the energy is import, -1 for generation: import is positive on the wire."""
        return -1 if self.kind == codes.GENERATION else 1

    def _reset_sums(self) -> None:
        self._count = self._sum_w = self._sum_var = self._sum_dv = 0
        self._max_w = self._max_ma = 0

    def add(self, sample: object, now_ms: int) -> int:
        """Take a sample at `now_ms` (monotonic); returns what the counter did (`energy`)."""
        elapsed_ms = None if self._sampled_ms is None else now_ms - self._sampled_ms
        self._sampled_ms = now_ms
        self._failures = 0
        self.faulty = False
        self.last = sample
        self._count += 1
        self._sum_w += sample.power_w
        self._sum_var += sample.var
        self._sum_dv += sample.voltage_dv
        self._max_w = max(self._max_w, abs(sample.power_w))
        self._max_ma = max(self._max_ma, sample.current_ma)
        return self.energy.update(sample.counter, elapsed_ms)

    def failed(self) -> bool:
        """A poll failed; True when this makes the channel faulty."""
        self._failures += 1
        if self.faulty or self._failures < FAULT_AFTER_POLLS:
            return False
        self.faulty = True
        self.last = None
        return True

    def registers(self) -> "tuple[int, int]":
        """(import_wh, export_wh), cumulative."""
        wh = self.energy.register_wh
        return (0, wh) if self.kind == codes.GENERATION else (wh, 0)

    def at_least(self, row: "list[int]") -> None:
        """Never fall below the registers of a journalled record."""
        self.energy.at_least(max(row[0], row[1]))

    def power_w(self) -> int:
        """Last power, import positive; 0 while faulty."""
        return self.sign * self.last.power_w if self.last else 0

    def take(self) -> "tuple[list[int], int, int]":
        """(row of `wireformat.chained.CHANNEL`, mean dV, highest mA); begins a new interval."""
        count = self._count or 1
        half = count // 2
        imported, exported = self.registers()
        mean_w = self.sign * ((self._sum_w + half) // count)
        mean_var = (self._sum_var + half) // count
        row = [imported, exported, mean_w, self._max_w, mean_var]
        result = (row, (self._sum_dv + half) // count, self._max_ma)
        self._reset_sums()
        return result


def unsteady(what: int) -> bool:
    """Whether the module's counter jumped, so that the new base must be saved at once."""
    return what != STEADY
