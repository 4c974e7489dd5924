"""Kinds of assets: how each is checked, decided on and commanded. One row per kind.

A kind's policy is pure (`policy*`); this table and `assets` are all that other contracts know of
it. Asset numbers are relays of a meter, or 0 for the actuator of an attested device.
"""

from __future__ import annotations

from collections.abc import Callable

from ledger.contracts import policy, policy_battery, policy_limit, policy_sg_ready
from ledger.contracts.bodies import PreferencesBody
from ledger.contracts.errors import BadPreferences
from ledger.contracts.objects import (
    BATTERY_KIND,
    KINDS,
    LIMIT_KIND,
    RELAY_CLOSED,
    RELAY_KIND,
    SG_READY_KIND,
    Asset,
    Device,
    Preferences,
)
from ledger.contracts.params import Limits
from ledger.contracts.wear import Decision
from wireformat import codes

_GRADED_FIELDS = ("least_w", "energy_wh", "low_price", "high_price", "capacity_wh", "reserve_wh")
_FIELDS_OF = {
    RELAY_KIND: (),
    LIMIT_KIND: ("least_w", "energy_wh"),
    BATTERY_KIND: ("high_price", "capacity_wh", "reserve_wh"),
    SG_READY_KIND: ("low_price",),
}
_ROLES_OF = {
    RELAY_KIND: (codes.METER, codes.ATTESTED),
    LIMIT_KIND: (codes.ATTESTED,),
    BATTERY_KIND: (codes.ATTESTED,),
    SG_READY_KIND: (codes.METER, codes.ATTESTED),
}
MIN_PERIOD_S = 600
_S_PER_HOUR = 3600

_Policy = Callable[[Limits, Preferences, Asset, int, int], Decision]
_POLICIES: dict[int, _Policy] = {
    RELAY_KIND: policy.decide,
    LIMIT_KIND: policy_limit.decide,
    BATTERY_KIND: policy_battery.decide,
    SG_READY_KIND: policy_sg_ready.decide,
}


def decide(limits: Limits, wishes: Preferences, asset: Asset, price: int, now_ms: int) -> Decision:
    """What the asset should do at `now_ms`, by the policy of its kind."""
    return _POLICIES[wishes.kind](limits, wishes, asset, price, now_ms)


def order_of(kind: int, desired: int) -> tuple[int, int]:
    """(action, value) of the command that brings an asset to `desired`."""
    if kind == RELAY_KIND:
        return (codes.CLOSE if desired == RELAY_CLOSED else codes.OPEN), 0
    if kind == LIMIT_KIND:
        return codes.SET_LIMIT, desired
    if kind == SG_READY_KIND:
        return codes.SET_MODE, desired
    return (codes.DISCHARGE, -desired) if desired < 0 else (codes.CHARGE, desired)


def new_asset(wishes: Preferences) -> Asset:
    """An asset that nothing was asked of yet; of a battery nobody knows how full it is."""
    if wishes.kind == RELAY_KIND:
        return Asset()
    return Asset(desired=0, actual=0, stored_wh=wishes.capacity_wh // 2)


def check(device: Device, body: PreferencesBody) -> None:
    """Raise `BadPreferences` for wishes that contradict each other or the device."""
    kind = body.kind or RELAY_KIND
    if device.role not in _ROLES_OF[kind] or body.asset >= device.relays:
        role = codes.BOARD_ROLES.get(device.role, str(device.role))
        raise BadPreferences(
            f"asset {body.asset} of kind {KINDS[kind]}: the board is a {role} of"
            f" {device.relays} assets"
        )
    for name in _GRADED_FIELDS:
        if getattr(body, name) and name not in _FIELDS_OF[kind]:
            raise BadPreferences(f"{name} means nothing for kind {KINDS[kind]}: leave it out")
    _check_times(body)
    _CHECKS[kind](device, body)


def _check_times(body: PreferencesBody) -> None:
    if body.period_s < MIN_PERIOD_S or body.deadline_s > body.period_s:
        raise BadPreferences(f"period_s must be {MIN_PERIOD_S} or more and deadline_s within it")
    if body.run_s > body.deadline_s:
        raise BadPreferences("run_s does not fit between the period's start and deadline_s")
    if body.energy and body.energy not in codes.ENERGY_TYPES:
        raise BadPreferences(f"energy type {body.energy} is not registered")


def _check_relay(device: Device, body: PreferencesBody) -> None:
    pass


def _check_limit(device: Device, body: PreferencesBody) -> None:
    if not body.rated_w or (body.least_w or 0) > body.rated_w or body.run_s:
        raise BadPreferences(
            "a power limit needs rated_w, least_w within it, and energy_wh, no run_s"
        )
    if (body.energy_wh or 0) * _S_PER_HOUR > body.rated_w * body.deadline_s:
        raise BadPreferences("energy_wh takes longer at rated_w than from the period's start on")


def _check_battery(device: Device, body: PreferencesBody) -> None:
    if [codes.GENERATION, codes.BATTERY] not in device.channels:
        raise BadPreferences("a battery needs a channel [generation, battery]")
    if not body.rated_w or not body.capacity_wh or body.run_s:
        raise BadPreferences("a battery needs rated_w and capacity_wh, no run_s")
    if (body.reserve_wh or 0) > body.capacity_wh:
        raise BadPreferences("reserve_wh is above capacity_wh")
    if body.high_price and body.high_price <= body.price_limit:
        raise BadPreferences("high_price must be above price_limit, or it would turn in circles")


def _check_sg_ready(device: Device, body: PreferencesBody) -> None:
    if body.price_limit and (body.low_price or 0) >= body.price_limit:
        raise BadPreferences("low_price must be below price_limit")


_CHECKS: dict[int, Callable[[Device, PreferencesBody], None]] = {
    RELAY_KIND: _check_relay,
    LIMIT_KIND: _check_limit,
    BATTERY_KIND: _check_battery,
    SG_READY_KIND: _check_sg_ready,
}
