"""The rig's `state` as values of the model. Fields that are not there are left out, not guessed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from truewatt.demo.view.model import Asset, Feeder, Home, Section, World

Json = Mapping[str, Any]


def world(answer: Json) -> World:
    """From the answer to `{"cmd": "state"}`; raises LookupError or ValueError if it is none."""
    feeder = answer["feeder"]
    t_ms = int(answer["t_ms"])
    return World(
        t_ms=t_ms,
        local=str(answer.get("local") or _iso(t_ms)),
        frequency_hz=_number(answer, "frequency_hz"),
        feeder=Feeder(
            power_w=float(feeder["power_w"]),
            twin_w=float(feeder["twin_w"]),
            losses_w=_number(feeder, "losses_w"),
            voltage_v=_numbers(feeder, "voltage_v"),
            energy_wh=float(feeder.get("energy_wh", 0.0)),
            twin_energy_wh=float(feeder.get("twin_energy_wh", 0.0)),
        ),
        sections={name: _section(name, item) for name, item in answer["sections"].items()},
        homes={name: _home(name, item) for name, item in answer["homes"].items()},
        bus_cut={name: bool(bus.get("cut")) for name, bus in answer.get("buses", {}).items()},
    )


def _section(name: str, item: Json) -> Section:
    return Section(
        name=name,
        closed=bool(item["closed"]),
        power_w=float(item["power_w"]),
        phase_w=_numbers(item, "phase_w"),
        phase_a=_numbers(item, "phase_a"),
        voltage_v=_numbers(item, "voltage_v"),
    )


def _home(name: str, item: Json) -> Home:
    return Home(
        name=name,
        section=str(item.get("section") or ""),
        meter=str(item.get("meter") or ""),
        phase=int(item.get("phase") or 0),
        load_w=float(item["load_w"]),
        pv_w=float(item.get("pv_w", 0.0)),
        net_w=float(item.get("net_w", item["load_w"] - item.get("pv_w", 0.0))),
        voltage_v=_number(item, "voltage_v"),
        bypass=float(item.get("bypass") or 0.0),
        assets={kind: _asset(kind, asset) for kind, asset in item.get("assets", {}).items()},
    )


def _asset(kind: str, item: Json) -> Asset:
    mode = item.get("mode")
    # What is commanded by watts or by mode has no contact that says anything.
    closed = None if kind == "battery" or mode is not None else item.get("closed")
    return Asset(
        kind=kind,
        on=None if closed is None else bool(closed),
        power_w=float(item.get("power_w", 0.0)),
        soc=_number(item, "soc"),
        temperature_c=_number(item, "temperature_c"),
        connected=bool(item.get("connected", True)),
        remaining_wh=_number(item, "remaining_wh"),
        unmet_wh=float(item.get("unmet_wh") or 0.0),
        mode=None if mode is None else int(mode),
        setpoint_w=_number(item, "setpoint_w"),
    )


def _number(item: Json, key: str) -> float | None:
    value = item.get(key)
    return None if value is None else float(value)


def _numbers(item: Json, key: str) -> tuple[float, ...]:
    value = item.get(key)
    if value is None:
        return ()
    return tuple(map(float, value)) if isinstance(value, list | tuple) else (float(value),)


def _iso(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
