"""The gateway's clock: followed as time passes, to where blocks say, and nowhere else."""

from dataclasses import dataclass

import pytest

from gateway.guarded_clock import MAX_LEAP_S, MAX_STEP_S, SETTLE_S, GuardedClock
from gateway.tests.signing import T0
from ledger.clock import Clock

NS, YEAR_S, DAY_S = 1_000_000_000, 365 * 86_400, 86_400


@dataclass(frozen=True)
class Machine(Clock):
    """A clock that somebody sets, in a world where time passes."""

    state: object = None

    def unix_ns(self):
        return self.state["wall"]


class World:
    def __init__(self, wall_s=T0, block_s=0):
        self.state = {"wall": wall_s * NS, "passed": 0}
        self.block_s, self.behind = block_s, False
        self.clock = GuardedClock.over(
            Machine(0, 0, state=self.state), lambda: self.state["passed"]
        )
        self.clock.watch(lambda: (self.block_s * 1000, self.behind))
        self.true_s = T0

    def go(self, seconds, step_s=0):
        self.true_s += seconds
        self.state["passed"] += seconds * NS
        self.state["wall"] += (seconds + step_s) * NS
        return self.clock.unix_ns() // NS


@pytest.mark.parametrize("years", [10, -10, 1, -1])
def test_a_jump_of_years_is_not_followed_and_its_end_is(years):
    world = World(block_s=T0)
    assert world.go(30) == world.true_s
    for _ in range(4):
        assert world.go(60, step_s=years * YEAR_S) == world.true_s
        assert world.clock.jumped().code == "clock_jumped"
        world.state["wall"] -= years * YEAR_S * NS
    assert world.go(60) == world.true_s
    assert world.clock.jumped() is None


def test_small_steps_are_followed_as_ntp_makes_them():
    world = World(block_s=T0)
    for step_s in (MAX_STEP_S, -MAX_STEP_S, 3):
        before_s = world.clock.unix_ns() // NS
        assert world.go(10, step_s) == before_s + 10 + step_s


@pytest.mark.parametrize("block_s", [0, T0 - 40 * DAY_S, T0 - 60])
def test_a_machine_that_starts_in_1970_is_given_its_time(block_s):
    world = World(wall_s=100, block_s=block_s)
    assert world.go(20) == 120
    assert world.go(10, step_s=T0 - 130) == T0


def test_blocks_on_offer_from_later_let_the_clock_come_to_them():
    world = World(wall_s=T0 - 40 * DAY_S, block_s=T0 - 50 * DAY_S)
    world.go(SETTLE_S + 10)
    assert world.go(10, step_s=40 * DAY_S) == T0 - 40 * DAY_S + SETTLE_S + 20
    world.behind = True
    assert world.go(10) == T0 + SETTLE_S + 30


def test_a_clock_that_no_block_has_confirmed_may_leap_at_first_but_not_far():
    for leap_s, followed in ((20 * DAY_S, True), (YEAR_S, False)):
        world = World(block_s=T0 - 2 * DAY_S)
        before_s = world.go(10)
        expected_s = before_s + 10 + (leap_s if followed else 0)
        assert world.go(10, step_s=leap_s) == expected_s
    world = World(block_s=T0 - 2 * DAY_S)
    world.go(SETTLE_S + 1)
    before_s = world.clock.unix_ns() // NS
    assert world.go(10, step_s=20 * DAY_S) == before_s + 10
    assert MAX_LEAP_S > 20 * DAY_S


def test_a_new_block_confirms_where_the_clock_went():
    world = World(block_s=T0)
    world.go(10)
    assert world.go(10, step_s=3 * DAY_S) == T0 + 20
    world.block_s = T0 + 3 * DAY_S
    assert world.go(10) == T0 + 3 * DAY_S + 30
    assert world.clock.jumped() is None
