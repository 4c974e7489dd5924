"""What people call boards that wait for releases: by the configuration, or by their addresses."""

from gateway.config import Config
from wireformat import ble_map

LEAST_DIGITS = 8
_MOST_DIGITS = 40


def is_called(device: bytes, name: str) -> bool:
    """Whether people mean the board of that address by `name`."""
    digits = name.lower()
    if digits == ble_map.name(device).lower():
        return True
    return len(digits) >= LEAST_DIGITS and device.hex().startswith(digits)


def is_known(config: Config, name: str) -> bool:
    """Whether a gateway of this configuration can have such a board."""
    if any(device.name == name for bus in config.buses for device in bus.devices):
        return True
    if config.ble is not None and name in config.ble.devices:
        return True
    on_air = config.mqtt is not None or config.ble is not None
    good = LEAST_DIGITS <= len(name) <= _MOST_DIGITS
    return on_air and good and all(digit in "0123456789abcdefABCDEF" for digit in name)
