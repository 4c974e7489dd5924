"""Commercial devices that their profiles make: strict ones, on a PTY or on Modbus TCP.

`storage` is apart: it needs pysunspec2, which only the extra `meters` brings.
"""

from truewatt.emulator.commercial.charger import EmulatedActuator
from truewatt.emulator.commercial.line import MeterLine
from truewatt.emulator.commercial.meter import EmulatedMeter, Measured
from truewatt.emulator.commercial.tcp import MeterTcp

__all__ = [
    "EmulatedActuator",
    "EmulatedMeter",
    "Measured",
    "MeterLine",
    "MeterTcp",
]
