"""Policy of a battery: takes energy when it is cheap, gives when it is dear, helps in a shortage.

Watts are positive into the battery. `Asset.stored_wh` is the contract's own account of what is in
it (see `assets`); below `reserve_wh` it gives only to a section in shortage, which outranks prices.
"""

from __future__ import annotations

from ledger.contracts.context import NEVER_MS
from ledger.contracts.objects import Asset, Preferences
from ledger.contracts.params import Limits
from ledger.contracts.priority import OVERLOAD
from ledger.contracts.wear import (
    Decision,
    LevelTimes,
    above_hysteresis,
    below_hysteresis,
    level,
)

_REFILL_DIVISOR = 20
"""Full or down to its reserve, it moves again once 5 % of its capacity are away from there."""


def decide(limits: Limits, wishes: Preferences, asset: Asset, price: int, now_ms: int) -> Decision:
    """The W that the battery is to take (negative: give) at `now_ms`."""
    want, why = _wanted(wishes, asset, price)
    if asset.bound_ms and want > asset.bound_w:
        # An empty battery can do no more than stop taking.
        want = asset.bound_w if asset.stored_wh else max(min(want, 0), asset.bound_w, 0)
        why = OVERLOAD
    return level(limits, wishes, asset, (want, why), LevelTimes(now_ms, NEVER_MS))


def floor_w(wishes: Preferences, asset: Asset) -> int:
    """The least that it can take: all its power the other way, as long as something is in it."""
    return -wishes.rated_w if asset.stored_wh else 0


def _wanted(wishes: Preferences, asset: Asset, price: int) -> tuple[int, str]:
    takes, gives = asset.desired > 0, asset.desired < 0
    if _is_cheap(wishes, price, takes) and _has_room(wishes, asset, takes):
        return wishes.rated_w, "cheap"
    if _is_dear(wishes, price, gives) and _has_more(wishes, asset, gives):
        return -wishes.rated_w, "dear"
    return 0, "rest"


def _is_cheap(wishes: Preferences, price: int, takes: bool) -> bool:
    bound = above_hysteresis(wishes.price_limit) if takes else wishes.price_limit
    return bool(wishes.price_limit) and price <= bound


def _is_dear(wishes: Preferences, price: int, gives: bool) -> bool:
    bound = below_hysteresis(wishes.high_price) if gives else wishes.high_price
    return bool(wishes.high_price) and price >= bound


def _has_room(wishes: Preferences, asset: Asset, takes: bool) -> bool:
    margin_wh = 0 if takes else wishes.capacity_wh // _REFILL_DIVISOR
    return asset.stored_wh < wishes.capacity_wh - margin_wh


def _has_more(wishes: Preferences, asset: Asset, gives: bool) -> bool:
    margin_wh = 0 if gives else wishes.capacity_wh // _REFILL_DIVISOR
    return asset.stored_wh > wishes.reserve_wh + margin_wh
