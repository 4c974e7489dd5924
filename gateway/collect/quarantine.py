"""When to visit a board again: at its interval, or ever less often while it doesn't answer.

Pure; all times are wall seconds, because a silent board costs the others wall time.
"""

FAILURES_TO_QUARANTINE = 2
_GROWTH_MOST = 6


PROBE_S = 0.5
"""How long a probe waits; every third waits as long as any request, for a board that is slow."""

_COST_SHARE = 3


class Schedule:
    """The next visit of one board. A dead one costs its bus little, and is found again soon."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self.failures = 0
        self.due_s = 0.0

    @property
    def quarantined(self) -> bool:
        """Whether the board is only probed."""
        return self.failures >= FAILURES_TO_QUARANTINE

    @property
    def probe_s(self) -> float | None:
        """How long the next visit may wait for a first answer; None: as long as any request."""
        return PROBE_S if self.quarantined and self.failures % 3 else None

    def answered(self, now_s: float) -> None:
        """The visit went well."""
        self.failures = 0
        self.due_s = now_s + self._interval_s

    def failed(self, now_s: float, cost_s: float) -> None:
        """The visit failed and took `cost_s` of the bus: probe after a pause that grows with both.

        At speed the interval may be shorter than a time-out, so the cost sets the least pause.
        """
        self.failures += 1
        pause_s = max(self._interval_s, _COST_SHARE * cost_s)
        growth = 2 ** max(self.failures - FAILURES_TO_QUARANTINE, 0)
        self.due_s = now_s + pause_s * min(growth, _GROWTH_MOST)

    def hurry(self) -> None:
        """Visit next."""
        self.due_s = 0.0
