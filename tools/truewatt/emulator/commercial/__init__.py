"""Commercial meters that their profiles make: strict devices on a PTY or on Modbus TCP."""

from truewatt.emulator.commercial.line import MeterLine
from truewatt.emulator.commercial.meter import EmulatedMeter
from truewatt.emulator.commercial.tcp import MeterTcp

__all__ = ["EmulatedMeter", "MeterLine", "MeterTcp"]
