"""What each metering driver can do, for people; a test holds it against the drivers.

Boards don't load it: the parts of it that they obey are in the drivers and in `catalogue`.
"""

DIRECTION = {
    "ade7953": True,
    "atm90e32": True,
    "bl0942": False,
    "cse7766": False,
    "hlw8012": False,
    "pzem004t": False,
    "s0": False,
}
"""Whether it tells import from export; of an RS-485 meter its profile says so."""
RATES_MS = {
    "ade7953": 10,
    "atm90e32": 20,
    "bl0942": 400,
    "cse7766": 50,
    "hlw8012": 200,
    "pzem004t": 1000,
}
"""How often there are new values; an S0 meter's are as often as its pulses. An HLW8012 has power
with each poll, which is no more often than this, voltage and current each 6 s in turn."""
RESOLUTIONS = {
    "ade7953": (7, 1),
    "atm90e32": (1, 4),
    "bl0942": (2, 196),
    "cse7766": (100, 2),
    "hlw8012": (2483, 4),
    "pzem004t": (100, 1000),
}
"""Least steps of power in mW and of energy in mWh, rounded up; an S0 meter's is one pulse.

An HLW8012's with the resistors of its data sheet: a pulse in the time that power is averaged."""
