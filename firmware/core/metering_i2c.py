"""`metering` of a chip with two currents on I2C (ADE7953). Unloaded with `core.config`."""

from core.errors import ConfigError
from core.settings import Settings

_GAINS = (1, 2, 4, 8, 16)
# Its counter of 24 bits is half full 40 s after it was read, at full scale.
_LONGEST_POLL_MS = 20000


def read(fields: object) -> tuple:
    """The I2C, and the chip's amplifiers; as `core.config` has it."""
    metering = Settings()
    metering.i2c = fields.number("i2c", 0, 1, 0)
    metering.scl = fields.number("scl", 0, 48)
    metering.sda = fields.number("sda", 0, 48)
    metering.poll_ms = fields.number("poll_ms", 200, _LONGEST_POLL_MS, 1000)
    metering.pga_voltage = _gain(fields, "pga_voltage")
    metering.pga_current = [_gain(fields, "pga_current_a"), _gain(fields, "pga_current_b")]
    return metering, (True, 2), [metering.pga_voltage] + metering.pga_current


def _gain(fields: object, key: str) -> int:
    gain = fields.number(key, 1, 16, 1)
    if gain not in _GAINS:
        raise ConfigError(fields.name(key), "1, 2, 4, 8 or 16")
    return gain
