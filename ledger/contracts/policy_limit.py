"""Policy of a charger whose power can be limited: as little as its deadline allows when dear.

Ranking, highest first: shed; the section's bound; the deadline; the price limit; otherwise all.
While energy is dear it waits until what is left needs `least_w` throughout, then charges at what is
needed and no more: many chargers on one section so share the night instead of meeting at its end.
"""

from __future__ import annotations

from ledger.contracts.context import NEVER_MS
from ledger.contracts.objects import Asset, Preferences
from ledger.contracts.params import Limits
from ledger.contracts.priority import OVERLOAD
from ledger.contracts.wear import (
    LEVEL_STEP_W,
    RUN_MARGIN_S,
    Decision,
    LevelTimes,
    below_hysteresis,
    deadline_ms,
    level,
    next_period_ms,
)

REVIEW_S = 300
"""While it charges for its deadline, what is needed is worked out again that often."""
_S_PER_HOUR = 3600


def decide(limits: Limits, wishes: Preferences, asset: Asset, price: int, now_ms: int) -> Decision:
    """The W that the charger may draw at `now_ms` when its energy costs `price`; 0 pauses it."""
    times = LevelTimes(now_ms, _due_ms(wishes, asset, now_ms))
    return level(limits, wishes, asset, _bounded(wishes, asset, price, now_ms), times)


def remaining_wh(wishes: Preferences, asset: Asset, now_ms: int) -> int:
    """Energy that must still arrive before the deadline in the period of `now_ms`."""
    if now_ms >= deadline_ms(wishes, now_ms):
        return 0
    is_current = asset.period == now_ms // (wishes.period_s * 1000)
    return max(wishes.energy_wh - (asset.energy_wh if is_current else 0), 0)


def needed_w(wishes: Preferences, asset: Asset, now_ms: int) -> int:
    """Power that delivers what is left just in time, rounded up; 0 if nothing is left."""
    left_wh = remaining_wh(wishes, asset, now_ms)
    left_s = max((deadline_ms(wishes, now_ms) - now_ms) // 1000 - RUN_MARGIN_S, 1)
    steps = -(-left_wh * _S_PER_HOUR // (left_s * LEVEL_STEP_W))
    return min(steps * LEVEL_STEP_W, wishes.rated_w)


def _bounded(wishes: Preferences, asset: Asset, price: int, now_ms: int) -> tuple[int, str]:
    if asset.shed_ms:
        return 0, OVERLOAD
    want, why = _wanted(wishes, asset, price, now_ms)
    if not asset.bound_ms or want <= asset.bound_w:
        return want, why
    return (asset.bound_w if asset.bound_w >= max(wishes.least_w, 1) else 0), OVERLOAD


def _wanted(wishes: Preferences, asset: Asset, price: int, now_ms: int) -> tuple[int, str]:
    if not wishes.price_limit:
        return wishes.rated_w, "any price"
    is_full = asset.desired == wishes.rated_w
    bound = wishes.price_limit if is_full else below_hysteresis(wishes.price_limit)
    if price <= bound:
        return wishes.rated_w, "price"
    need_w = needed_w(wishes, asset, now_ms)
    has_begun = asset.reason == "deadline" and asset.desired > 0
    if need_w and (need_w >= wishes.least_w or has_begun):
        return max(need_w, wishes.least_w), "deadline"
    return 0, "price"


def _due_ms(wishes: Preferences, asset: Asset, now_ms: int) -> int:
    """Next time at which the deadline's rule alone changes the answer."""
    if not wishes.energy_wh:
        return NEVER_MS
    left_wh, end_ms = remaining_wh(wishes, asset, now_ms), deadline_ms(wishes, now_ms)
    start_ms = 0
    if left_wh:
        run_s = left_wh * _S_PER_HOUR // max(wishes.least_w, LEVEL_STEP_W)
        start_ms = end_ms - (run_s + RUN_MARGIN_S) * 1000
        start_ms = start_ms if start_ms > now_ms else now_ms + REVIEW_S * 1000
    candidates = (start_ms, end_ms, next_period_ms(wishes, now_ms))
    return min(at_ms for at_ms in candidates if at_ms > now_ms)
