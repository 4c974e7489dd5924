"""How much heap a board's configuration leaves, by what `truewatt bench heap` measured.

Of 112 KiB, which a plain ESP32 with a radio has at least; a test holds the estimate against boards
at work. BLE is not in it: its stack's memory is no heap of MicroPython's.
"""

from typing import Any

from truewatt.device.errors import LittleHeap

HEAP_KIB, BAR_KIB = 112, 20
_STARTS_KIB = 6
"""What a start, a signature and a frame on its way take for a moment."""

_ALONE = {
    ("meter", "pzem004t"): 39.5,
    ("meter", "bl0942"): 37.0,
    ("meter", "cse7766"): 37.0,
    ("meter", "hlw8012"): 37.0,
    ("mlmd", "pzem004t"): 35.5,
    ("mlmd", "atm90e32"): 32.5,
}
"""KiB that a role with a metering chip leaves, if it had no link."""

_OTHERS = {"meter": 36.0, "mlmd": 32.5}
_COSTS = {"bus": 8.8, "mqtt": 10.2, "tcp": 10.5, "sntp": 4.0, "drift": 1.0}
_BESIDE_BUS = {"tcp": 5.2, "mqtt": 11.2}
"""Over TCP the same registers are served; over MQTT frames of both links are under way at once."""


def free_kib(config: dict[str, Any]) -> float:
    """What is free of `HEAP_KIB` after a collection, when the board works; within some 2 KiB."""
    role, metering = config["role"], config["metering"]
    # What is no metering the board refuses, by name.
    driver = metering.get("driver") if isinstance(metering, dict) else None
    free = _ALONE.get((role, str(driver)), _OTHERS[role])
    for key, cost in _COSTS.items():
        if config.get(key):
            free -= _BESIDE_BUS.get(key, cost) if config.get("bus") else cost
    return free


def shortage(config: dict[str, Any]) -> LittleHeap | None:
    """What to tell who provisions a board whose links and options leave too little."""
    free = free_kib(config)
    asked = [key for key in _COSTS if config.get(key)]
    # One link and no option is the least that there is: nothing to leave away.
    if free >= BAR_KIB or len(asked) < 2:
        return None
    left = f"about {int(free)} KiB stay free" if free >= _STARTS_KIB else "it may not start at all"
    return LittleHeap(
        f"{left} of {HEAP_KIB}, {BAR_KIB} should",
        f"{config['name']}: {', '.join(asked)}",
        "Leave one away, or take a module with more memory and say --little-heap.",
    )
