"""Seeded disturbance of one talker's bytes.

What happens to a talker's n-th bit or frame depends on the seed and n alone, not on how the bytes
were split into reads, so a disturbed run can be repeated.
"""

import math
from random import Random


class LineNoise:
    """Bit errors and lost frames for one talker on one bus."""

    def __init__(self, seed: str) -> None:
        self._bits = Random(f"{seed}/bits")
        self._frames = Random(f"{seed}/frames")
        self._bit_error = 0.0
        self._loss = 0.0
        self._to_next_error = math.inf
        self._frame_lost = False

    def set(self, bit_error: float, loss: float) -> None:
        """Set the probabilities of a wrong bit and of a lost frame."""
        self._loss = loss
        if bit_error != self._bit_error:
            self._bit_error = bit_error
            self._to_next_error = self._gap()

    def begin_frame(self) -> None:
        """The talker starts a new frame: decide whether it is lost."""
        self._frame_lost = self._frames.random() < self._loss

    def disturb(self, data: bytes) -> bytes:
        """What is left of `data`: nothing if its frame is lost, else with its bits flipped."""
        if self._frame_lost:
            return b""
        bits = 8 * len(data)
        if self._to_next_error >= bits:
            self._to_next_error -= bits
            return data
        noisy = bytearray(data)
        while self._to_next_error < bits:
            at = int(self._to_next_error)
            noisy[at >> 3] ^= 1 << (at & 7)
            self._to_next_error += 1 + self._gap()
        self._to_next_error -= bits
        return bytes(noisy)

    def _gap(self) -> float:
        """Good bits before the next wrong one (geometric)."""
        if self._bit_error <= 0:
            return math.inf
        if self._bit_error >= 1:
            return 0
        return math.floor(math.log(1 - self._bits.random()) / math.log(1 - self._bit_error))
