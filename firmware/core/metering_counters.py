"""`metering` of a chip that pulses (HLW8012, BL0937). Unloaded with `core.config`."""

from core.errors import ConfigError
from core.settings import Settings

_CHIPS = {
    "hlw8012": (2430, 1342125, 167765625, 13980469),
    "bl0937": (1218, 1721506, 94638000, 15397000),
}
"""Reference in mV; Hz of V1 V2 / Vref^2, mHz of V1 / Vref and V2 / Vref (`drivers.hlw8012`)."""

# Counters of 16 bits go round after 5 s at the most that a chip sends.
_LONGEST_POLL_MS = 4000


def read(fields: object) -> tuple:
    """Pins, and what a hertz is worth behind these resistors; as `core.config` has it."""
    metering = Settings()
    metering.cf = fields.number("cf", 0, 48)
    metering.cf1 = fields.number("cf1", 0, 48)
    metering.sel = fields.number("sel", 0, 48)
    if len({metering.cf, metering.cf1, metering.sel}) < 3:
        raise ConfigError(fields.name("sel"), "another pin than cf and cf1, and those two apart")
    metering.sel_voltage = fields.number("sel_voltage", 0, 1, 1)
    metering.poll_ms = fields.number("poll_ms", 200, _LONGEST_POLL_MS, 1000)
    chip = fields.choice("chip", _CHIPS, _CHIPS["hlw8012"])
    shunt = fields.number("shunt_uohm", 100, 50000, 1000)
    metering.per_hz = _per_hz(chip, shunt, fields.number("divider", 100, 10000, 2821))
    return metering, (False, 1), list(metering.per_hz)


def _per_hz(chip: tuple, shunt_uohm: int, divider: int) -> "tuple[int, int, int]":
    """(uW, uA, uV) a hertz."""
    reference_mv, power, current, voltage = chip
    return (
        _ratio(reference_mv * reference_mv * 1000000 * divider, power * shunt_uohm),
        _ratio(reference_mv * 1000000000 * 1000, current * shunt_uohm),
        _ratio(reference_mv * 1000 * 1000 * divider, voltage),
    )


def _ratio(numerator: int, denominator: int) -> int:
    return (numerator + denominator // 2) // denominator
