"""`metering` of a three-phase chip on SPI (ATM90E32). Unloaded with `core.config`."""

from core.errors import ConfigError
from core.settings import Settings

# CircuitSetup's boards: their 9 V transformer, and a 100 A / 50 mA clamp (its ESPHome examples).
_GAIN_VOLTAGE = [7305, 7305, 7305]
_GAIN_CURRENT = [27518, 27518, 27518]


def read(fields: object) -> tuple:
    """The SPI, and the parts around the chip; as `core.config` has it."""
    metering = Settings()
    metering.spi = fields.number("spi", 1, 2, 1)
    metering.cs = fields.number("cs", 0, 48)
    for name in ("sck", "mosi", "miso"):
        setattr(metering, name, fields.number(name, 0, 48, None))
    metering.gain_voltage = fields.numbers("gain_voltage", 3, 3, 65535, _GAIN_VOLTAGE)
    metering.gain_current = fields.numbers("gain_current", 3, 3, 65535, _GAIN_CURRENT)
    metering.pga = fields.number("pga", 1, 4, 1)
    if metering.pga == 3:
        raise ConfigError(fields.name("pga"), "1, 2 or 4")
    metering.line_hz = fields.number("line_hz", 50, 60, 50)
    if metering.line_hz not in (50, 60):
        raise ConfigError(fields.name("line_hz"), "50 or 60")
    metering.ratio = fields.number("ratio", 1, 1000, 1)
    constants = metering.gain_voltage + metering.gain_current
    constants += [metering.pga, metering.line_hz, metering.ratio]
    return metering, (True, 1), constants
