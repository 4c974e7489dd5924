"""How much heap a board's configuration leaves at least, by what `truewatt bench heap` measured.

Of 112 KiB, which a plain ESP32 with a radio has at least. What was run whole counts as it ran; all
else is the sum of its parts, each at the most that it cost beside any other. Measured on
MicroPython 1.25, the oldest that boards may have. Figures are below that by a quarter KiB or
more, and a test holds them against boards at work.
"""

from typing import Any

from truewatt.device.errors import LittleHeap

HEAP_KIB, BAR_KIB = 112, 20
_STARTS_KIB = 6
"""What a start, a signature and a frame on its way take for a moment."""

LINKS = ("bus", "tcp", "mqtt", "ble")
OPTIONS = ("tls", "sntp", "drift", "switches", "heat_pump")
_SWITCHES = ("lockout", "opt_out", "tamper", "trip")

RUN: dict[tuple[str, str], dict[str, float]] = {
    ("meter", "pzem004t"): {
        "bus": 29.6,
        "tcp": 24.8,
        "mqtt": 25.8,
        "ble": 28.1,
        "bus tcp": 23.1,
        "bus ble": 21.5,
        "bus ble switches": 20.1,
        "tcp sntp": 21.4,
        "tcp sntp drift": 20.0,
    },
    ("meter", "bl0942"): {"bus": 26.7, "tcp": 21.9, "mqtt": 22.7, "ble": 25.7},
    ("meter", "cse7766"): {"bus": 28.0, "tcp": 23.2, "mqtt": 23.8, "ble": 26.4, "mqtt tls": 21.1},
    ("meter", "hlw8012"): {"bus": 27.8, "tcp": 23.0, "mqtt": 24.9, "ble": 28.3},
    ("meter", "ade7953"): {"bus": 26.8, "tcp": 22.2, "mqtt": 24.2, "ble": 27.5},
    ("meter", "atm90e32"): {"bus": 26.9, "tcp": 22.3, "mqtt": 24.3, "ble": 27.5},
    ("meter", "s0"): {"bus": 29.9, "tcp": 25.3, "mqtt": 27.4, "ble": 30.6},
    ("meter", "rs485_meter"): {"bus": 23.9, "tcp": 19.1, "mqtt": 20.0, "ble": 22.2},
    ("mlmd", "pzem004t"): {"bus": 26.7, "tcp": 21.5, "mqtt": 22.6, "ble": 25.0},
    ("mlmd", "bl0942"): {"bus": 24.1, "tcp": 18.8, "mqtt": 20.0, "ble": 22.0},
    ("mlmd", "cse7766"): {"bus": 24.3, "tcp": 19.5, "mqtt": 20.1, "ble": 22.6},
    ("mlmd", "hlw8012"): {"bus": 24.2, "tcp": 19.3, "mqtt": 21.3, "ble": 24.7},
    ("mlmd", "ade7953"): {"bus": 23.8, "tcp": 19.1, "mqtt": 21.0, "ble": 24.4},
    ("mlmd", "atm90e32"): {"bus": 23.2, "tcp": 18.5, "mqtt": 20.5, "ble": 23.8},
    ("mlmd", "s0"): {"bus": 26.7, "tcp": 22.1, "mqtt": 24.0, "ble": 27.4},
    ("mlmd", "rs485_meter"): {"bus": 20.1, "tcp": 15.3, "mqtt": 15.8, "ble": 18.5},
}
"""KiB that (role, metering chip) leaves, by its parts."""

COSTS = {"tcp": 7.0, "mqtt": 10.8, "ble": 10.0, "sntp": 4.0, "drift": 1.4} | {
    "tls": 4.0,
    "switches": 1.7,
    "heat_pump": 1.3,
}
"""KiB of a part beside others. A bus is never beside: where there is one, it is counted first."""

_BLE_BESIDE_BUS = 8.7
_CONNECTIONS, _FEWER, _MORE = 2, 1.4, 1.8
"""How many on Modbus TCP were run, and what each costs that is fewer, or more."""

_CHANNELS, _CHANNEL = {"pzem004t": 2, "bl0942": 2, "ade7953": 2, "s0": 2}, 0.6
"""How many were run, of other chips one; and what each more costs."""


def _driver(config: dict[str, Any]) -> str:
    return str(config["metering"].get("driver", "no driver"))


def parts(config: dict[str, Any]) -> list[str]:
    """Names of what a configuration has that takes heap, links first."""
    found = [link for link in LINKS if config.get(link) is not None]
    has = {
        "tls": bool((config.get("mqtt") or {}).get("ca")),
        "sntp": config.get("sntp") is not None,
        "drift": bool(config.get("drift")),
        "switches": any(config.get(name) for name in _SWITCHES)
        or any(relay.get("sense") is not None for relay in config.get("relays", ())),
        "heat_pump": bool(config.get("assets")),
    }
    return found + [name for name in OPTIONS if has[name]]


def free_kib(config: dict[str, Any]) -> float:
    """What is free of `HEAP_KIB` after a collection at least, when the board works."""
    driver = _driver(config)
    # An unknown chip is refused by the board; here it counts as the dearest.
    run = RUN.get((config["role"], driver)) or RUN[config["role"], "rs485_meter"]
    found = parts(config)
    free = run.get(" ".join(found)) or _sum(run, found)
    more = len(config.get("channels", ())) - _CHANNELS.get(driver, 1)
    return round(free - max(0, more) * _CHANNEL - _connections(config), 1)


def _sum(run: dict[str, float], found: list[str]) -> float:
    """From the longest beginning that was run on, part by part."""
    whole = max(n for n in range(1, len(found) + 1) if " ".join(found[:n]) in run)
    free = run[" ".join(found[:whole])]
    for part in found[whole:]:
        beside_bus = part == "ble" and found[0] == "bus" and "tcp" not in found
        free -= _BLE_BESIDE_BUS if beside_bus else COSTS[part]
    return free


def _connections(config: dict[str, Any]) -> float:
    more = ((config.get("tcp") or {}).get("connections") or _CONNECTIONS) - _CONNECTIONS
    if config.get("tcp") is None:
        return 0.0
    return more * (_MORE if more > 0 else _FEWER)


def shortage(config: dict[str, Any]) -> LittleHeap | None:
    """What to tell who provisions a board whose links and options leave too little."""
    if not isinstance(config["metering"], dict):
        return None  # the board says what is wrong with it
    free = free_kib(config)
    if free >= BAR_KIB:
        return None
    left = f"about {int(free)} KiB stay free" if free >= _STARTS_KIB else "it may not start at all"
    todo = "Leave one away" if len(parts(config)) > 1 else "Choose another link or driver"
    if config.get("tcp") is not None:
        alone = config | {"tcp": config["tcp"] | {"connections": 1}}
        todo += ", give --tcp-connections 1" if free_kib(alone) >= BAR_KIB else ""
    return LittleHeap(
        f"{left} of {HEAP_KIB}, {BAR_KIB} should",
        f"{config['name']}: {', '.join([_driver(config), *parts(config)])}",
        f"{todo}, or take a module with more memory and say --little-heap.",
    )
