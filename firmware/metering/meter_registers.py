"""Registers over a bought meter's own counters, which live as long as the meter.

What the meter counted while the board was off counts too. A wrap is told from a reset by where the
meter's profile says that the counter ends (`metering.energy`).
"""

from metering.energy import MS_PER_HOUR, STEADY, EnergyRegister

_NEVER_WH = 1 << 60


class MeterRegister(EnergyRegister):
    """One direction. `wrap_wh` None: nobody knows where it ends; `step_wh`: one step of it."""

    SAVED_BYTES = 16  # register 8, counter 8

    def __init__(self, wrap_wh: "int | None", max_w: int, step_wh: int) -> None:
        super().__init__(wrap_wh or _NEVER_WH, max_w)
        # A step may be there at once, whatever flowed: time enough for two.
        self._slack_ms = 2 * step_wh * MS_PER_HOUR // max_w + 1

    def saved(self) -> "bytes | None":
        """What to persist for `take_saved`; None before the meter was ever heard."""
        pair = self.pair()
        if pair is None:
            return None
        return pair[0].to_bytes(8, "big") + pair[1].to_bytes(8, "big")

    def update(self, raw_wh: int, elapsed_ms: "int | None") -> int:
        """Take the counter's value; see `EnergyRegister.update`."""
        return super().update(raw_wh, None if elapsed_ms is None else elapsed_ms + self._slack_ms)


class DirectedRegisters:
    """Import and export."""

    SAVED_BYTES = 32

    def __init__(self, wrap_wh: "int | None", max_w: int, step_wh: int) -> None:
        self._sides = [MeterRegister(wrap_wh, max_w, step_wh) for _ in range(2)]

    def registers(self) -> "tuple[int, int]":
        """(import_wh, export_wh), cumulative."""
        return self._sides[0].register_wh, self._sides[1].register_wh

    def saved(self) -> "bytes | None":
        """What to persist for `take_saved`; None before the meter was ever heard."""
        parts = [side.saved() for side in self._sides]
        return None if None in parts else parts[0] + parts[1]

    def take_saved(self, data: bytes) -> None:
        """Go on from persisted registers, which may be older than the newest record."""
        self._sides[0].take_saved(data[:16])
        self._sides[1].take_saved(data[16:])

    def at_least(self, row: "list[int]") -> None:
        """Never fall below the registers of a journalled record."""
        for side, wh in zip(self._sides, row):
            side.at_least(wh)

    def update(self, counts: "tuple[int, int]", elapsed_ms: "int | None") -> int:
        """Take (import, export) of the meter; what happened to either, STEADY if nothing."""
        did = [side.update(wh, elapsed_ms) for side, wh in zip(self._sides, counts)]
        return did[0] if did[0] != STEADY else did[1]
