"""A street of any size as its parts would tell of it, and a rig that notes what it is asked."""

from collections.abc import Callable
from typing import Any

from truewatt.demo.view import gateway_source, rig_source
from truewatt.demo.view.model import Ledger, Snapshot, Wish

T_MS = 1_782_921_600_000


def state(sections: int = 3, homes: int = 10) -> dict[str, Any]:
    """An answer to `{"cmd": "state"}`."""
    names = [(f"x{s + 1}", f"h{s * homes + h + 1}") for s in range(sections) for h in range(homes)]
    return {
        "t_ms": T_MS,
        "local": "2026-07-01T16:00:00",
        "frequency_hz": 50.0,
        "feeder": {
            "power_w": 24_600.0,
            "twin_w": 61_200.0,
            "losses_w": 412.0,
            "voltage_v": [231.0, 230.2, 229.1],
        },
        "sections": {
            f"x{s + 1}": {
                "power_w": 8_200.0,
                "closed": s != 1,
                "phase_w": [2700.0, 2800.0, 2700.0],
                "phase_a": [11.9, 12.2, 11.8],
                "voltage_v": [229.0, 228.0, 206.1],
            }
            for s in range(sections)
        },
        "homes": {home: _home(section, home) for section, home in names},
        "buses": {f"bus{s + 1}": {"cut": False} for s in range(sections)},
    }


def _home(section: str, name: str) -> dict[str, Any]:
    number = int(name[1:])
    return {
        "section": section,
        "meter": f"m{number}",
        "phase": number % 3 + 1,
        "load_w": 380.0 * number,
        "pv_w": 0.0 if number % 2 else 1_210.0,
        "net_w": 380.0 * number,
        "voltage_v": 228.4,
        "bypass": 0.5 if number == 4 else 0,
        "assets": {
            "water_heater": {"closed": True, "power_w": 2000.0, "temperature_c": 54.2},
            "ev": {"closed": False, "power_w": 0.0, "soc": 0.47, "connected": True},
            "battery": {"closed": True, "power_w": -1200.0, "soc": 1.0},
        },
    }


def status(answer: dict[str, Any]) -> dict[str, Any]:
    """The gateway's `status.json` of the same street."""
    names = [*answer["sections"], *(home["meter"] for home in answer["homes"].values())]
    return {
        "time_ms": T_MS,
        "boards": [
            {
                "name": name,
                "device": f"{number:040x}",
                "bus": "bus1",
                "bus_address": number + 1,
                "state": "silent" if name == "m3" else "ok",
                "held": "",
                "seen_ms": T_MS,
                "records": 100,
                "unacked": 1,
                "epoch": 1,
                "next_seq": 101,
                "clock_trusted": True,
                "relays": 3,
                "command_counter": 7,
            }
            for number, name in enumerate(names)
        ],
        "buses": [{"name": "bus1", "open": True, "requests": 10, "failures": 2}],
        "records": 100 * len(names),
        "outbox": 3,
        "refusals": {"bad_signature": 2},
        "commands": {"done": 50, "delivered": 1, "open": 2, "expired": 1},
        "notices": {"m3": {"text": "does not answer"}},
    }


def snapshot(sections: int = 3, homes: int = 10) -> Snapshot:
    """All of it, as the gatherer would have put it together."""
    answer = state(sections, homes)
    limits = dict.fromkeys(answer["sections"], 30000)
    gateway = gateway_source.gateway(status(answer), 0, limits, {"x2": (0, 2)})
    wishes = {(gateway.boards["m1"].device, 1): Wish(False, "price", T_MS)}
    prices = {"mix": 271_000, "grid": 312_000, "solar": 204_000}
    return Snapshot(rig_source.world(answer), gateway, Ledger(812, prices, wishes))


class NotingRig:
    """Answers `state` and `{}` to all else; `asked` are the requests but those."""

    def __init__(self, answer: Callable[[], dict[str, Any]] = state) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["cmd"] == "state":
            return self.answer()
        self.asked.append(request)
        return {}
