"""Things that want a charge each day: a vehicle at its charger, and a plain daily need.

The charger follows IEC 61851-1: the current that it offers is 6 A or more, or charging pauses. A
limit below 6 A is therefore a pause, not a trickle.
"""

from dataclasses import dataclass
from typing import Any

from truewatt.emulator.physics.assets import NOMINAL_V, connected_between

LEAST_CURRENT_A = 6.0


@dataclass(frozen=True)
class DailyChargeSpec:
    """A load that wants `need_wh` each day between two times (minutes of the day)."""

    power_w: float = 2500.0
    need_wh: float = 5000.0
    from_min: int = 10 * 60
    until_min: int = 16 * 60


@dataclass(frozen=True)
class VehicleSpec:
    """A vehicle: it arrives at `from_min` lacking `need_wh`, leaves at `until_min`: its deadline.

    At `target_soc` it has what it wants and stops. Single-phase charging.
    """

    power_w: float = 3700.0
    need_wh: float = 8000.0
    from_min: int = 17 * 60 + 30
    until_min: int = 7 * 60
    capacity_wh: float = 40_000.0
    target_soc: float = 0.9


class DailyCharge:
    """Draws its rated power while it is connected, wants energy, and has supply."""

    def __init__(self, spec: DailyChargeSpec | VehicleSpec, local_s: int) -> None:
        self.spec = spec
        self.unmet_wh = 0.0
        self.connected = self._is_connected(local_s)
        self.remaining_wh = spec.need_wh if self.connected else 0.0

    def step(self, local_s: int, voltage_v: float) -> float:
        """Advance a second; the power in W."""
        connected = self._is_connected(local_s)
        if connected != self.connected:
            self.connected = connected
            self.unmet_wh += self.remaining_wh
            self.remaining_wh = self.spec.need_wh if connected else 0.0
        if not connected or voltage_v <= 0 or self.remaining_wh <= 0:
            return 0.0
        power_w = min(self._most_w(voltage_v), self.remaining_wh * 3600)
        self.remaining_wh -= power_w / 3600
        return power_w

    def _most_w(self, voltage_v: float) -> float:
        return self.spec.power_w

    def _is_connected(self, local_s: int) -> bool:
        return connected_between(local_s, self.spec.from_min, self.spec.until_min)

    def state(self) -> dict[str, Any]:
        """For people."""
        return {
            "connected": self.connected,
            "remaining_wh": self.remaining_wh,
            "unmet_wh": self.unmet_wh,
        }


class Vehicle(DailyCharge):
    """A vehicle at a charger with a limit.

    `limit_w`: the most it may draw, None for no limit; whoever writes it is in charge of when it
    lapses. Below 6 A at 230 V charging pauses.
    """

    def __init__(self, spec: VehicleSpec, local_s: int) -> None:
        super().__init__(spec, local_s)
        self.vehicle = spec
        self.limit_w: float | None = None

    @property
    def soc(self) -> float:
        """State of charge, 0..1; while it is away, that at which it left or will come back."""
        spec = self.vehicle
        return max(0.0, spec.target_soc - self.remaining_wh / spec.capacity_wh)

    @property
    def offered_w(self) -> float:
        """What the charger lets it draw."""
        if self.limit_w is None:
            return self.spec.power_w
        if self.limit_w < LEAST_CURRENT_A * NOMINAL_V:
            return 0.0
        return min(self.limit_w, self.spec.power_w)

    def _most_w(self, voltage_v: float) -> float:
        return self.offered_w

    def state(self) -> dict[str, Any]:
        """For people."""
        return {**super().state(), "soc": self.soc, "limit_w": self.limit_w}
