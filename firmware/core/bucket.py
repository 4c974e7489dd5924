"""A token bucket with a share that only the important draw on."""


class TokenBucket:
    """`capacity` tokens, one more every `refill_ms`; the last `reserve` are for the privileged."""

    def __init__(self, capacity: int, refill_ms: int, reserve: int) -> None:
        self._capacity = capacity
        self._refill_ms = refill_ms
        self._reserve = reserve
        self._tokens = capacity
        self._since_ms = 0

    def take(self, now_ms: int, privileged: bool) -> bool:
        """Draw one token at `now_ms` (monotonic); False if there is none for this caller."""
        gained = (now_ms - self._since_ms) // self._refill_ms
        if gained > 0:
            self._tokens = min(self._capacity, self._tokens + gained)
            self._since_ms += gained * self._refill_ms
        if self._tokens <= (0 if privileged else self._reserve):
            return False
        self._tokens -= 1
        return True
