"""What a home draws and generates by itself, minute by minute: measured, or modelled from a seed.

Time is local seconds since 1970, read as if local time were UTC. Every value depends on the seed,
the home and the minute alone, so that a run can be repeated and a twin sees the same home.
"""

import math
from random import Random
from typing import Protocol

from truewatt.emulator.physics.profiles import WEEK_S, Profiles, SiteProfile

_DAY_MIN = 1440
# Of an interval's energy, this share is there all the time; the rest comes in bursts.
_STEADY_SHARE = 0.4
_PV_UNSTEADINESS = 0.15


class MinuteSource(Protocol):
    """Mean power in W over one minute of local time."""

    def minute(self, minute: int) -> tuple[float, float]:
        """Return (load, generation), both 0 or more, of the minute since 1970."""


def spread(mean_w: float, minutes: int, unsteadiness: float, random: Random) -> list[float]:
    """Powers for each of `minutes` that vary but keep the energy of `mean_w` over all of them."""
    if mean_w <= 0:
        return [0.0] * minutes
    bursts = [random.expovariate(1.0) for _ in range(minutes)]
    to_mean = minutes / sum(bursts)
    return [mean_w * (1 - unsteadiness + unsteadiness * burst * to_mean) for burst in bursts]


class MeasuredHome:
    """A site of a profile file, repeated from its start when it has run out.

    `pv_kwp` scales its generation to a plant of that size; None keeps the measured one.
    `weeks_on`: by how many weeks it is ahead of the file: a site's second home lives its next week.
    """

    def __init__(
        self,
        profiles: Profiles,
        site: SiteProfile,
        seed: int,
        pv_kwp: float | None = None,
        weeks_on: int = 0,
    ) -> None:
        self._profiles = profiles
        self._site = site
        self._seed = seed
        scalable = pv_kwp is not None and site.pv_kwp > 0
        self._pv_scale = pv_kwp / site.pv_kwp if pv_kwp is not None and scalable else 1.0
        self._start_s = profiles.start_s - weeks_on * WEEK_S
        self._interval = -1
        self._load_w: list[float] = []
        self._pv_w: list[float] = []

    def minute(self, minute: int) -> tuple[float, float]:
        """Return (load, generation) in W."""
        minutes = self._profiles.interval_s // 60
        interval, at = divmod(minute - self._start_s // 60, minutes)
        if interval != self._interval:
            self._enter(interval, minutes)
        return self._load_w[at], self._pv_w[at]

    def _enter(self, interval: int, minutes: int) -> None:
        self._interval = interval
        row = interval % self._profiles.intervals
        to_w = 1000 * 60 / minutes
        random = Random(f"{self._seed}/{self._site.name}/{row}")
        load_w = self._site.load_kwh[row] * to_w
        pv_w = self._site.pv_kwh[row] * to_w * self._pv_scale
        self._load_w = spread(load_w, minutes, 1 - _STEADY_SHARE, random)
        self._pv_w = spread(pv_w, minutes, _PV_UNSTEADINESS, random)


class ModelledPv:
    """A plant of `pv_kwp` under a seeded sky: a bell between 06:00 and 20:00, clouds by minute."""

    def __init__(self, seed: int, home: str, pv_kwp: float) -> None:
        self._key = f"{seed}/{home}/pv"
        self._pv_kwp = pv_kwp

    def power_w(self, minute: int) -> float:
        """Generation in W in the minute since 1970."""
        day, at = divmod(minute, _DAY_MIN)
        height = math.sin(math.pi * (at - 360) / 840) if 360 < at < 1200 else 0.0
        if height <= 0 or self._pv_kwp <= 0:
            return 0.0
        clear = 0.55 + 0.45 * Random(f"{self._key}/{day}").random()
        cloud = 1 - 0.25 * Random(f"{self._key}/{minute}").random()
        return 850.0 * self._pv_kwp * math.pow(height, 1.3) * clear * cloud


class ModelledHome:
    """A household from a seed: a base, a morning and an evening peak, short bursts, and PV."""

    def __init__(self, seed: int, home: str, pv_kwp: float) -> None:
        random = Random(f"{seed}/{home}/habits")
        self._key = f"{seed}/{home}/load"
        self._base_w = random.uniform(120, 320)
        self._morning_w = random.uniform(300, 900)
        self._evening_w = random.uniform(700, 2200)
        self._morning_min = random.gauss(7.25 * 60, 30)
        self._evening_min = random.gauss(19.5 * 60, 40)
        self._pv = ModelledPv(seed, home, pv_kwp)

    def minute(self, minute: int) -> tuple[float, float]:
        """Return (load, generation) in W."""
        at = minute % _DAY_MIN
        habit = self._morning_w * _bell(at - self._morning_min, 45)
        habit += self._evening_w * _bell(at - self._evening_min, 90)
        random = Random(f"{self._key}/{minute}")
        burst = random.uniform(800, 2000) if random.random() < 0.02 else 0.0
        load_w = (self._base_w + habit) * random.uniform(0.8, 1.2) + burst
        return load_w, self._pv.power_w(minute)


class WithModelledPv:
    """Measured load, modelled generation: for profiles without PV. A composite; say so."""

    def __init__(self, load: MinuteSource, pv: ModelledPv) -> None:
        self._load = load
        self._pv = pv

    def minute(self, minute: int) -> tuple[float, float]:
        """Return (load, generation) in W."""
        return self._load.minute(minute)[0], self._pv.power_w(minute)


def _bell(distance_min: float, width_min: float) -> float:
    """1 at the peak, less by day's distance around midnight."""
    distance_min = (distance_min + _DAY_MIN / 2) % _DAY_MIN - _DAY_MIN / 2
    return math.exp(-0.5 * (distance_min / width_min) ** 2)
