"""Policy of a relay: what it should do now. Pure arithmetic on preferences, price and times.

Ranking, highest first: shortage on the section; a run that its deadline leaves no more time for;
the price limit; otherwise on. Wear bounds when the answer may change: see `wear`. Assets that are
more than a relay have their own policies: `policy_limit`, `policy_battery`, `policy_sg_ready`.
"""

from __future__ import annotations

from ledger.contracts.context import NEVER_MS
from ledger.contracts.objects import RELAY_CLOSED, RELAY_OPEN, Asset, Preferences
from ledger.contracts.params import Limits
from ledger.contracts.priority import OVERLOAD
from ledger.contracts.wear import (
    RUN_MARGIN_S,
    Decision,
    below_hysteresis,
    deadline_ms,
    earliest_ms,
    next_period_ms,
    settle,
)


def decide(limits: Limits, wishes: Preferences, asset: Asset, price: int, now_ms: int) -> Decision:
    """What `asset` should do at `now_ms` when its energy costs `price`."""
    want, why = _wanted(wishes, asset, price, now_ms)
    due_ms = latest_start_ms(wishes, asset, now_ms)
    if want == asset.desired:
        return Decision(want, why, False, due_ms)
    own_s = wishes.min_on_s if asset.desired == RELAY_CLOSED else wishes.min_off_s
    free_ms = earliest_ms(limits, asset, own_s, now_ms, is_urgent=bool(asset.shed_ms))
    return settle(want, why, free_ms, due_ms, now_ms)


def _wanted(wishes: Preferences, asset: Asset, price: int, now_ms: int) -> tuple[int, str]:
    if asset.shed_ms:
        return RELAY_OPEN, OVERLOAD
    if must_run(wishes, asset, now_ms):
        return RELAY_CLOSED, "deadline"
    if not wishes.price_limit:
        return RELAY_CLOSED, "any price"
    was_dear = asset.desired == RELAY_OPEN and asset.reason == "price"
    bound = below_hysteresis(wishes.price_limit) if was_dear else wishes.price_limit
    return (RELAY_OPEN, "price") if price > bound else (RELAY_CLOSED, "price")


def remaining_run_s(wishes: Preferences, asset: Asset, now_ms: int) -> int:
    """Seconds that the asset must still be on in the period of `now_ms`."""
    if not wishes.run_s:
        return 0
    is_current = asset.period == now_ms // (wishes.period_s * 1000)
    return max(wishes.run_s - (asset.run_s if is_current else 0), 0)


def must_run(wishes: Preferences, asset: Asset, now_ms: int) -> bool:
    """True if the run that is left takes all the time until its deadline."""
    left_s, end_ms = remaining_run_s(wishes, asset, now_ms), deadline_ms(wishes, now_ms)
    if not left_s or now_ms >= end_ms:
        return False
    return now_ms >= end_ms - (left_s + RUN_MARGIN_S) * 1000


def latest_start_ms(wishes: Preferences, asset: Asset, now_ms: int) -> int:
    """Next time at which the run's rule alone changes the answer."""
    if not wishes.run_s:
        return NEVER_MS
    end_ms, left_s = deadline_ms(wishes, now_ms), remaining_run_s(wishes, asset, now_ms)
    start_ms = end_ms - (left_s + RUN_MARGIN_S) * 1000
    candidates = (start_ms if left_s else 0, end_ms, next_period_ms(wishes, now_ms))
    return min(at_ms for at_ms in candidates if at_ms > now_ms)
