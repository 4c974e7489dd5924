"""What a comparison with a reference meter found about one chip: integers, with a checksum.

A gain is in millionths, an offset in thousandths of V, A and W. The chip counts energy before any
offset, so energy has a gain alone. In config.json:

    "calibration": {"voltage": [1002500, -120], "current": [997000, 0], "power": [1000000, 0],
                    "energy": 1000000, "check": "9c1f03aa"}
"""

import hashlib

from core.errors import ConfigError

UNITY = 1000000
GAIN_LIMITS = (100000, 10000000)
OFFSET_LIMIT = 100000
CHECK_BYTES = 4

_PAIRS = ("voltage", "current", "power")
_DOMAIN = b"truewatt/calibration/1|"


class Calibration:
    """Gains in millionths; offsets in mV, mA, mW. Nominal unless told otherwise."""

    def __init__(
        self,
        voltage: "tuple[int, int]" = (UNITY, 0),
        current: "tuple[int, int]" = (UNITY, 0),
        power: "tuple[int, int]" = (UNITY, 0),
        energy: int = UNITY,
    ) -> None:
        self.voltage = voltage
        self.current = current
        self.power = power
        self.energy = energy

    def digest(self, driver: str) -> bytes:
        """SHA-256 that stands for this calibration of a chip read by `driver`, 32 bytes."""
        numbers = []
        for pair in (self.voltage, self.current, self.power, (self.energy, 0)):
            numbers.extend(pair)
        text = driver + "|" + ",".join(str(number) for number in numbers)
        return hashlib.sha256(_DOMAIN + text.encode()).digest()


def corrected(numerator: int, denominator: int, pair: "tuple[int, int]") -> int:
    """`numerator / denominator` thousandths, corrected by (gain, offset); never below 0.

    What measures nothing stays at 0: an offset is found under load.
    """
    if not numerator:
        return 0
    gain, offset = pair
    denominator *= UNITY
    return max(0, (numerator * gain + denominator // 2) // denominator + offset)


def parse(value: object, driver: str) -> Calibration:
    """Read the object of config.json. Raises `ConfigError` for what was altered or mistyped."""
    if value is None:
        return Calibration()
    if not isinstance(value, dict):
        raise ConfigError("calibration", "an object")
    for key in sorted(value):
        if key not in _PAIRS and key not in ("energy", "check"):
            raise ConfigError("calibration." + key, "no such field")
    pairs = [_pair(value, name) for name in _PAIRS]
    energy = _integer(value.get("energy", UNITY), "calibration.energy", GAIN_LIMITS)
    calibration = Calibration(pairs[0], pairs[1], pairs[2], energy)
    check = calibration.digest(driver)[:CHECK_BYTES].hex()
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
