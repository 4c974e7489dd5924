"""A token bucket with two halves, one for commands and one for everything else."""


class TokenBucket:
    """`capacity` tokens, one more every `refill_ms` for the half that has fewer, or in turns.

    So neither can use up what the other needs: not forged commands the way of an ack, nor the
    other way round. What one half leaves unused the other gets.
    """

    def __init__(self, capacity: int, refill_ms: int) -> None:
        self._capacity = capacity
        self._refill_ms = refill_ms
        self._tokens = [capacity // 2, capacity // 2]
        self._turn = 0

    def take(self, now_ms: int, command: bool) -> bool:
        """Draw one token at `now_ms` (monotonic); False if there is none for this caller."""
        tokens, turn = self._tokens, now_ms // self._refill_ms
        for past in range(max(self._turn, turn - self._capacity), turn):
            if tokens[0] + tokens[1] < self._capacity:
                more = tokens[0] - tokens[1] or 1 - 2 * (past & 1)
                tokens[more > 0] += 1
        self._turn = turn
        if not tokens[command]:
            return False
        tokens[command] -= 1
        return True
