"""A storage water heater: one well-mixed tank, its own thermostat, a household's hot water.

The tank is given by its usable heat: `tank_wh` is what lies between `least_c`, the coldest that
still counts as hot water, and `full_c`. 6 kWh between 40 and 60 C are 258 litres.
"""

import math
from dataclasses import dataclass
from random import Random
from typing import Any

from truewatt.emulator.physics.assets import DAY_S, NOMINAL_V


@dataclass(frozen=True)
class WaterHeaterSpec:
    """A storage heater: rated power at 230 V, usable heat, hot water drawn, heat lost."""

    power_w: float = 2000.0
    tank_wh: float = 6000.0
    draw_wh_per_day: float = 5000.0
    standby_w: float = 40.0
    full_c: float = 60.0
    least_c: float = 40.0


class WaterHeater:
    """A resistive load under its own thermostat: on below 80 % of its heat, off when full."""

    _ON_BELOW = 0.8

    def __init__(self, spec: WaterHeaterSpec, random: Random) -> None:
        self.spec = spec
        self.stored_wh = spec.tank_wh * random.uniform(0.6, 0.95)
        self.unmet_wh = 0.0
        self._heating = False
        self._draw_w = [
            spec.draw_wh_per_day * weight * 60 for weight in _draw_weights(random.gauss(0, 20))
        ]

    def step(self, local_s: int, voltage_v: float) -> float:
        """Advance a second; the power in W."""
        spec = self.spec
        if self.stored_wh < self._ON_BELOW * spec.tank_wh:
            self._heating = True
        elif self.stored_wh >= spec.tank_wh:
            self._heating = False
        power_w = spec.power_w * (voltage_v / NOMINAL_V) ** 2 if self._heating else 0.0
        taken_w = self._draw_w[local_s % DAY_S // 60] + spec.standby_w
        self.stored_wh += (power_w - taken_w) / 3600
        if self.stored_wh < 0:
            self.unmet_wh -= self.stored_wh
            self.stored_wh = 0.0
        return power_w

    @property
    def temperature_c(self) -> float:
        """Of the water; at `least_c` no more is drawn, and what was wanted counts as unmet."""
        spec = self.spec
        return spec.least_c + (spec.full_c - spec.least_c) * self.stored_wh / spec.tank_wh

    def state(self) -> dict[str, Any]:
        """For people."""
        return {"temperature_c": self.temperature_c, "unmet_wh": self.unmet_wh}


def _draw_weights(shift_min: float) -> list[float]:
    """Share of a day's hot water per minute: a morning and an evening hump."""
    humps = ((7 * 60 + shift_min, 40, 0.6), (20 * 60 + shift_min, 70, 0.4))
    weights = [
        sum(share * math.exp(-0.5 * ((m - at) / width) ** 2) / width for at, width, share in humps)
        for m in range(1440)
    ]
    total = sum(weights)
    return [weight / total for weight in weights]
