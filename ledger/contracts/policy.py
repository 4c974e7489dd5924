"""Policy: what one asset should do now. Pure arithmetic on preferences, price and times.

Ranking, highest first: shortage on the section; a run that its deadline leaves no more time for;
the price limit; otherwise on. Wear bounds when the answer may change: `switch_gap_s` always, the
owner's minimum on and off times and `switches_per_hour` except when shedding for an overload.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.contracts.context import NEVER_MS
from ledger.contracts.objects import RELAY_CLOSED, RELAY_OPEN, RELAY_UNKNOWN, Asset, Preferences
from ledger.contracts.params import Limits

RUN_MARGIN_S = 120
"""A run begins that long before the last moment, for delivery and interval edges."""
HYSTERESIS_DIVISOR = 50
"""An asset that was opened for its price closes 2 % below the limit."""
_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Decision:
    """Relay state wanted, why, whether it may be switched now, and when to look again."""

    want: int
    why: str
    may_switch: bool
    due_ms: int


def decide(limits: Limits, wishes: Preferences, asset: Asset, price: int, now_ms: int) -> Decision:
    """What `asset` should do at `now_ms` when its energy costs `price`."""
    want, why = _wanted(wishes, asset, price, now_ms)
    due_ms = _latest_start_ms(wishes, asset, now_ms)
    if want == asset.desired:
        return Decision(want, why, False, due_ms)
    earliest_ms = _earliest_ms(limits, wishes, asset, now_ms)
    if earliest_ms <= now_ms:
        return Decision(want, why, True, due_ms)
    return Decision(want, why, False, min(due_ms, earliest_ms))


def _wanted(wishes: Preferences, asset: Asset, price: int, now_ms: int) -> tuple[int, str]:
    if asset.shed_ms:
        return RELAY_OPEN, "overload"
    if _must_run(wishes, asset, now_ms):
        return RELAY_CLOSED, "deadline"
    if not wishes.price_limit:
        return RELAY_CLOSED, "any price"
    bound = wishes.price_limit
    if asset.desired == RELAY_OPEN and asset.reason == "price":
        bound -= bound // HYSTERESIS_DIVISOR
    return (RELAY_OPEN, "price") if price > bound else (RELAY_CLOSED, "price")


def _deadline_ms(wishes: Preferences, now_ms: int) -> int:
    period_ms = wishes.period_s * 1000
    return now_ms // period_ms * period_ms + wishes.deadline_s * 1000


def remaining_run_s(wishes: Preferences, asset: Asset, now_ms: int) -> int:
    """Seconds that the asset must still be on in the period of `now_ms`."""
    if not wishes.run_s:
        return 0
    is_current = asset.period == now_ms // (wishes.period_s * 1000)
    return max(wishes.run_s - (asset.run_s if is_current else 0), 0)


def _must_run(wishes: Preferences, asset: Asset, now_ms: int) -> bool:
    left_s = remaining_run_s(wishes, asset, now_ms)
    if not left_s or now_ms >= _deadline_ms(wishes, now_ms):
        return False
    return now_ms >= _deadline_ms(wishes, now_ms) - (left_s + RUN_MARGIN_S) * 1000


def _latest_start_ms(wishes: Preferences, asset: Asset, now_ms: int) -> int:
    """Next time at which the run's rule alone changes the answer."""
    if not wishes.run_s:
        return NEVER_MS
    deadline_ms, period_ms = _deadline_ms(wishes, now_ms), wishes.period_s * 1000
    left_s = remaining_run_s(wishes, asset, now_ms)
    start_ms = deadline_ms - (left_s + RUN_MARGIN_S) * 1000
    candidates = (start_ms if left_s else 0, deadline_ms, (now_ms // period_ms + 1) * period_ms)
    return min(at_ms for at_ms in candidates if at_ms > now_ms)


def _earliest_ms(limits: Limits, wishes: Preferences, asset: Asset, now_ms: int) -> int:
    """When the asset may be switched next; the first order of all is free."""
    if asset.desired == RELAY_UNKNOWN:
        return now_ms
    rest_s = limits.switch_gap_s
    if asset.shed_ms:
        return asset.since_ms + rest_s * 1000
    own_s = wishes.min_on_s if asset.desired == RELAY_CLOSED else wishes.min_off_s
    earliest_ms = asset.since_ms + max(rest_s, own_s) * 1000
    if len(asset.switches_ms) >= limits.switches_per_hour:
        earliest_ms = max(earliest_ms, asset.switches_ms[-limits.switches_per_hour] + _HOUR_MS)
    return earliest_ms
