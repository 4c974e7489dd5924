"""What all policies share: a decision's shape, deadlines, price hysteresis, and bounds of wear.

Wear: `switch_gap_s` between two switchings always; the owner's minimum on and off times and
`switches_per_hour` too, except when giving way to a shortage. Changing a level moves no contact and
only heeds `LEVEL_GAP_S`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.contracts.objects import Asset, Preferences
from ledger.contracts.params import Limits

RUN_MARGIN_S = 120
"""A run begins that long before the last moment, for delivery and interval edges."""
LEVEL_GAP_S = 60
"""A level is changed no oftener, but to give way to a shortage."""
LEVEL_STEP_W = 100
"""Levels are multiples of this; smaller changes than that, or than 5 % of the rating, wait."""
_HYSTERESIS_DIVISOR = 50
_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Decision:
    """State wanted (`Asset.desired`), why, whether it may be set now, and when to look again.

    `is_switching` is False where only a level moves, which wears nothing.
    """

    want: int
    why: str
    may_switch: bool
    due_ms: int
    is_switching: bool = True


def settle(want: int, why: str, free_ms: int, due_ms: int, now_ms: int) -> Decision:
    """The decision to switch to `want` as soon as wear allows it."""
    if free_ms <= now_ms:
        return Decision(want, why, True, due_ms)
    return Decision(want, why, False, min(due_ms, free_ms))


def earliest_ms(
    limits: Limits, asset: Asset, own_s: int, now_ms: int, *, is_urgent: bool = False
) -> int:
    """When the asset may be switched next; `own_s` is the owner's bound for the state it is in.

    The first order of all is free.
    """
    if not asset.since_ms:
        return now_ms
    if is_urgent:
        return asset.since_ms + limits.switch_gap_s * 1000
    free_ms = asset.since_ms + max(limits.switch_gap_s, own_s) * 1000
    if len(asset.switches_ms) >= limits.switches_per_hour:
        free_ms = max(free_ms, asset.switches_ms[-limits.switches_per_hour] + _HOUR_MS)
    return free_ms


def level(
    limits: Limits, wishes: Preferences, asset: Asset, wanted: tuple[int, str], times: LevelTimes
) -> Decision:
    """A decision about a level of W: between two levels, or a switching between none and some.

    What takes load off a section in shortage goes at once.
    """
    (want, why), now_ms, due_ms = wanted, times.now_ms, times.due_ms
    is_first = not asset.since_ms
    is_urgent = bool(asset.shed_ms or asset.bound_ms) and want < asset.desired
    step_w = LEVEL_STEP_W if is_urgent else max(LEVEL_STEP_W, wishes.rated_w // 20)
    if not is_first and _sign(want) == _sign(asset.desired) and abs(want - asset.desired) < step_w:
        return Decision(asset.desired, why, False, due_ms)
    if is_first or _sign(want) != _sign(asset.desired):
        own_s = wishes.min_on_s if asset.desired else wishes.min_off_s
        free_ms = earliest_ms(limits, asset, own_s, now_ms, is_urgent=is_urgent)
        return settle(want, why, free_ms, due_ms, now_ms)
    gap_s = limits.switch_gap_s if is_urgent else max(limits.switch_gap_s, LEVEL_GAP_S)
    found = settle(want, why, asset.since_ms + gap_s * 1000, due_ms, now_ms)
    return Decision(want, why, found.may_switch, found.due_ms, is_switching=False)


@dataclass(frozen=True, slots=True)
class LevelTimes:
    """Block time, and when the policy by itself would have to look again."""

    now_ms: int
    due_ms: int


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def below_hysteresis(price: int) -> int:
    """2 % below a price: what it must fall to before what it stopped goes on."""
    return price - price // _HYSTERESIS_DIVISOR


def above_hysteresis(price: int) -> int:
    """2 % above a price."""
    return price + price // _HYSTERESIS_DIVISOR


def deadline_ms(wishes: Preferences, now_ms: int) -> int:
    """The deadline in the period of `now_ms`."""
    period_ms = wishes.period_s * 1000
    return now_ms // period_ms * period_ms + wishes.deadline_s * 1000


def next_period_ms(wishes: Preferences, now_ms: int) -> int:
    """When the next period begins."""
    period_ms = wishes.period_s * 1000
    return (now_ms // period_ms + 1) * period_ms
