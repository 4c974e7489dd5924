"""A heat pump that feeds a thermal store, with the two contacts of the SG-Ready label.

The label (Bundesverband Waermepumpe, "SG Ready", V1.1) numbers four states by two contacts:

    1  1:0  locked, for at most two hours
    2  0:0  normal
    3  0:1  raised: it is encouraged to run
    4  1:1  it shall run, as far as its own limits allow

What 3 and 4 change is the maker's choice. Here 3 lifts the store's setpoint by `raised_k`, 4 by
twice that and starts the compressor; a lock that lasts longer than two hours is no longer obeyed.
"""

from dataclasses import dataclass
from random import Random
from typing import Any

from truewatt.emulator.physics.ambient import Ambient

LOCKED, NORMAL, RAISED, FORCED = 1, 2, 3, 4
MODES = {(True, False): LOCKED, (False, False): NORMAL, (False, True): RAISED, (True, True): FORCED}
"""Contacts 1 and 2 closed -> state of the label."""

LONGEST_LOCK_S = 7200
_KELVIN = 273.15
# Share of Carnot's limit that small air-to-water machines reach.
_QUALITY = 0.4
_LIFT_K = 5.0


@dataclass(frozen=True)
class HeatPumpSpec:
    """Rated electrical power, a store of water, and a house that loses heat to the outside."""

    power_w: float = 2_000.0
    store_litres: float = 500.0
    setpoint_c: float = 40.0
    deadband_k: float = 4.0
    raised_k: float = 5.0
    least_c: float = 32.0
    loss_w_per_k: float = 150.0
    hot_water_w: float = 150.0
    rest_s: int = 600


class HeatPump:
    """The machine under its own controller; `signal` is what its two contacts show."""

    def __init__(self, spec: HeatPumpSpec, ambient: Ambient, random: Random) -> None:
        self.spec = spec
        self.temperature_c = spec.setpoint_c - random.uniform(0, spec.deadband_k)
        self.unmet_wh = 0.0
        self.mode = NORMAL
        self.running = False
        self._ambient = ambient
        self._locked_s = 0
        self._still_s = random.randrange(0, spec.rest_s + 1)
        self._wh_per_k = spec.store_litres * 1.163

    def signal(self, first: bool, second: bool) -> None:
        """The contacts moved; True: closed."""
        self.mode = MODES[first, second]

    def step(self, local_s: int, voltage_v: float) -> float:
        """Advance a second; the power in W."""
        outdoor_c = self._ambient.temperature_c(local_s)
        self._locked_s = self._locked_s + 1 if self.mode == LOCKED else 0
        self._still_s = 0 if self.running else self._still_s + 1
        self.running = voltage_v > 0 and self._wants()
        power_w = self.spec.power_w if self.running else 0.0
        wanted_w = max(0.0, 18.0 - outdoor_c) * self.spec.loss_w_per_k + self.spec.hot_water_w
        self.temperature_c += (power_w * self._cop(outdoor_c) - wanted_w) / 3600 / self._wh_per_k
        if self.temperature_c < self.spec.least_c:
            # The house goes cold instead of the store.
            self.unmet_wh += (self.spec.least_c - self.temperature_c) * self._wh_per_k
            self.temperature_c = self.spec.least_c
        return power_w

    def _wants(self) -> bool:
        spec = self.spec
        setpoint_c = spec.setpoint_c
        if self.mode == LOCKED and self._locked_s <= LONGEST_LOCK_S:
            return False
        if self.mode == RAISED:
            setpoint_c += spec.raised_k
        elif self.mode == FORCED:
            setpoint_c += 2 * spec.raised_k
        if self.running:
            return self.temperature_c < setpoint_c
        if self._still_s < spec.rest_s:
            return False
        below_k = 0.5 if self.mode == FORCED else spec.deadband_k
        return self.temperature_c < setpoint_c - below_k

    def _cop(self, outdoor_c: float) -> float:
        hot_k = self.temperature_c + _LIFT_K + _KELVIN
        lift_k = max(hot_k - (outdoor_c - _LIFT_K + _KELVIN), 15.0)
        return _QUALITY * hot_k / lift_k

    def state(self) -> dict[str, Any]:
        """For people."""
        return {
            "mode": self.mode,
            "temperature_c": self.temperature_c,
            "unmet_wh": self.unmet_wh,
        }
