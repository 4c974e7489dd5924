"""Import and export registers over a chip that hands out what it counted since it was asked last.

Reading clears such a counter, so what is not persisted when the board loses power is gone: the
registers fall short by at most what was measured since the last record, and never invent kWh.
"""

from metering.energy import MS_PER_HOUR, STEADY, SWAPPED

_SLACK_WH = 10


class NetRegisters:
    """One count is `numerator / denominator` Wh; `max_w`: no plausible power is above it."""

    SAVED_BYTES = 24

    def __init__(self, numerator: int, denominator: int, max_w: int) -> None:
        self._numerator = numerator
        self._denominator = denominator
        self._max_w = max_w
        self._sums_wh = [0, 0]
        self._rests = [0, 0]
        self._ours = False

    def registers(self) -> "tuple[int, int]":
        """(import_wh, export_wh), cumulative."""
        return self._sums_wh[0], self._sums_wh[1]

    def saved(self) -> "bytes | None":
        """What to persist for `take_saved`; None before anything was ever counted."""
        if not self._ours:
            return None
        return b"".join(wh.to_bytes(8, "big") + bytes(4) for wh in self._sums_wh)

    def take_saved(self, data: bytes) -> None:
        """Go on from persisted registers, which may be older than the newest record."""
        self._sums_wh = [int.from_bytes(data[at : at + 8], "big") for at in (0, 12)]
        self._ours = True

    def at_least(self, row: "list[int]") -> None:
        """A journalled record says so: go on from there, for the chip was cleared meanwhile."""
        for side in (0, 1):
            self._sums_wh[side] = max(self._sums_wh[side], row[side])
        self._ours = True

    def update(self, counts: "tuple[int, int]", elapsed_ms: "int | None") -> int:
        """Add (imported, exported) counts; STEADY, or SWAPPED if they are implausible.

        `elapsed_ms` since the last update; None: unknown, after a boot. What the chip counted
        before this board's first life is not ours to count.
        """
        if not self._ours:
            self._ours = True
            return STEADY
        elapsed_ms = MS_PER_HOUR if elapsed_ms is None else elapsed_ms
        most_wh = self._max_w * elapsed_ms // MS_PER_HOUR + _SLACK_WH
        if max(counts) * self._numerator > most_wh * self._denominator:
            return SWAPPED
        for side in (0, 1):
            total = counts[side] * self._numerator + self._rests[side]
            self._sums_wh[side] += total // self._denominator
            self._rests[side] = total % self._denominator
        return STEADY
