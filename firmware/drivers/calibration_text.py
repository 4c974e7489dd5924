"""The calibration as config.json has it; a board unloads this module once it was read.

"calibration": {"voltage": [1002500, -120], "current": [997000, 0], "power": [1000000, 0],
                "energy": 1000000, "phase": 0, "check": "9c1f03aa"}
"""

import hashlib

from core.errors import ConfigError
from drivers.calibration import UNITY, Calibration

GAIN_LIMITS = (100000, 10000000)
OFFSET_LIMIT = 100000
CHECK_BYTES = 4

_PAIRS = ("voltage", "current", "power")
_DOMAIN = b"truewatt/calibration/1|"


def digest(calibration: Calibration, driver: str) -> bytes:
    """SHA-256 that stands for this calibration of a chip read by `driver`, 32 bytes."""
    numbers = []
    for pair in (calibration.voltage, calibration.current, calibration.power):
        numbers.extend(pair)
    numbers.extend((calibration.energy, 0))
    if calibration.phase:
        numbers.append(calibration.phase)
    text = driver + "|" + ",".join(str(number) for number in numbers)
    return hashlib.sha256(_DOMAIN + text.encode()).digest()


def parse(value: object, driver: str, phase_steps: int = 0) -> Calibration:
    """Read the object of config.json. Raises `ConfigError` for what was altered or mistyped.

    `phase_steps`: how far the chip can shift its current, 0 if it can't.
    """
    if value is None:
        return Calibration()
    if not isinstance(value, dict):
        raise ConfigError("calibration", "an object")
    for key in sorted(value):
        if key not in _PAIRS and key not in ("energy", "phase", "check"):
            raise ConfigError("calibration." + key, "no such field")
    pairs = [_pair(value, name) for name in _PAIRS]
    energy = _integer(value.get("energy", UNITY), "calibration.energy", GAIN_LIMITS)
    phase = value.get("phase", 0)
    if phase != 0 and not phase_steps:
        raise ConfigError("calibration.phase", "none: a %s can't correct it" % driver)
    phase = _integer(phase, "calibration.phase", (-phase_steps, phase_steps))
    calibration = Calibration(pairs[0], pairs[1], pairs[2], energy, phase)
    check = digest(calibration, driver)[:CHECK_BYTES].hex()
    if value.get("check") != check:
        raise ConfigError("calibration.check", check + ", if these are the values found")
    return calibration


def _pair(value: dict, name: str) -> "tuple[int, int]":
    pair = value.get(name, [UNITY, 0])
    field = "calibration." + name
    if not isinstance(pair, list) or len(pair) != 2:
        raise ConfigError(field, "[gain, offset]")
    return (
        _integer(pair[0], field, GAIN_LIMITS),
        _integer(pair[1], field, (-OFFSET_LIMIT, OFFSET_LIMIT)),
    )


def _integer(value: object, field: str, limits: "tuple[int, int]") -> int:
    low, high = limits
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(field, "an integer in %d..%d" % limits)
    return value
