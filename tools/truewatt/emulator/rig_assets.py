"""The assets of a home in rig.json: each spec's fields are its keys."""

from dataclasses import fields
from typing import Any, TypeVar

from truewatt.emulator.json_table import Table
from truewatt.emulator.physics.ambient import AmbientSpec
from truewatt.emulator.physics.battery import BatterySpec
from truewatt.emulator.physics.cooling import CoolingSpec
from truewatt.emulator.physics.heat_pump import HeatPumpSpec
from truewatt.emulator.physics.home import SG_CONTACTS
from truewatt.emulator.physics.vehicle import DailyChargeSpec, VehicleSpec
from truewatt.emulator.physics.water_heater import WaterHeaterSpec

AssetSpec = (
    WaterHeaterSpec | VehicleSpec | DailyChargeSpec | BatterySpec | HeatPumpSpec | CoolingSpec
)
_Spec = TypeVar("_Spec", bound=AssetSpec | AmbientSpec)

DEFAULT_ASSETS: dict[str, Any] = {"water_heater": {}, "ev": {}}
_SPECS: dict[str, AssetSpec] = {
    "water_heater": WaterHeaterSpec(),
    "ev": VehicleSpec(),
    "battery": BatterySpec(),
    "heat_pump": HeatPumpSpec(),
    "cooling": CoolingSpec(),
}
_SHARES = ("least_soc", "most_soc", "soc", "target_soc")
_POSITIVE = ("tank_wh", "capacity_wh", "store_litres", "room_wh_per_k", "efficiency")
_LEAST_POSITIVE = 0.01
# A battery with these is a load behind a relay that wants so much a day.
_DAILY_KEYS = ("need_wh", "from_min", "until_min")


def read_asset(name: str, table: Table) -> AssetSpec:
    """One asset. Raises RigConfigError."""
    if name not in _SPECS:
        raise table.error("", "an asset: " + ", ".join(_SPECS), name)
    default = _SPECS[name]
    if name == "battery" and any(table.has(key) for key in _DAILY_KEYS):
        default = DailyChargeSpec()
    spec = read_spec(table, default)
    table.end()
    return spec


def read_spec(table: Table, default: _Spec) -> _Spec:
    """A spec whose keys are the fields of `default`. Raises RigConfigError."""
    values: dict[str, Any] = {}
    for field in fields(default):
        was = getattr(default, field.name)
        if isinstance(was, str):
            values[field.name] = table.text(field.name, was, ("self", "idle"))
        elif isinstance(was, int):
            high = 1440 if field.name.endswith("_min") else 86_400
            values[field.name] = table.whole(field.name, was, 0, high)
        else:
            values[field.name] = table.number(field.name, was, *_limits(field.name, default))
    return type(default)(**values)


def _limits(name: str, spec: object) -> tuple[float, float]:
    if name in _SHARES or (name == "efficiency" and isinstance(spec, BatterySpec)):
        return (_LEAST_POSITIVE if name == "efficiency" else 0.0), 1.0
    if name.endswith("_c"):
        return -60.0, 100.0
    return (_LEAST_POSITIVE if name in _POSITIVE else 0.0), 1e9


def contacts(assets: dict[str, AssetSpec]) -> set[str]:
    """What relays may switch in a home with these assets: each one, and an SG-Ready's two."""
    known = set(assets)
    return known | set(SG_CONTACTS) if "heat_pump" in known else known
