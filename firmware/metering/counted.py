"""The cumulative register over a chip's volatile counter, which counts in a unit of its own.

Such a counter starts at 0 whenever the chip is powered, so a lower value is a wrap or a reset.
Read as a wrap, a reset invents a whole range of the counter; so a wrap is only believed between
two polls in a row. After a poll that failed, or a boot, what the counter shows now is what was
counted at the very least in either case, and that is what is added.
"""

from metering.energy import MS_PER_HOUR, RESET, STEADY, EnergyRegister

_JITTER_MS = 500
"""Between counting in the chip and reading the clock: a chip's refresh, a frame that waits."""


class CountedRegister(EnergyRegister):
    """`EnergyRegister` whose `raw_wh` (saved and restored as there) is in counts of the chip.

    One count is `numerator / denominator` Wh, which may be known later (`scale`). Counts only
    become Wh as they are gained: a new calibration changes nothing that was counted before.
    """

    def __init__(self, wrap: int, max_w: int, numerator: int = 1, denominator: int = 1) -> None:
        super().__init__(wrap, max_w)
        self._highest_w = max_w
        self._after_failure = False
        self.scale(numerator, denominator)

    def scale(self, numerator: int, denominator: int) -> None:
        """Say what one count is worth, in Wh."""
        self._numerator = numerator
        self._denominator = denominator
        self._rest = 0
        # From here on the base class works in counts.
        self._max_w = self._highest_w * denominator // numerator

    def failed(self) -> None:
        """A poll failed: the chip may have been without power since."""
        self._after_failure = True

    def update(self, raw_wh: int, elapsed_ms: "int | None") -> int:
        """Take the counter's value; see `EnergyRegister.update`.

        What a chip counted before it was first seen is not ours to count.
        """
        if self.raw_wh is None:
            self._sum_wh = self.register_wh
            self.raw_wh = raw_wh
        what = super().update(raw_wh, elapsed_ms)
        self._after_failure = False
        return what

    def _gain(self, before: int, raw_wh: int, elapsed_ms: "int | None") -> "tuple[int, int]":
        uncertain = self._after_failure or elapsed_ms is None
        # Registers are saved several times an hour, and the chip lives as long as the board.
        elapsed_ms = MS_PER_HOUR if elapsed_ms is None else elapsed_ms + _JITTER_MS
        if uncertain and raw_wh < before:
            what, counts = super()._gain(0, raw_wh, elapsed_ms)
            what = RESET if what == STEADY else what
            # What was journalled after the last save was counted before the reset.
            self._sum_wh = self.register_wh
        else:
            what, counts = super()._gain(before, raw_wh, elapsed_ms)
        total = counts * self._numerator + self._rest
        self._rest = total % self._denominator
        return what, total // self._denominator
