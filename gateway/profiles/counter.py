"""What a counter's next reading means: energy, a wrap, a reset, or nonsense that will pass.

Rule: energy is counted once and never invented. What can't be energy isn't counted until a
second reading agrees with it (ADR 72).
"""

from dataclasses import dataclass, replace
from enum import Enum

MS_PER_HOUR = 3_600_000


class Meaning(Enum):
    """What a reading turned out to be."""

    FIRST = "first"
    FORWARD = "forward"
    WRAP = "wrap"
    ROLLED_BACK = "rolled_back"
    SUSPECT = "suspect"
    GLITCH = "glitch"
    RESET = "reset"


@dataclass(frozen=True)
class CounterLimits:
    """What the counter can do: `max_power_w` over any time; `wrap_wh`, the count that reads 0.

    `resolution_wh`: one step of the display or the register. `rollback_wh`: how far it may fall
    without having been reset, because the meter forgets what it has not saved.
    """

    max_power_w: int
    wrap_wh: int | None = None
    resolution_wh: int = 1
    rollback_wh: int = 0


@dataclass(frozen=True)
class CounterState:
    """The last good reading and when; `suspect_*`: one that nothing has confirmed so far."""

    good_wh: int
    good_ms: int
    suspect_wh: int | None = None
    suspect_ms: int = 0


@dataclass(frozen=True)
class Step:
    """`energy_wh`: what has been counted since the last good reading, 0 in doubt."""

    meaning: Meaning
    energy_wh: int = 0


def judge(
    state: CounterState | None, reading_wh: int, now_ms: int, limits: CounterLimits
) -> tuple[CounterState, Step]:
    """The counter's next state and the meaning of `reading_wh` at `now_ms`, any monotonic ms.

    A reading that fits the last good one ends a doubt as GLITCH; one that fits the suspect
    reading ends it as RESET, and counting goes on from the suspect reading.
    """
    if state is None:
        return CounterState(reading_wh, now_ms), Step(Meaning.FIRST)
    elapsed_ms = now_ms - state.good_ms
    fits = _advance(state.good_wh, reading_wh, elapsed_ms, limits)
    if fits is not None:
        meaning = Meaning.WRAP if reading_wh < state.good_wh else Meaning.FORWARD
        if state.suspect_wh is not None:
            meaning = Meaning.GLITCH
        return CounterState(reading_wh, now_ms), Step(meaning, fits)
    if 0 < state.good_wh - reading_wh <= limits.rollback_wh:
        # The mark stays, so that no more is counted than the meter ever showed; its time too, as
        # what is counted next has been flowing since then.
        return replace(state, suspect_wh=None), Step(Meaning.ROLLED_BACK)
    return _doubt(state, reading_wh, now_ms, limits)


def _doubt(
    state: CounterState, reading_wh: int, now_ms: int, limits: CounterLimits
) -> tuple[CounterState, Step]:
    if state.suspect_wh is not None:
        elapsed_ms = now_ms - state.suspect_ms
        fits = _advance(state.suspect_wh, reading_wh, elapsed_ms, limits)
        if fits is not None:
            return CounterState(reading_wh, now_ms), Step(Meaning.RESET, fits)
    doubtful = replace(state, suspect_wh=reading_wh, suspect_ms=now_ms)
    return doubtful, Step(Meaning.SUSPECT)


def _advance(from_wh: int, to_wh: int, elapsed_ms: int, limits: CounterLimits) -> int | None:
    """The energy from one reading to another, if that much can have flowed; else None."""
    possible_wh = _possible_wh(elapsed_ms, limits)
    if to_wh >= from_wh:
        return to_wh - from_wh if to_wh - from_wh <= possible_wh else None
    if limits.wrap_wh is None or from_wh >= limits.wrap_wh:
        return None
    wrapped_wh = to_wh + limits.wrap_wh - from_wh
    return wrapped_wh if wrapped_wh <= possible_wh else None


def _possible_wh(elapsed_ms: int, limits: CounterLimits) -> int:
    """The most that can have flowed, with a step of the register at each end."""
    flowed_wh = -(-limits.max_power_w * max(elapsed_ms, 0) // MS_PER_HOUR)
    return flowed_wh + 2 * limits.resolution_wh
