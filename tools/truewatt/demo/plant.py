"""The demo's commercial devices on their bus `plant`: what the rig, the gateway and the ledger
are told of them.

They can't sign: the gateway signs for each with a key of its own (docs/gateway.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from truewatt.demo.homes import HomePlan

BUS = "plant"
_BAUD = 9600
_FIRST_BATTERY, _FIRST_CHARGER = 21, 31
CHARGER_W, CHARGER_LEAST_W = 3_680, 1_380
"""16 A and 6 A on one phase: below 6 A a vehicle pauses (IEC 61851-1)."""
_TRANSFORMER_W = 250_000


@dataclass(frozen=True)
class DevicePlan:
    """A device on the bus `plant`. `kind` and `energy`: what its channel measures, by the names of
    `wireformat.codes`. At the transformer `section`, `home` and `asset` are empty."""

    name: str
    address: int
    profile: str
    kind: str
    energy: str
    section: str = ""
    home: str = ""
    asset: str = ""
    phases: int = 0
    max_power_w: int = 0


def devices(homes: Sequence[HomePlan]) -> tuple[DevicePlan, ...]:
    """The transformer's meter, batteries, chargers; none if no home has one."""
    batteries = [home for home in homes if home.battery]
    chargers = [home for home in homes if home.charger]
    found = [_battery(home, at) for at, home in enumerate(batteries, _FIRST_BATTERY)]
    found += [_charger(home, at) for at, home in enumerate(chargers, _FIRST_CHARGER)]
    return (_at_transformer(), *found) if found else ()


def _at_transformer() -> DevicePlan:
    return DevicePlan("t1", 1, "sdm630", "section", "grid", max_power_w=_TRANSFORMER_W)


def _battery(home: HomePlan, address: int) -> DevicePlan:
    return DevicePlan(
        name=home.battery,
        address=address,
        profile="sunspec_storage",
        kind="generation",
        energy="battery",
        section=home.section,
        home=home.name,
        asset="battery",
    )


def _charger(home: HomePlan, address: int) -> DevicePlan:
    return DevicePlan(
        name=home.charger,
        address=address,
        profile="ev_charger",
        kind="load",
        energy="grid",
        section=home.section,
        home=home.name,
        asset="ev",
        phases=1,
        max_power_w=CHARGER_W,
    )


def rig_buses(plan: Sequence[DevicePlan]) -> list[dict[str, object]]:
    """For `rig.json`: devices hear requests only, so no board is on their bus."""
    return [{"name": BUS, "baud": _BAUD, "paced": False, "boards": []}] if plan else []


def rig_device(device: DevicePlan) -> dict[str, object]:
    """For `rig.json`."""
    return {
        "name": device.name,
        "bus": BUS,
        "address": device.address,
        "profile": device.profile,
        "at": device.home or "transformer",
        "asset": device.asset or None,
    }


def gateway_toml(plan: Sequence[DevicePlan]) -> list[str]:
    """Lines of `gateway.toml`; none without devices."""
    if not plan:
        return []
    lines = ["", "[[bus]]", f'name = "{BUS}"', f'port = "rig/tty/{BUS}"', f"baud = {_BAUD}"]
    for device in plan:
        lines += ["", "[[bus.meter]]", f"address = {device.address}", f'name = "{device.name}"']
        lines += [f'profile = "{device.profile}"']
        lines += [f'kind = "{device.kind}"', f'energy = "{device.energy}"']
        lines += [f"phases = {device.phases}"] if device.phases else []
        lines += [f"max_power_w = {device.max_power_w}"] if device.max_power_w else []
    return lines
