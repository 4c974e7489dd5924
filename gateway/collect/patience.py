"""How long to wait for a reply: learnt from a board's own replies, as TCP does (RFC 6298).

A fixed time-out is too short for a board that is busy with a signature, or wastes the bus on one
that is dead. Pure; all times are wall seconds, the wire's own time for the bytes left out.
"""

LEAST_S = 0.1
"""A board that erases flash answers after 45 to 80 ms, and hears nothing meanwhile: what is asked
then is often lost, and a command waits for this until it can be asked again."""

_GAIN, _DEVIATION_GAIN = 1 / 8, 1 / 4
_DEVIATIONS = 4


class Patience:
    """For one address. `timeout_s` starts at `most_s` and never exceeds it."""

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._mean_s: float | None = None
        self._deviation_s = 0.0
        self.timeout_s = most_s
        self._usual_s = most_s

    def probing_s(self, most_s: float) -> float:
        """How long a probe of a silent board waits: what it needed before it fell silent, twice.

        `most_s`: of a board that never answered.
        """
        return min(most_s if self._mean_s is None else 2 * self._usual_s, self._most_s)

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
        self._usual_s = self.timeout_s

    def missed(self) -> None:
        """No reply in time: the next may need longer."""
        self._limit(2 * self.timeout_s)

    def _limit(self, timeout_s: float) -> None:
        self.timeout_s = min(max(timeout_s, LEAST_S), self._most_s)


LOOK_LEAST_S, LOOK_FIRST_S, LOOK_MOST_S = 0.02, 0.05, 0.5
_EARLIER = 0.95


class Looks:
    """When to look first what became of a frame that a board verifies: each look costs the bus.

    Learnt from when earlier frames had ended; all times are wall seconds since the frame was sent.
    """

    def __init__(self) -> None:
        self.first_s = LOOK_FIRST_S

    def ended(self, pending_s: float | None, ended_s: float) -> None:
        """A frame had ended at `ended_s`, and still waited at `pending_s`, if it was seen so.

        Who never comes too early can't know by how much: a little earlier, then.
        """
        if pending_s is None:
            wanted_s = _EARLIER * self.first_s
        else:
            wanted_s = (self.first_s + (pending_s + ended_s) / 2) / 2
        self.first_s = min(max(wanted_s, LOOK_LEAST_S), LOOK_MOST_S)
