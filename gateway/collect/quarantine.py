"""When to visit a board again: at its slot, or ever less often while it doesn't answer.

Pure; all times are wall seconds, because a silent board costs the others wall time.
"""

FAILURES_TO_QUARANTINE = 2

PROBE_S, FULL_PROBE_S = 0.5, 60.0
"""How long a probe of a board that never answered waits; every `_FULL_EVERY`th waits as long as any
request may, for a line that is slow. Others wait as long as the board used to need, twice."""

_FULL_EVERY = 8

DEAD_SHARE = 0.02
"""What a dead board may cost of its bus."""

_FIRST_PAUSE, _GROWTH = 3, 3
_MOST_PAUSE = 1.5 / DEAD_SHARE
"""Pauses as multiples of what the failed visit cost: short at first, for a board that restarts."""


class Schedule:
    """The next visit of one board. A dead one costs its bus little, and is found again soon.

    Visits are at the board's slots: each `interval_s`, `phase_s` after the others' beginning.
    """

    def __init__(self, interval_s: float, phase_s: float = 0.0) -> None:
        self._interval_s, self._phase_s = interval_s, phase_s
        self.failures = 0
        self.due_s = 0.0

    @property
    def quarantined(self) -> bool:
        """Whether the board is only probed."""
        return self.failures >= FAILURES_TO_QUARANTINE

    @property
    def probe_s(self) -> float | None:
        """How long the next visit's only question may wait; None: it may ask as any request."""
        if not self.failures:
            return None
        return PROBE_S if self.failures % _FULL_EVERY else FULL_PROBE_S

    def answered(self, now_s: float) -> None:
        """The visit went well: the next is at the first slot that is not too near."""
        self.failures = 0
        slots = (now_s - self._phase_s) // self._interval_s + 1
        self.due_s = self._phase_s + slots * self._interval_s
        if self.due_s < now_s + self._interval_s / 2:
            self.due_s += self._interval_s

    def failed(self, now_s: float, cost_s: float) -> None:
        """The visit failed and took `cost_s` of the bus: probe after a pause that grows with both.

        At speed the interval may be shorter than a time-out, so the cost sets the least pause.
        """
        self.failures += 1
        growth = _GROWTH ** min(self.failures - 1, 16)
        pauses = min(_FIRST_PAUSE * growth, _MOST_PAUSE)
        self.due_s = now_s + max(self._interval_s, pauses * cost_s)

    def forgive(self) -> None:
        """Start afresh, with a visit at once: what failed was not the board's doing."""
        self.failures, self.due_s = 0, 0.0

    def hurry(self) -> None:
        """Visit next."""
        self.due_s = 0.0
