"""When to visit a board again: at its interval, or ever less often while it doesn't answer.

Pure; all times are wall seconds, because a silent board costs the others wall time.
"""

FAILURES_TO_QUARANTINE = 2
_GROWTH_MOST = 6


class Schedule:
    """The next visit of one board. A dead one costs its bus little, and is found again soon."""

    def __init__(self, interval_s: float, timeout_s: float) -> None:
        self._interval_s = interval_s
        # At speed the interval may be shorter than a timeout; a probe must not fill the bus.
        self._probe_s = max(interval_s, 2 * timeout_s)
        self.failures = 0
        self.due_s = 0.0

    @property
    def quarantined(self) -> bool:
        """Whether the board is only probed."""
        return self.failures >= FAILURES_TO_QUARANTINE

    def answered(self, now_s: float) -> None:
        """The visit went well."""
        self.failures = 0
        self.due_s = now_s + self._interval_s

    def failed(self, now_s: float) -> None:
        """The visit failed; probe after 1, 2, 4, at most 6 times the probe interval."""
        self.failures += 1
        if not self.quarantined:
            self.due_s = now_s + self._interval_s
            return
        growth = min(2 ** (self.failures - FAILURES_TO_QUARANTINE), _GROWTH_MOST)
        self.due_s = now_s + self._probe_s * growth

    def hurry(self) -> None:
        """Visit next."""
        self.due_s = 0.0
