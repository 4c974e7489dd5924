"""Who answers at an address: tells a swapped board from two boards that share the address.

Pure: fed with what was seen, gives a finding.
"""

import itertools
from collections import deque

SAME, FIRST, SWAPPED, TWO = "same", "first", "swapped", "two"

_MEMORY = 8
"""Visits remembered: two boards show A, B and A again within these."""

_SECOND_VOICES = 3
"""Replies in a row with more bytes behind them before two boards are named."""


class IdentityWatch:
    """For one address on one bus. `bound` is the board that was there before, if known."""

    def __init__(self, bound: bytes | None = None) -> None:
        self.bound = bound
        self._seen: deque[bytes] = deque(maxlen=_MEMORY)
        self._voices = 0

    def observe(self, device: bytes, second_voice: bool = False) -> str:
        """What the answer of `device` tells: SAME, FIRST, SWAPPED or TWO."""
        self._seen.append(device)
        self._voices = self._voices + 1 if second_voice else 0
        if self._voices >= _SECOND_VOICES or self._changes() > 1:
            return TWO
        before, self.bound = self.bound, device
        if before is None:
            return FIRST
        return SAME if before == device else SWAPPED

    def _changes(self) -> int:
        seen = list(self._seen)
        return sum(a != b for a, b in itertools.pairwise(seen))
