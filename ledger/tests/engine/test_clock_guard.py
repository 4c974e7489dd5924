"""A clock that is years off must not date a block; one that a person vouches for may."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import pytest

from ledger.clock import Clock
from ledger.engine.chain import Chain
from ledger.engine.clock_guard import MAX_STANDSTILL_S, ClockGuard, check_clock
from ledger.engine.engine import Engine
from ledger.engine.errors import ClockFarAhead
from ledger.rpc.node import run_node
from ledger.tests.contracts.kit import START_MS
from ledger.tests.engine.chain_kit import new_home

NS_PER_S = 1_000_000_000
YEARS_MS = 14 * 365 * 86_400_000


def test_a_standstill_of_up_to_thirty_days_needs_nobody():
    check_clock(0, MAX_STANDSTILL_S * NS_PER_S)
    with pytest.raises(ClockFarAhead, match="--accept-clock"):
        check_clock(0, (MAX_STANDSTILL_S + 1) * NS_PER_S)


def test_a_clock_that_is_behind_is_let_pass():
    check_clock(NS_PER_S * 1_000_000, 0)


def one_block(home, now_ms):
    chain = Chain.open(home)
    draft = chain.draft([], now_ms * 1_000_000)
    chain.store(draft)
    chain.close()


def test_a_node_whose_clock_is_years_ahead_makes_no_block_and_says_why(tmp_path):
    home = new_home(tmp_path / "home")
    one_block(home, START_MS + 1000)
    clock = Clock.starting_at(START_MS + YEARS_MS, 60)
    with pytest.raises(ClockFarAhead, match=r"51[01]\d days after the last block"):
        asyncio.run(run_node(home, "127.0.0.1", 0, clock))
    chain = Chain.open(home)
    assert chain.height == 1
    chain.close()


def test_a_person_can_vouch_for_the_clock(tmp_path):
    home = new_home(tmp_path / "home")
    one_block(home, START_MS + 1000)
    clock = Clock.starting_at(START_MS + YEARS_MS, 60)

    async def run_for_a_while():
        node = asyncio.create_task(run_node(home, "127.0.0.1", 0, clock, accept_clock=True))
        for _ in range(100):
            await asyncio.sleep(0.05)
            if home.rpc_file.exists():
                break
        await asyncio.sleep(0.3)
        node.cancel()
        with pytest.raises(asyncio.CancelledError):
            await node

    asyncio.run(run_for_a_while())
    chain = Chain.open(home)
    assert chain.height > 1
    chain.close()


@dataclass
class FakeTime:
    """A machine's clock that somebody sets, and the time that really passes."""

    wall_ns: int = START_MS * 1_000_000
    passed_ns: int = 0

    def guard(self) -> ClockGuard:
        return ClockGuard(self, lambda: self.passed_ns)

    def unix_ns(self) -> int:
        return self.wall_ns

    def go(self, seconds: float, step_s: float = 0) -> None:
        self.passed_ns += int(seconds * NS_PER_S)
        self.wall_ns += int((seconds + step_s) * NS_PER_S)


YEAR_S = 365 * 86_400


@pytest.mark.parametrize("years", [10, -10, 1, -1, 50, -56])
def test_a_jump_of_years_dates_nothing_and_the_chain_goes_on(years):
    time = FakeTime()
    guard, vote_ns = time.guard(), time.wall_ns
    time.go(1000)
    true_ns = guard.unix_ns(vote_ns)
    assert true_ns == vote_ns + 1000 * NS_PER_S
    time.go(60, step_s=years * YEAR_S)
    for _ in range(5):
        vote_ns, true_ns = true_ns, true_ns + 60 * NS_PER_S
        assert guard.unix_ns(vote_ns) == true_ns
        assert guard.notice.startswith("ClockJumped: ")
        time.go(60)
    time.go(0, step_s=-years * YEAR_S)
    assert guard.unix_ns(vote_ns) == time.wall_ns == true_ns + 60 * NS_PER_S
    assert guard.notice == ""


def test_steps_as_ntp_makes_them_are_followed():
    time = FakeTime()
    guard = time.guard()
    time.go(5000)
    for step_s in (0.3, -0.5, 90, -500, 599):
        time.go(60, step_s)
        assert guard.unix_ns(time.wall_ns - NS_PER_S) == time.wall_ns
        assert guard.notice == ""
    vote_ns = time.wall_ns
    time.go(60, 700)
    assert guard.unix_ns(vote_ns) == vote_ns + 60 * NS_PER_S


def test_a_machine_that_gets_its_time_after_boot_is_believed_within_the_rule_of_the_start():
    time = FakeTime()
    guard, vote_ns = time.guard(), time.wall_ns
    time.go(100, step_s=5 * 86_400)
    assert guard.unix_ns(vote_ns) == time.wall_ns
    late = FakeTime()
    guard = late.guard()
    late.go(100, step_s=31 * 86_400)
    assert guard.unix_ns(vote_ns) == vote_ns + 100 * NS_PER_S


def test_a_clock_that_stood_at_1970_is_believed_once_it_is_set():
    time = FakeTime(wall_ns=0)
    guard, vote_ns = time.guard(), START_MS * 1_000_000
    time.go(5000)
    assert guard.unix_ns(vote_ns) == time.wall_ns
    time.wall_ns = vote_ns + 7200 * NS_PER_S
    assert guard.unix_ns(vote_ns) == time.wall_ns
    assert guard.notice == ""


class JumpingClock(Clock):
    """A machine's clock at x60 that tests set by years; `mono_ns` goes on regardless."""

    step_ns = 0

    def unix_ns(self) -> int:
        return super().unix_ns() + JumpingClock.step_ns


def test_an_engine_whose_clock_jumps_ten_years_both_ways_keeps_making_blocks_of_now(tmp_path):
    home = new_home(tmp_path / "home")
    at = Clock.starting_at(START_MS + 1000, 60)
    clock = JumpingClock(at.mono_origin_ns, at.unix_origin_ns, at.speed)
    chain = Chain.open(home)
    engine = Engine(chain, clock)

    async def heights_grow(by: int) -> None:
        start = chain.height
        for _ in range(400):
            if chain.height >= start + by:
                return
            await asyncio.sleep(0.05)
        pytest.fail("no block is made")

    async def run() -> None:
        running = asyncio.create_task(engine.run())
        try:
            for years in (0, 10, -10, 0):
                JumpingClock.step_ns = years * YEAR_S * NS_PER_S
                await heights_grow(2)
                assert abs(chain.last_vote_ns - at.unix_ns()) < 600 * NS_PER_S
                assert bool(engine.guard.notice) == bool(years)
        finally:
            JumpingClock.step_ns = 0
            engine.stop()
            with suppress(asyncio.CancelledError):
                await running

    asyncio.run(run())
    chain.close()
