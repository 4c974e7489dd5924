"""What was read within an interval, and the fields of the reading that comes of it. Pure."""

from dataclasses import dataclass, field

from gateway.profiles import Readings
from gateway.profiles.quantities import PHASES

_MAX_DV, _MAX_MA, _MAX_W = 0xFFFF, 0xFFFFFFFF, 0x7FFFFFFF
"""What a record has room for. A power beyond is no device's, nor is a voltage below 0."""


@dataclass
class Interval:
    """Samples since `since_ms` (monotonic)."""

    since_ms: int
    powers_w: list[int] = field(default_factory=list)
    voltages_dv: list[int] = field(default_factory=list)
    max_ma: int = 0

    def add(self, readings: Readings) -> None:
        """Take one reading of the device in."""
        values = readings.values
        power_w = values.get("power_w")
        if power_w is None:
            power_w = _sum(values, "power", "w")
        if power_w is not None and abs(power_w) <= _MAX_W:
            self.powers_w.append(power_w)
        self.voltages_dv += [dv for dv in _each(values, "voltage", "dv")[:1] if dv >= 0]
        currents = [abs(value) for value in _each(values, "current", "ma")]
        self.max_ma = max([self.max_ma, *currents])

    def fields(self, import_wh: int, export_wh: int, now_ms: int) -> dict[str, object]:
        """The fields of a `Reading` beyond the chain's own."""
        powers = self.powers_w or [0]
        mean_w = round(sum(powers) / len(powers))
        voltages = self.voltages_dv or [0]
        return {
            "interval_s": min(0xFFFF, max(1, (now_ms - self.since_ms + 500) // 1000)),
            "channels": [[import_wh, export_wh, mean_w, max(abs(p) for p in powers), 0]],
            "voltage_dv": min(round(sum(voltages) / len(voltages)), _MAX_DV),
            "max_ma": min(self.max_ma, _MAX_MA),
        }


def _each(values: dict[str, int], name: str, unit: str) -> list[int]:
    keys = [f"{name}_{unit}", *(f"{name}_{phase}_{unit}" for phase in PHASES)]
    return [values[key] for key in keys if key in values]


def _sum(values: dict[str, int], name: str, unit: str) -> int | None:
    found = [values[key] for phase in PHASES if (key := f"{name}_{phase}_{unit}") in values]
    return sum(found) if found else None
