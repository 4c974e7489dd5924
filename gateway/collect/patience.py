"""How long to wait for a reply: learnt from a board's own replies, as TCP does (RFC 6298).

A fixed time-out is too short for a board that is busy with a signature, or wastes the bus on one
that is dead. Pure; all times are wall seconds, the wire's own time for the bytes left out.
"""

LEAST_S = 0.1
_GAIN, _DEVIATION_GAIN = 1 / 8, 1 / 4
_DEVIATIONS = 4


class Patience:
    """For one address. `timeout_s` starts at `most_s` and never exceeds it."""

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._mean_s: float | None = None
        self._deviation_s = 0.0
        self.timeout_s = most_s

    def answered(self, took_s: float) -> None:
        """A first request was answered; the replies to repeated ones tell nothing."""
        took_s = max(took_s, 0.0)
        if self._mean_s is None:
            self._mean_s, self._deviation_s = took_s, took_s / 2
        else:
            error_s = took_s - self._mean_s
            self._mean_s += _GAIN * error_s
            self._deviation_s += _DEVIATION_GAIN * (abs(error_s) - self._deviation_s)
        self._limit(self._mean_s + _DEVIATIONS * self._deviation_s)

    def missed(self) -> None:
        """No reply in time: the next may need longer."""
        self._limit(2 * self.timeout_s)

    def _limit(self, timeout_s: float) -> None:
        self.timeout_s = min(max(timeout_s, LEAST_S), self._most_s)
