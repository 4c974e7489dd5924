"""What the demo's owners want of each asset: the price that they accept, and by when."""

from __future__ import annotations

from typing import Any

from ledger.contracts.objects import BATTERY_KIND, LIMIT_KIND, SG_READY_KIND
from ledger.setup import PreferencesBody
from truewatt.demo import homes, plant
from truewatt.demo.homes import HomePlan

_DAY_S = 86_400
_HEATER_PATIENCE, _HEAT_PUMP_PATIENCE = 60_000, 30_000
"""Micro-units per kWh above the car's limit, at which a home without heat is worth it."""
_HEAT_PUMP_LOW = 200_000
_BATTERY_TAKES, _BATTERY_GIVES = 240_000, 265_000
_BATTERY_RESERVE_WH = 2_000


def of_meter(home: HomePlan, device: bytes) -> list[PreferencesBody]:
    """For the relays of the home's own board; `device` is its address."""
    if home.heat_pump_w:
        return [_heat_pump(home, device)]
    return [_heater(home, device)] if home.charger else [_heater(home, device), _ev(home, device)]


def of_battery(device: bytes) -> PreferencesBody:
    """It takes when energy is cheap, gives when it is dear, and keeps some for a shortage."""
    return PreferencesBody(
        **_common(device),
        asset=0,
        kind=BATTERY_KIND,
        price_limit=_BATTERY_TAKES,
        high_price=_BATTERY_GIVES,
        capacity_wh=homes.BATTERY_WH,
        reserve_wh=_BATTERY_RESERVE_WH,
        priority=1,
        run_s=0,
        deadline_s=0,
        min_on_s=300,
        min_off_s=300,
        rated_w=homes.BATTERY_W,
    )


def of_charger(home: HomePlan, device: bytes) -> PreferencesBody:
    """The car must have its energy by its deadline; how fast it comes is the contract's choice."""
    return PreferencesBody(
        **_common(device),
        asset=0,
        kind=LIMIT_KIND,
        price_limit=home.price_limit,
        least_w=plant.CHARGER_LEAST_W,
        energy_wh=home.ev_need_wh,
        priority=1,
        run_s=0,
        deadline_s=home.ev_deadline_s,
        min_on_s=300,
        min_off_s=300,
        rated_w=plant.CHARGER_W,
    )


def _common(device: bytes) -> dict[str, Any]:
    return {"device": device, "energy": 0, "period_s": _DAY_S}


def _heater(home: HomePlan, device: bytes) -> PreferencesBody:
    """The heater may wait an hour or two."""
    return PreferencesBody(
        **_common(device),
        asset=homes.WATER_HEATER,
        price_limit=home.price_limit + _HEATER_PATIENCE,
        priority=2,
        run_s=0,
        deadline_s=0,
        min_on_s=300,
        min_off_s=600,
        rated_w=home.heater_w,
    )


def _ev(home: HomePlan, device: bytes) -> PreferencesBody:
    """The car must have charged by its deadline."""
    return PreferencesBody(
        **_common(device),
        asset=homes.EV,
        price_limit=home.price_limit,
        priority=1,
        run_s=3600 * home.ev_need_wh // home.ev_w,
        deadline_s=home.ev_deadline_s,
        min_on_s=900,
        min_off_s=900,
        rated_w=home.ev_w,
    )


def _heat_pump(home: HomePlan, device: bytes) -> PreferencesBody:
    """One asset on two relays: blocked while dear, recommended on while cheap."""
    return PreferencesBody(
        **_common(device),
        asset=0,
        kind=SG_READY_KIND,
        price_limit=home.price_limit + _HEAT_PUMP_PATIENCE,
        low_price=_HEAT_PUMP_LOW,
        priority=2,
        run_s=0,
        deadline_s=0,
        min_on_s=600,
        min_off_s=600,
        rated_w=home.heat_pump_w,
    )
