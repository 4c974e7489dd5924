"""A cumulative register that never goes back, whatever the module's counter does.

The counter may wrap, be reset, or belong to another module after a swap. Energy that can't be
told from such a jump is not counted: a register may fall short, it never invents kWh.
"""

MS_PER_HOUR = 3600000
_SLACK_WH = 10
_NEAR_WRAP = 100  # 1/100 of the counter's range

STEADY, WRAPPED, RESET, SWAPPED = range(4)


class EnergyRegister:
    """`register_wh` is the meter's own cumulative value, `raw_wh` the module's counter."""

    SAVED_BYTES = 12  # register 8, counter 4

    def __init__(self, wrap_wh: int, max_w: int) -> None:
        self._wrap_wh = wrap_wh
        self._max_w = max_w
        self._sum_wh = 0
        self._floor_wh = 0
        self.raw_wh = None

    @property
    def register_wh(self) -> int:
        """Cumulative energy; never goes back."""
        return max(self._sum_wh, self._floor_wh)

    def restore(self, register_wh: int, raw_wh: int) -> None:
        """Go on from a saved pair, which may be older than the newest record."""
        self._sum_wh = register_wh
        self.raw_wh = raw_wh

    def pair(self) -> "tuple[int, int] | None":
        """What to save for `restore`; None before anything was ever counted."""
        return None if self.raw_wh is None else (self._sum_wh, self.raw_wh)

    def saved(self) -> "bytes | None":
        """What to persist for `take_saved`; None before anything was ever counted."""
        if self.raw_wh is None:
            return None
        return self._sum_wh.to_bytes(8, "big") + self.raw_wh.to_bytes(4, "big")

    def take_saved(self, data: bytes) -> None:
        """`restore` from what `saved` gave."""
        self.restore(int.from_bytes(data[:8], "big"), int.from_bytes(data[8:], "big"))

    def at_least(self, register_wh: int) -> None:
        """A journalled record says so: never fall below it.

        It is no new base: what was counted between the saved pair and that record is in both.
        """
        self._floor_wh = max(self._floor_wh, register_wh)

    def update(self, raw_wh: int, elapsed_ms: "int | None") -> int:
        """Take the counter's value, `elapsed_ms` after the last (None: unknown, after a boot).

        Returns STEADY, WRAPPED, RESET or SWAPPED.
        """
        before, self.raw_wh = self.raw_wh, raw_wh
        if before is None:
            self._sum_wh = max(self.register_wh, raw_wh)
            return STEADY
        what, gained_wh = self._gain(before, raw_wh, elapsed_ms)
        if what == SWAPPED:
            self._sum_wh = self.register_wh
        self._sum_wh += gained_wh
        return what

    def _gain(self, before: int, raw_wh: int, elapsed_ms: "int | None") -> "tuple[int, int]":
        gained = raw_wh - before
        wrapped = gained + self._wrap_wh
        if elapsed_ms is None:
            if gained >= 0:
                return STEADY, gained
            edge = self._wrap_wh // _NEAR_WRAP
            return (WRAPPED, wrapped) if wrapped <= edge else (SWAPPED, 0)
        most = self._max_w * elapsed_ms // MS_PER_HOUR + _SLACK_WH
        if 0 <= gained <= most:
            return STEADY, gained
        if gained < 0 and wrapped <= most:
            return WRAPPED, wrapped
        if gained < 0 and raw_wh <= most:
            return RESET, raw_wh
        return SWAPPED, 0
