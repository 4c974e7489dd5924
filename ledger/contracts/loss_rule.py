"""When lost energy is suspicious: a loss model, and a sequential rule over intervals. Pure.

The rule is a one-sided CUSUM (Page 1954) for each direction: what exceeds the allowance adds up,
what falls short of it is taken off, never below zero. It speaks when the sum passes its limit, for
a loss after `MIN_RUNS` intervals at the earliest.

False alarms: cumulative registers make reading errors cancel between intervals. A register that was
a Wh short or some seconds old at one boundary gives that energy back at the next, so over any
stretch these errors sum up to no more than those of its two ends, which the limit holds. Everything
that does add up (errors of meters within `accuracy_ppm`, losses within half of the model) is in the
allowance. As long as meters and cables are within the operator's figures there is no false alarm at
all; a lasting loss of x Wh an interval above the allowance is told after about limit / x intervals.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.contracts.objects import LossAccount, LossModel

MIN_RUNS = 3
_CAP_LIMITS = 4
"""The sum stops at so many limits, so that the end of a loss shows in bounded time."""
_S_PER_HOUR = 3600
_PPM = 1_000_000
_MODEL_ERROR_DIVISOR = 2


@dataclass(frozen=True, slots=True)
class Flow:
    """A section's energy over `length_s` in Wh; `metered_wh`: taken plus given of all behind it."""

    length_s: int
    import_wh: int
    export_wh: int
    metered_wh: int


def technical_wh(model: LossModel, flow: Flow) -> int:
    """What cables and meters themselves take at the section's mean power."""
    mean_w = abs(flow.import_wh - flow.export_wh) * _S_PER_HOUR // flow.length_s
    square_mw = model.quadratic_mw * mean_w * mean_w // 10**6
    return (model.fixed_w * 1000 + square_mw) * flow.length_s // (1000 * _S_PER_HOUR)


def allowed_wh(model: LossModel, flow: Flow) -> int:
    """How far an interval's residual may be from zero, either way, for ever."""
    counted_wh = flow.import_wh + flow.export_wh + flow.metered_wh
    errors_wh = -(-counted_wh * model.accuracy_ppm // _PPM)
    return errors_wh + -(-technical_wh(model, flow) // _MODEL_ERROR_DIVISOR)


def follow(account: LossAccount, residual_wh: int, allowance_wh: int, ends: Ends) -> None:
    """Add one interval to the rule's sums."""
    if not account.high:
        account.high_doubt_wh = ends.begin_doubt_wh
    if not account.low:
        account.low_doubt_wh = ends.begin_doubt_wh
    most_doubt_wh = max(account.high_doubt_wh, account.low_doubt_wh)
    account.limit_wh = ends.margin_wh + ends.end_doubt_wh + most_doubt_wh
    most_wh = _CAP_LIMITS * account.limit_wh
    account.high = min(max(account.high + residual_wh - allowance_wh, 0), most_wh)
    account.low = min(max(account.low - residual_wh - allowance_wh, 0), most_wh)
    account.runs = account.runs + 1 if account.high else 0


@dataclass(frozen=True, slots=True)
class Ends:
    """By how much the registers at an interval's two boundaries may be wrong, and the margin."""

    begin_doubt_wh: int
    end_doubt_wh: int
    margin_wh: int


def is_loss(account: LossAccount) -> bool:
    """True if more is lost than can be explained."""
    return account.high > account.limit_wh and account.runs >= MIN_RUNS


def is_surplus(account: LossAccount) -> bool:
    """True if the meters count more than the M-LMD lets through: it reads short, or is bypassed."""
    return account.low > account.limit_wh
