"""A cumulative register over pulses that this board counts itself.

Nobody counts while the board is off: the register goes on from the newest record, or from what was
saved with the part of a Wh that belonged to it, and falls short by what came after either.
"""

from metering.energy import STEADY


class PulseRegister:
    """`register_wh` is the meter's own cumulative value.

    A pulse is `numerator / denominator` Wh: with the numerator left out, that many a kWh.
    """

    SAVED_BYTES = 12  # register 8, remainder 4

    def __init__(self, denominator: int, numerator: int = 1000) -> None:
        self._denominator = denominator
        self._numerator = numerator
        self.register_wh = 0
        self._rest = 0

    def saved(self) -> bytes:
        """What to persist for `take_saved`."""
        return self.register_wh.to_bytes(8, "big") + self._rest.to_bytes(4, "big")

    def take_saved(self, data: bytes) -> None:
        """Go on from what `saved` gave, perhaps for a meter with another constant."""
        self.register_wh = int.from_bytes(data[:8], "big")
        self._rest = min(int.from_bytes(data[8:], "big"), self._denominator - 1)

    def at_least(self, register_wh: int) -> None:
        """A journalled record says so: go on from there."""
        if register_wh > self.register_wh:
            self.register_wh = register_wh
            self._rest = 0

    def update(self, pulses: int, elapsed_ms: "int | None") -> int:
        """Add pulses; always STEADY: the driver refuses what can't be."""
        total = pulses * self._numerator + self._rest
        self.register_wh += total // self._denominator
        self._rest = total % self._denominator
        return STEADY
