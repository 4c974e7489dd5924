"""A device's energy register as its records show it: never runs back, whatever the meter does.

Pure. It starts where the meter's own counter stands, so that both agree until the meter is reset
or exchanged; from then on it goes on from its last value (ADR 72 says what counts).
"""

from dataclasses import dataclass, replace

from gateway.profiles.counter import CounterLimits, CounterState, judge
from wireformat import cbor

UNKNOWN_TIME_MS = 86_400_000
"""How long is assumed to have passed while this gateway's clock is not trusted."""


@dataclass(frozen=True)
class Tally:
    """`total_wh` is what records show; `state` judges the meter's next reading."""

    total_wh: int
    state: CounterState

    def after(
        self, reading_wh: int, now_ms: int, limits: CounterLimits, clock_sound: bool = True
    ) -> "Tally":
        """The register once the meter reads `reading_wh` at `now_ms` (Unix)."""
        before = self.state
        if not clock_sound:
            before = replace(before, good_ms=now_ms - UNKNOWN_TIME_MS)
        state, step = judge(before, reading_wh, now_ms, limits)
        return Tally(self.total_wh + step.energy_wh, state)


def first(reading_wh: int, now_ms: int) -> Tally:
    """A register that begins, at the meter's own counter."""
    return Tally(reading_wh, CounterState(reading_wh, now_ms))


def encode(tallies: dict[str, Tally]) -> bytes:
    """For the store. A doubt is not kept: the next readings raise it again."""
    return cbor.encode(
        [
            [name, t.total_wh, t.state.good_wh, t.state.good_ms]
            for name, t in sorted(tallies.items())
        ]
    )


def decode(data: bytes) -> dict[str, Tally]:
    """The inverse of `encode`."""
    rows = cbor.decode(data)
    assert isinstance(rows, list)
    return {name: Tally(total, CounterState(good, at)) for name, total, good, at in rows}
