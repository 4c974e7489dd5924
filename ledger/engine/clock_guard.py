"""Keeps a clock that is years off from dating a block: no later block could take it back.

At start `check_clock` refuses a clock far beyond the last block. While running `ClockGuard` holds
the clock against the time that has passed since it was last believed:

- A step of up to `MAX_STEP_S` is followed, as NTP makes it.
- In the first `SETTLE_S`, and whenever the clock is known to be behind the chain, a longer step is
  followed if it lands where `check_clock` would let it start: a machine without a battery clock
  gets its time only after boot.
- Any other step is not believed. Blocks are then dated by the time that has passed, so the chain
  goes on at the right time, until the clock is back within `MAX_STEP_S` of that. A restart, with
  `--accept-clock` if need be, believes the clock as it is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ledger.blocks.times import format_rfc3339
from ledger.clock import Clock
from ledger.engine.errors import ClockFarAhead

_log = logging.getLogger("truewatt.ledger")

_DAY_S = 86_400
MAX_STANDSTILL_S = 30 * _DAY_S
"""How long a chain may have stood still before a person must say that it did."""
MAX_STEP_S = 600
SETTLE_S = 900

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


def passed_ns(clock: Clock) -> Callable[[], int]:
    """Nanoseconds that pass for `clock`, whoever sets it; a machine's sleep counts too."""
    if clock.follows_system and hasattr(time, "CLOCK_BOOTTIME"):
        return lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return clock.mono_ns


class ClockGuard:
    """The time that blocks are dated by; the clock given is believed as it is now.

    `notice` says in a sentence why the machine's clock is not believed, or is empty.
    """

    def __init__(self, clock: Clock, passed: Callable[[], int] | None = None) -> None:
        self._clock = clock
        self._passed = passed or passed_ns(clock)
        self._started_ns = self._passed()
        self._anchor = (self._started_ns, clock.unix_ns())
        self.notice = ""

    def unix_ns(self, last_vote_ns: int) -> int:
        """Unix time in ns: the clock's, or what must have become of it if it jumped."""
        passed_ns, wall_ns = self._passed(), self._clock.unix_ns()
        expected_ns = self._anchor[1] + passed_ns - self._anchor[0]
        if self._is_believed(passed_ns, wall_ns, expected_ns, last_vote_ns):
            self._anchor = (passed_ns, wall_ns)
            self._tell("")
            return wall_ns
        self._tell(
            f"ClockJumped: the machine's clock says {format_rfc3339(max(wall_ns, 0))[:19]}Z, which"
            f" can't be: blocks go on from {format_rfc3339(self._anchor[1])[:19]}Z by the time that"
            " passes, until the clock is set right; if it is right, restart with --accept-clock"
        )
        return expected_ns

    def _is_believed(
        self, passed_ns: int, wall_ns: int, expected_ns: int, last_vote_ns: int
    ) -> bool:
        if abs(wall_ns - expected_ns) <= MAX_STEP_S * _NS_PER_S:
            return True
        is_settling = passed_ns - self._started_ns <= SETTLE_S * _NS_PER_S
        was_behind = expected_ns < last_vote_ns - MAX_STEP_S * _NS_PER_S
        earliest_ns = last_vote_ns - MAX_STEP_S * _NS_PER_S
        fits = earliest_ns <= wall_ns <= last_vote_ns + MAX_STANDSTILL_S * _NS_PER_S
        return fits and (is_settling or was_behind)

    def _tell(self, notice: str) -> None:
        if bool(notice) != bool(self.notice):
            _log.warning("%s", notice or "the machine's clock is back and believed again")
        self.notice = notice
