"""The one clock of a run: real time, or simulated time that all processes share.

A run at speed X sets `TRUEWATT_CLOCK="<monotonic origin ns>:<unix origin ms>:<speed>"`; every
process of it, MicroPython boards included, then computes the same simulated time from
CLOCK_MONOTONIC. Pure rules never see a clock: they take time as a parameter.
"""

import asyncio
import os
import time
from dataclasses import dataclass

ENV = "TRUEWATT_CLOCK"


class ClockError(ValueError):
    """`TRUEWATT_CLOCK` is not of the form monotonic_ns:unix_ms:speed."""


@dataclass(frozen=True)
class Clock:
    """Simulated Unix time as a linear function of CLOCK_MONOTONIC."""

    mono_origin_ns: int
    unix_origin_ns: int
    speed: float = 1.0
    follows_system: bool = False

    @classmethod
    def system(cls) -> "Clock":
        """The machine's own time; follows it when NTP sets it, as on a Pi that boots in 1970."""
        return cls(time.monotonic_ns(), time.time_ns(), follows_system=True)

    @classmethod
    def starting_at(cls, unix_ms: int, speed: float) -> "Clock":
        """A simulated clock that stands at `unix_ms` now."""
        return cls(time.monotonic_ns(), unix_ms * 1_000_000, speed)

    @classmethod
    def from_env(cls) -> "Clock":
        """The run's clock; the system's if the environment names none."""
        text = os.environ.get(ENV, "")
        if not text:
            return cls.system()
        try:
            mono_ns, unix_ms, speed = text.split(":")
            clock = cls(int(mono_ns), int(unix_ms) * 1_000_000, float(speed))
        except ValueError as error:
            raise ClockError(f"{ENV}={text!r}: expected monotonic_ns:unix_ms:speed") from error
        if not 0 < clock.speed <= 10_000:
            raise ClockError(f"{ENV}={text!r}: speed must be above 0 and at most 10000")
        return clock

    def to_env(self) -> str:
        """The value of `TRUEWATT_CLOCK` for processes of the same run."""
        return f"{self.mono_origin_ns}:{self.unix_origin_ns // 1_000_000}:{self.speed:g}"

    def unix_ns(self) -> int:
        """Unix time in nanoseconds."""
        return time.time_ns() if self.follows_system else self.unix_origin_ns + self.mono_ns()

    def unix_ms(self) -> int:
        """Unix time in milliseconds."""
        return self.unix_ns() // 1_000_000

    def mono_ns(self) -> int:
        """Simulated nanoseconds since the clock's origin; never steps back."""
        elapsed_ns = time.monotonic_ns() - self.mono_origin_ns
        return elapsed_ns if self.speed == 1.0 else int(elapsed_ns * self.speed)

    def mono_ms(self) -> int:
        """Simulated milliseconds since the clock's origin."""
        return self.mono_ns() // 1_000_000

    def wall(self, seconds: float) -> float:
        """Real seconds that `seconds` of this clock take."""
        return seconds / self.speed

    async def sleep(self, seconds: float) -> None:
        """Sleep `seconds` of this clock."""
        await asyncio.sleep(self.wall(seconds))
