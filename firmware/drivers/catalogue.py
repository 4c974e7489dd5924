"""The metering drivers by the name that config.json gives them; a board loads only its own."""

from core.settings import Settings

NAMES = ("atm90e32", "bl0942", "cse7766", "pzem004t")
SPI = ("atm90e32",)
"""On SPI; all others are on a UART."""
NET = ("atm90e32",)
"""Tell import from export."""
BAUDS = {"bl0942": 4800, "cse7766": 4800, "pzem004t": 9600}
EVEN_PARITY = ("cse7766",)
ADDRESSES = {"atm90e32": (1, 1), "bl0942": (0, 3), "cse7766": (1, 1), "pzem004t": (1, 247)}
"""Lowest and highest `sensor`."""
CALIBRATED = ("atm90e32", "bl0942", "cse7766")


def make(metering: Settings, channel: Settings, port: object, clock: object) -> object:
    """The driver of one channel."""
    if metering.driver == "atm90e32":
        from drivers.atm90e32 import Atm90e32

        return Atm90e32(port, metering, channel.calibration)
    timeout_ms = metering.timeout_ms
    if metering.driver == "bl0942":
        from drivers.bl0942 import Bl0942

        return Bl0942(port, channel.sensor, clock, timeout_ms, channel.calibration)
    if metering.driver == "cse7766":
        from drivers.cse7766 import Cse7766

        return Cse7766(port, channel.sensor, clock, timeout_ms, channel.calibration)
    from drivers.pzem004t import Pzem004t

    return Pzem004t(port, channel.sensor, clock, timeout_ms)
