"""Refuses to date a block by a clock that may be years ahead: no later block could take it back."""

from __future__ import annotations

from ledger.blocks.times import format_rfc3339
from ledger.engine.errors import ClockFarAhead

_DAY_S = 86_400
MAX_STANDSTILL_S = 30 * _DAY_S
"""How long a chain may have stood still before a person must say that it did."""

_NS_PER_S = 1_000_000_000


def check_clock(last_vote_ns: int, now_ns: int) -> None:
    """Raise `ClockFarAhead` if `now_ns` is more than `MAX_STANDSTILL_S` after the last vote.

    A machine without a battery clock can start in any year. A clock that is behind needs no guard:
    block time never runs backwards.
    """
    ahead_s = (now_ns - last_vote_ns) // _NS_PER_S
    if ahead_s > MAX_STANDSTILL_S:
        raise ClockFarAhead(
            f"this machine's clock says {format_rfc3339(now_ns)}, {ahead_s // _DAY_S} days after"
            f" the last block ({format_rfc3339(last_vote_ns)}); a block dated there could never be"
            " taken back. Set the clock; if the ledger did stand still that long: --accept-clock"
        )
