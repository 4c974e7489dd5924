"""Loads behind a relay: on or off, each with an energy need of its own.

`step` advances one second of local time and returns the power drawn in W.
"""

import math
from dataclasses import dataclass
from random import Random
from typing import Protocol

NOMINAL_V = 230.0
_DAY_S = 86400


class Asset(Protocol):
    """A load that a relay can cut off."""

    unmet_wh: float

    def step(self, local_s: int, voltage_v: float) -> float:
        """Advance a second with `voltage_v` at its terminals (0: cut off); the power in W."""


@dataclass(frozen=True)
class WaterHeaterSpec:
    """A storage heater: rated power at 230 V, usable heat, hot water drawn, heat lost."""

    power_w: float = 2000.0
    tank_wh: float = 6000.0
    draw_wh_per_day: float = 5000.0
    standby_w: float = 40.0


@dataclass(frozen=True)
class DailyChargeSpec:
    """A vehicle or battery that wants `need_wh` each day between two times (minutes of the day)."""

    power_w: float = 3700.0
    need_wh: float = 8000.0
    from_min: int = 17 * 60 + 30
    until_min: int = 7 * 60


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
        taken_w = self._draw_w[local_s % _DAY_S // 60] + spec.standby_w
        self.stored_wh += (power_w - taken_w) / 3600
        if self.stored_wh < 0:
            self.unmet_wh -= self.stored_wh
            self.stored_wh = 0.0
        return power_w


class DailyCharge:
    """Draws its rated power while it is connected, wants energy, and has supply."""

    def __init__(self, spec: DailyChargeSpec, local_s: int) -> None:
        self.spec = spec
        self.unmet_wh = 0.0
        self._connected = self._is_connected(local_s)
        self.remaining_wh = spec.need_wh if self._connected else 0.0

    def step(self, local_s: int, voltage_v: float) -> float:
        """Advance a second; the power in W."""
        connected = self._is_connected(local_s)
        if connected != self._connected:
            self._connected = connected
            self.unmet_wh += self.remaining_wh
            self.remaining_wh = self.spec.need_wh if connected else 0.0
        if not connected or voltage_v <= 0 or self.remaining_wh <= 0:
            return 0.0
        power_w = min(self.spec.power_w, self.remaining_wh * 3600)
        self.remaining_wh -= power_w / 3600
        return power_w

    def _is_connected(self, local_s: int) -> bool:
        at = local_s % _DAY_S // 60
        start, end = self.spec.from_min, self.spec.until_min
        return start <= at < end if start <= end else at >= start or at < end


def _draw_weights(shift_min: float) -> list[float]:
    """Share of a day's hot water per minute: a morning and an evening hump."""
    humps = ((7 * 60 + shift_min, 40, 0.6), (20 * 60 + shift_min, 70, 0.4))
    weights = [
        sum(share * math.exp(-0.5 * ((m - at) / width) ** 2) / width for at, width, share in humps)
        for m in range(1440)
    ]
    total = sum(weights)
    return [weight / total for weight in weights]
