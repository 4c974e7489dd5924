"""The gateway's time when its machine's clock jumps: it goes on by the time that passes.

A clock years off would run commands that are over, let go of records that are to be kept, hold
every board's time against it and spread its own. So it is followed as long as it moves as the
boot-time clock does. A step beyond `MAX_STEP_S` is followed only

- to where the newest verified block, or one that the ledger offers, says that it is: a Raspberry
  Pi has its time some time after it started;
- in the first `SETTLE_S`, if no block was as new as it yet, to at most `MAX_LEAP_S` after the
  newest.

Any other is not: `unix_ns` goes on from what was believed last, until the clock is back there, or a
new block confirms where it went.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.errors import GatewayError
from ledger.clock import Clock
from ledger.engine.clock_guard import MAX_STANDSTILL_S, MAX_STEP_S, SETTLE_S, passed_ns

_NS_PER_S, _NS_PER_MS = 1_000_000_000, 1_000_000
MAX_LEAP_S = MAX_STANDSTILL_S

Chain = Callable[[], tuple[int, bool]]
"""(time of the newest verified block in ms or 0, whether blocks on offer are dated after it)."""


class ClockJumped(GatewayError):
    """The machine's clock is not where the time that passed would have taken it."""

    code = "clock_jumped"
    todo = (
        "set the clock right (NTP); the gateway goes on by the time that passes meanwhile. If it "
        "is right now, a new block of the ledger, or a restart, makes it believed"
    )


@dataclass
class _Belief:
    """What was believed last, and at which passed time; `block_ms` is the newest block then.

    `confirmed`: a block was as new as what was believed.
    """

    started_ns: int
    passed_ns: int
    unix_ns: int
    block_ms: int = 0
    confirmed: bool = False
    jumped: str = ""


@dataclass(frozen=True)
class GuardedClock(Clock):
    """`base`, as far as it can be believed. `watch` tells it of the chain."""

    base: Clock = field(kw_only=True)
    passed: Callable[[], int] = field(kw_only=True)
    belief: _Belief = field(kw_only=True)
    chain: list[Chain] = field(default_factory=list, kw_only=True)

    @classmethod
    def over(cls, base: Clock, passed: Callable[[], int] | None = None) -> GuardedClock:
        """Believe `base` as it is now."""
        passed = passed or passed_ns(base)
        now_ns = passed()
        return cls(
            base.mono_origin_ns,
            base.unix_origin_ns,
            base.speed,
            base.follows_system,
            base=base,
            passed=passed,
            belief=_Belief(now_ns, now_ns, base.unix_ns()),
        )

    def watch(self, chain: Chain) -> None:
        """Ask `chain` from now on."""
        self.chain[:] = [chain]

    def unix_ns(self) -> int:
        """Unix time in nanoseconds: the machine's, or what must have become of it."""
        belief, passed_ns, wall_ns = self.belief, self.passed(), self.base.unix_ns()
        expected_ns = belief.unix_ns + passed_ns - belief.passed_ns
        block_ms, behind = self.chain[0]() if self.chain else (0, False)
        if self._is_believed(wall_ns, expected_ns, passed_ns, block_ms, behind):
            belief.unix_ns, belief.passed_ns, belief.jumped = wall_ns, passed_ns, ""
            belief.block_ms = block_ms
            if block_ms and abs(wall_ns - block_ms * _NS_PER_MS) <= MAX_STEP_S * _NS_PER_S:
                belief.confirmed = True
            return wall_ns
        if not belief.jumped:
            step_s = (wall_ns - expected_ns) // _NS_PER_S
            belief.jumped = f"by {step_s} s against the time that passed"
        return expected_ns

    def jumped(self) -> ClockJumped | None:
        """Why the machine's clock is not followed right now."""
        self.unix_ns()
        return ClockJumped(self.belief.jumped) if self.belief.jumped else None

    def _is_believed(
        self, wall_ns: int, expected_ns: int, passed_ns: int, block_ms: int, behind: bool
    ) -> bool:
        slack_ns = MAX_STEP_S * _NS_PER_S
        if abs(wall_ns - expected_ns) <= slack_ns:
            return True
        block_ns = block_ms * _NS_PER_MS
        if not block_ms or wall_ns < block_ns - slack_ns:
            # With no block at all nothing speaks against the first time that a machine is given.
            return not block_ms and self._is_settling(passed_ns)
        if behind or expected_ns < block_ns - slack_ns:
            return True
        if block_ms > self.belief.block_ms and wall_ns <= block_ns + slack_ns:
            return True
        return self._is_settling(passed_ns) and wall_ns <= block_ns + MAX_LEAP_S * _NS_PER_S

    def _is_settling(self, passed_ns: int) -> bool:
        young = passed_ns - self.belief.started_ns <= SETTLE_S * _NS_PER_S
        return young and not self.belief.confirmed
