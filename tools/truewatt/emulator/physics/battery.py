"""A home battery behind an inverter that takes setpoints.

Signs as for loads: positive charges, negative discharges. A setpoint lapses `revert_s` after it
was last given, as a SunSpec inverter's controls do (model 704, WSetRvrtTms); then the inverter does
what it was installed for: it stores what the home's own plant has left over, or rests.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

Default = Literal["self", "idle"]


@dataclass(frozen=True)
class BatterySpec:
    """Capacity usable between the state-of-charge limits; losses half on the way in, half out."""

    capacity_wh: float = 10_000.0
    power_w: float = 5_000.0
    efficiency: float = 0.92
    least_soc: float = 0.1
    most_soc: float = 1.0
    soc: float = 0.5
    default: Default = "self"
    revert_s: int = 600


class Battery:
    """The battery and its inverter, seen at the inverter's AC terminals.

    `surplus_w`: what the home's plant generates beyond its loads, which the home tells it each
    second. `power_w`: what it did in the last one.
    """

    def __init__(self, spec: BatterySpec) -> None:
        self.spec = spec
        self.soc = spec.soc
        self.power_w = 0.0
        self.surplus_w = 0.0
        self.unmet_wh = 0.0
        self._setpoint_w: float | None = None
        self._left_s = 0
        self._each_way = math.sqrt(spec.efficiency)

    @property
    def setpoint_w(self) -> float | None:
        """The setpoint in force; None: it does its default."""
        return self._setpoint_w

    def set_w(self, watts: float | None, revert_s: int | None = None) -> None:
        """Charge (positive) or discharge (negative) with so much; None ends the setpoint.

        It lapses after `revert_s` seconds (None: the battery's own). Beyond the inverter's rating
        it does what it can.
        """
        self._setpoint_w = watts
        self._left_s = self.spec.revert_s if revert_s is None else revert_s

    def step(self, local_s: int, voltage_v: float) -> float:
        """Advance a second; the power in W."""
        if self._setpoint_w is not None:
            self._left_s -= 1
            if self._left_s < 0:
                self._setpoint_w = None
        self.power_w = self._move(self._wanted_w()) if voltage_v > 0 else 0.0
        return self.power_w

    def _wanted_w(self) -> float:
        if self._setpoint_w is not None:
            return self._setpoint_w
        return self.surplus_w if self.spec.default == "self" else 0.0

    def _move(self, wanted_w: float) -> float:
        """Take or give what rating and state of charge allow; the power at the terminals."""
        spec = self.spec
        if wanted_w >= 0:
            room_wh = max(0.0, spec.most_soc - self.soc) * spec.capacity_wh
            power_w = min(wanted_w, spec.power_w, room_wh / self._each_way * 3600)
            self.soc += power_w * self._each_way / 3600 / spec.capacity_wh
        else:
            held_wh = max(0.0, self.soc - spec.least_soc) * spec.capacity_wh
            power_w = max(wanted_w, -spec.power_w, -held_wh * self._each_way * 3600)
            self.soc += power_w / self._each_way / 3600 / spec.capacity_wh
        return power_w

    def state(self) -> dict[str, Any]:
        """For people."""
        return {"soc": self.soc, "setpoint_w": self._setpoint_w}
