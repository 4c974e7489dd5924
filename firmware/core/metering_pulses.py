"""`metering` of S0 outputs, a pin each. Unloaded with `core.config`."""

from core.errors import ConfigError
from core.settings import Settings


def read(fields: object) -> tuple:
    """Pins, and what a pulse is worth; as `core.config` has it."""
    metering = Settings()
    metering.pins = fields.numbers("pins", 1, 4, 48)
    count = len(metering.pins)
    metering.pulses_per_kwh = fields.numbers("pulses_per_kwh", count, count, 100000)
    if not all(metering.pulses_per_kwh):
        raise ConfigError(fields.name("pulses_per_kwh"), "above 0, as on the meter's plate")
    metering.debounce_ms = fields.number("debounce_ms", 1, 30, 10)
    return metering, (False, count), metering.pulses_per_kwh
