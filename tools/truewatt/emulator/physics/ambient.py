"""Outdoor temperature: a year's and a day's wave, and days that differ by a seed."""

import math
from dataclasses import dataclass
from random import Random

from truewatt.emulator.physics.assets import DAY_S

_YEAR_D = 365.25
_COLDEST_D, _WARMEST_S = 19, 15 * 3600


@dataclass(frozen=True)
class AmbientSpec:
    """Mean of the year, half of what lies between winter and summer, and between night and day."""

    mean_c: float = 10.5
    season_c: float = 9.5
    swing_c: float = 5.0
    spread_c: float = 2.0


class Ambient:
    """The same for all homes and for the twin. Computed once a minute."""

    def __init__(self, spec: AmbientSpec, seed: int) -> None:
        self._spec = spec
        self._seed = seed
        self._minute = -1
        self._now_c = 0.0

    def temperature_c(self, local_s: int) -> float:
        """At local seconds since 1970."""
        if local_s // 60 != self._minute:
            self._minute = local_s // 60
            self._now_c = self._at(local_s)
        return self._now_c

    def _at(self, local_s: int) -> float:
        spec = self._spec
        day, of_day = divmod(local_s, DAY_S)
        season = -math.cos(2 * math.pi * (day - _COLDEST_D) / _YEAR_D)
        swing = math.cos(2 * math.pi * (of_day - _WARMEST_S) / DAY_S)
        # Between this day's offset and the next one's, so that midnight makes no step.
        share = of_day / DAY_S
        offset = self._offset(day) * (1 - share) + self._offset(day + 1) * share
        return spec.mean_c + spec.season_c * season + spec.swing_c * swing + offset

    def _offset(self, day: int) -> float:
        return Random(f"{self._seed}/ambient/{day}").gauss(0, self._spec.spread_c)
