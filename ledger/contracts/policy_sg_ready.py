"""Policy of an SG-Ready heat pump: which of the label's four modes it should be in.

1 blocked, 2 normal, 3 recommended on, 4 ordered on (bwp, SG Ready regulations 2.0). Ranking,
highest first: shortage on the section blocks it; a run that its deadline leaves no more time for
orders it on; a low price recommends it; a dear one blocks it. It is blocked for two hours at most,
as the label demands, and then left alone for one.
"""

from __future__ import annotations

from ledger.contracts.context import NEVER_MS
from ledger.contracts.objects import Asset, Preferences
from ledger.contracts.params import Limits
from ledger.contracts.policy import latest_start_ms, must_run
from ledger.contracts.priority import OVERLOAD, REST_OF_DEVICE
from ledger.contracts.wear import (
    Decision,
    above_hysteresis,
    below_hysteresis,
    earliest_ms,
    settle,
)

BLOCKED, NORMAL, RECOMMENDED, ORDERED = 1, 2, 3, 4
MODES = (BLOCKED, NORMAL, RECOMMENDED, ORDERED)
BLOCK_MAX_S = 7200
REST_S = 3600


def decide(limits: Limits, wishes: Preferences, asset: Asset, price: int, now_ms: int) -> Decision:
    """The mode that the heat pump should be in at `now_ms` when its energy costs `price`."""
    want, why = _wanted(wishes, asset, price, now_ms)
    due_ms = min(latest_start_ms(wishes, asset, now_ms), _block_due_ms(asset, now_ms))
    if want == asset.desired:
        return Decision(want, why, False, due_ms)
    is_urgent = bool(asset.shed_ms) or _has_blocked_long(asset, now_ms)
    free_ms = earliest_ms(limits, asset, _own_s(wishes, asset), now_ms, is_urgent=is_urgent)
    return settle(want, why, free_ms, due_ms, now_ms)


def _wanted(wishes: Preferences, asset: Asset, price: int, now_ms: int) -> tuple[int, str]:
    can_block = not _has_blocked_long(asset, now_ms) and not _rests(asset, now_ms)
    if asset.shed_ms and can_block:
        return BLOCKED, OVERLOAD
    if not asset.shed_ms and must_run(wishes, asset, now_ms):
        return ORDERED, "deadline"
    if not asset.shed_ms and _is_low(wishes, asset, price):
        return RECOMMENDED, "low price"
    if can_block and _is_dear(wishes, asset, price):
        return BLOCKED, "price"
    return NORMAL, "normal" if can_block else REST_OF_DEVICE


def _is_low(wishes: Preferences, asset: Asset, price: int) -> bool:
    is_on = asset.desired == RECOMMENDED
    bound = above_hysteresis(wishes.low_price) if is_on else wishes.low_price
    return bool(wishes.low_price) and price <= bound


def _is_dear(wishes: Preferences, asset: Asset, price: int) -> bool:
    is_on = asset.desired == BLOCKED and asset.reason == "price"
    bound = below_hysteresis(wishes.price_limit) if is_on else wishes.price_limit
    return bool(wishes.price_limit) and price > bound


def _has_blocked_long(asset: Asset, now_ms: int) -> bool:
    return asset.desired == BLOCKED and now_ms - asset.since_ms >= BLOCK_MAX_S * 1000


def _rests(asset: Asset, now_ms: int) -> bool:
    return asset.reason == REST_OF_DEVICE and now_ms - asset.since_ms < REST_S * 1000


def _block_due_ms(asset: Asset, now_ms: int) -> int:
    """When a block, or the rest after one, has lasted long enough."""
    if not asset.since_ms:
        return NEVER_MS
    lasts_s = REST_S if asset.reason == REST_OF_DEVICE else BLOCK_MAX_S
    is_timed = asset.desired == BLOCKED or asset.reason == REST_OF_DEVICE
    end_ms = asset.since_ms + lasts_s * 1000
    return end_ms if is_timed and end_ms > now_ms else NEVER_MS


def _own_s(wishes: Preferences, asset: Asset) -> int:
    if asset.desired == BLOCKED:
        return wishes.min_off_s
    return wishes.min_on_s if asset.desired in (RECOMMENDED, ORDERED) else 0
