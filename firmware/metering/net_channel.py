"""A channel whose chip tells import from export; all else as `ChannelMeter`."""

from metering.channel import ChannelMeter


class NetChannel(ChannelMeter):
    """Samples carry signed power: into what is behind the meter is positive."""

    sign = 1

    def registers(self) -> "tuple[int, int]":
        """(import_wh, export_wh), cumulative."""
        return self.energy.registers()

    def at_least(self, row: "list[int]") -> None:
        """Never fall below the registers of a journalled record."""
        self.energy.at_least(row)
