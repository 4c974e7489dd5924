"""A cooled room: an air conditioner or a cold store under a thermostat with a deadband.

The compressor rests for `rest_s` after each stop, because it cannot start against its own pressure:
a relay that comes back early brings no power at once.
"""

from dataclasses import dataclass
from random import Random
from typing import Any

from truewatt.emulator.physics.ambient import Ambient


@dataclass(frozen=True)
class CoolingSpec:
    """Rated electrical power and cold per unit of it, the room's inertia, gains and comfort."""

    power_w: float = 900.0
    efficiency: float = 3.0
    setpoint_c: float = 24.0
    deadband_k: float = 1.0
    comfort_c: float = 26.0
    gain_w_per_k: float = 120.0
    gain_w: float = 300.0
    room_wh_per_k: float = 1_500.0
    rest_s: int = 180


class Cooling:
    """The machine and its room. Warmth beyond `comfort_c` counts as unmet."""

    def __init__(self, spec: CoolingSpec, ambient: Ambient, random: Random) -> None:
        self.spec = spec
        self.temperature_c = spec.setpoint_c + random.uniform(-0.5, 0.5) * spec.deadband_k
        self.unmet_wh = 0.0
        self.running = False
        self._ambient = ambient
        self._still_s = random.randrange(0, spec.rest_s + 1)

    def step(self, local_s: int, voltage_v: float) -> float:
        """Advance a second; the power in W."""
        spec = self.spec
        self._still_s = 0 if self.running else self._still_s + 1
        self.running = voltage_v > 0 and self._wants()
        power_w = spec.power_w if self.running else 0.0
        warmth_w = (self._ambient.temperature_c(local_s) - self.temperature_c) * spec.gain_w_per_k
        net_w = warmth_w + spec.gain_w - power_w * spec.efficiency
        self.temperature_c += net_w / 3600 / spec.room_wh_per_k
        if self.temperature_c > spec.comfort_c and net_w > 0:
            self.unmet_wh += net_w / 3600
        return power_w

    def _wants(self) -> bool:
        spec = self.spec
        if self.running:
            return self.temperature_c > spec.setpoint_c - spec.deadband_k / 2
        if self._still_s < spec.rest_s:
            return False
        return self.temperature_c > spec.setpoint_c + spec.deadband_k / 2

    def state(self) -> dict[str, Any]:
        """For people."""
        return {"temperature_c": self.temperature_c, "unmet_wh": self.unmet_wh}
