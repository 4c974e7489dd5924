"""The long part of a report: each home, each asset's promise, each command, by name.

Read from the run's folder once `report.json` has the sums; docs/demo.md lists every key.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from truewatt.demo.html import metered
from truewatt.demo.html.chain import Life
from truewatt.demo.html.run_data import RunData, load
from truewatt.demo.physics_log import PhysicsLog
from truewatt.demo.scenario import HomePlan, Scenario
from truewatt.emulator.physics.profiles import load_profiles
from truewatt.emulator.physics.vehicle import VehicleSpec

UNMET_WH = 50.0
"""Below that a promise is kept: less than a minute of a car's charging."""

_DAY_MS = 86_400_000
_VEHICLE = VehicleSpec()
_STATE = re.compile(r"(\w+)\.(\w+)\.(unmet_wh|temperature_c|soc)")


def of(folder: Path, scenario: Scenario) -> dict[str, object]:
    """Keys `homes`, `assets`, `assets_unmet`, `deadlines`, `commands`, `profiles` of a finished
    run's report."""
    run = load(folder)
    assets = _assets(run.physics)
    return {
        "homes": _homes(run),
        "assets": assets,
        "assets_unmet": [f"{a['home']} {a['asset']}" for a in assets if not a["met"]],
        "deadlines": deadlines(scenario, run.physics),
        "commands": [_command(life) for life in _lives(run)],
        "profiles": _profiles(folder),
    }


def _profiles(folder: Path) -> dict[str, object] | None:
    """Where the homes' loads came from; None for modelled ones. With fewer sites than homes some
    homes live the same site's days, moved in time."""
    rig = json.loads((folder / "rig.json").read_bytes())
    paths = [Path(path) for path in rig["profiles"]]
    if not paths:
        return None
    # The first file has the loads, a second one only what the sun brings.
    sites, homes = len(load_profiles(paths[0]).sites), len(rig["homes"])
    files = [path.name for path in paths]
    return {"files": files, "sites": sites, "homes": homes, "reused": homes > sites}


def _homes(run: RunData) -> list[dict[str, object]]:
    """Energy in Wh by the signed readings, cost in micro-units at the prices in force."""
    found: list[dict[str, object]] = []
    for section, names in run.sections.items():
        for name in names:
            board = run.meters.get(name, "")
            own = run.metered.get(board, metered.Metered())
            cost, worth = metered.costs(own, run.chain.prices)
            found.append(
                {
                    "name": name,
                    "section": section,
                    "meter": board,
                    "load_wh": metered.total_wh(own.taken),
                    "solar_wh": metered.total_wh(own.given),
                    "cost_micro": cost,
                    "solar_worth_micro": worth,
                }
            )
    return found


def _assets(physics: PhysicsLog) -> list[dict[str, object]]:
    """What physics says of each asset at the end: energy that its owner went without, in Wh (for a
    car at its departure), charge as a share, the coldest temperature."""
    states: dict[tuple[str, str], dict[str, object]] = {}
    for column in physics.columns():
        match = _STATE.fullmatch(column)
        if match is None:
            continue
        home, asset, key = match.groups()
        state = states.setdefault((home, asset), {"home": home, "asset": asset, "met": True})
        last = physics.at(column, physics.t_ms[-1])
        if key == "unmet_wh":
            state |= {key: round(last, 1), "met": last <= UNMET_WH}
        elif key == "soc":
            state[key] = round(last, 4)
        else:
            state["least_temperature_c"] = round(physics.least(column), 2)
    return [states[key] for key in sorted(states)]


def deadlines(scenario: Scenario, physics: PhysicsLog) -> list[dict[str, object]]:
    """Each car's promise of each day: Wh that it lacked at its deadline, or lacks at the end if
    that comes first."""
    found: list[dict[str, object]] = []
    for home in scenario.homes:
        column = f"{home.name}.ev.soc"
        if column not in physics.columns():
            continue
        for due_ms in _due_ms(home, scenario.start_ms, physics.t_ms[-1]):
            is_due = due_ms <= physics.t_ms[-1]
            short = _VEHICLE.target_soc - physics.at(column, due_ms)
            lacking_wh = max(0.0, short * _VEHICLE.capacity_wh)
            kept = "met" if lacking_wh <= UNMET_WH else "missed" if is_due else "not due yet"
            found.append(
                {
                    "home": home.name,
                    "asset": "ev",
                    "steered_by": home.charger or home.meter,
                    "deadline": datetime.fromtimestamp(due_ms / 1000, UTC).strftime("%d %b %H:%M"),
                    "wanted_wh": home.ev_need_wh,
                    "lacking_wh": round(lacking_wh, 1),
                    "verdict": kept,
                }
            )
    return found


def _due_ms(home: HomePlan, start_ms: int, end_ms: int) -> list[int]:
    """Its deadlines within the run; the next one if none is."""
    first = start_ms // _DAY_MS * _DAY_MS + home.ev_deadline_s * 1000
    first += _DAY_MS if first <= start_ms else 0
    return list(range(first, end_ms + 1, _DAY_MS)) or [first]


def _lives(run: RunData) -> list[Life]:
    return sorted(run.chain.lives.values(), key=lambda life: (life.issued_ms, life.id))


def _command(life: Life) -> dict[str, object]:
    """Times in simulated Unix ms; `ended_ms` of one that is done is when its board acted."""
    return {
        "id": life.id,
        "board": life.board,
        "asset": life.asset,
        "action": life.action,
        "value": life.value,
        "why": life.why,
        "issued_ms": life.issued_ms,
        "delivered_ms": life.delivered_ms,
        "ended_ms": life.ended_ms,
        "status": life.status,
        "reason": life.reason,
    }
