"""The metering drivers by the name that config.json gives them.

Boards unload this table with the parser of config.json; a board loads the driver it names alone.
What each can do: `drivers.declared`, which no board loads.
"""

NAMES = ("ade7953", "atm90e32", "bl0942", "cse7766", "hlw8012", "pzem004t", "rs485_meter", "s0")
ELSEWHERE = {
    "ade7953": "i2c",
    "atm90e32": "spi",
    "hlw8012": "counters",
    "rs485_meter": "rs485",
    "s0": "pulses",
}
"""Not simply on a UART: `core.metering_*` reads what they need, `links.*_port` opens it."""
BAUDS = {"bl0942": 4800, "cse7766": 4800, "pzem004t": 9600}
EVEN_PARITY = ("cse7766",)
ADDRESSES = {
    "ade7953": (1, 2),
    "atm90e32": (1, 1),
    "bl0942": (0, 3),
    "cse7766": (1, 1),
    "hlw8012": (1, 1),
    "pzem004t": (1, 247),
    "rs485_meter": (1, 247),
    "s0": (1, 4),
}
"""Lowest and highest `sensor`."""
CALIBRATED = ("ade7953", "atm90e32", "bl0942", "cse7766", "hlw8012")
PHASE_STEPS = {"ade7953": 383}
"""How far a chip can shift current against voltage, in its own steps; others can't."""
