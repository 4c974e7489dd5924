"""Wrap, reset, roll-back and glitch: told apart, and no energy invented."""

import random

import pytest

from gateway.profiles.counter import CounterLimits, CounterState, Meaning, judge

HOUR_MS = 3_600_000
HOUSE = CounterLimits(max_power_w=10_000)
PZEM = CounterLimits(max_power_w=25_000, wrap_wh=10_000_000)


def walk(readings, limits, step_ms=HOUR_MS):
    state, steps = None, []
    for number, reading in enumerate(readings):
        state, step = judge(state, reading, number * step_ms, limits)
        steps.append((step.meaning.name, step.energy_wh))
    return steps


@pytest.mark.parametrize(
    ("readings", "limits", "expected"),
    [
        ([5000, 6000, 6000], HOUSE, [("FIRST", 0), ("FORWARD", 1000), ("FORWARD", 0)]),
        # 25 kW for an hour carry it over its end.
        ([9_999_990, 9], PZEM, [("FIRST", 0), ("WRAP", 19)]),
        # Far from its end: no wrap, but a reset, once a second reading agrees.
        ([5_000_000, 9, 109], PZEM, [("FIRST", 0), ("SUSPECT", 0), ("RESET", 100)]),
        # No wrap is known of this meter, so none is believed.
        ([9_999_990, 9], HOUSE, [("FIRST", 0), ("SUSPECT", 0)]),
        # One reading of nonsense, down or up: what flowed meanwhile is counted once.
        ([5000, 0, 7000], HOUSE, [("FIRST", 0), ("SUSPECT", 0), ("GLITCH", 2000)]),
        ([5000, 900_000, 7000], HOUSE, [("FIRST", 0), ("SUSPECT", 0), ("GLITCH", 2000)]),
        # Another meter in its place.
        ([5000, 900_000, 901_000], HOUSE, [("FIRST", 0), ("SUSPECT", 0), ("RESET", 1000)]),
        # Two sorts of nonsense in a row.
        (
            [5000, 0, 900_000, 8000],
            HOUSE,
            [("FIRST", 0), ("SUSPECT", 0), ("SUSPECT", 0), ("GLITCH", 3000)],
        ),
        # A count above its own end can't wrap.
        ([10_000_005, 3], PZEM, [("FIRST", 0), ("SUSPECT", 0)]),
    ],
)
def test_meanings(readings, limits, expected):
    assert walk(readings, limits) == expected


def test_a_roll_back_after_a_power_cut_is_not_counted_twice():
    limits = CounterLimits(max_power_w=10_000, rollback_wh=100)
    readings = [5000, 4950, 4980, 5000, 5040]
    assert [energy for _, energy in walk(readings, limits)] == [0, 0, 0, 0, 40]
    assert walk(readings, limits)[1][0] == "ROLLED_BACK"


def test_a_larger_roll_back_is_a_doubt():
    limits = CounterLimits(max_power_w=10_000, rollback_wh=100)
    assert walk([5000, 4899], limits)[1][0] == "SUSPECT"


def test_a_jump_is_judged_by_the_time_it_had():
    state = CounterState(5000, 0)
    _, soon = judge(state, 6000, 60_000, HOUSE)
    _, later = judge(state, 6000, HOUR_MS, HOUSE)
    assert (soon.meaning, later.meaning) == (Meaning.SUSPECT, Meaning.FORWARD)


def test_a_coarse_register_may_step_at_once():
    coarse = CounterLimits(max_power_w=10_000, resolution_wh=100)
    _, step = judge(CounterState(5000, 0), 5100, 1000, coarse)
    assert (step.meaning, step.energy_wh) == (Meaning.FORWARD, 100)


def test_a_clock_that_went_back_lets_nothing_through():
    _, step = judge(CounterState(5000, HOUR_MS), 6000, 0, HOUSE)
    assert (step.meaning, step.energy_wh) == (Meaning.SUSPECT, 0)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_counted_never_exceeds_what_flowed(seed):
    """True energy under single glitches, resets and wraps; counted is at most that."""
    draw = random.Random(seed)
    count, flowed, counted, state = draw.randrange(9_990_000, 10_000_000), 0, 0, None
    quiet = 0
    for number in range(2000):
        wh = draw.randrange(0, 4000) if number else 0
        count, flowed = (count + wh) % 10_000_000, flowed + wh
        shown = count
        if quiet <= 0 and draw.random() < 0.05:
            quiet = 3
            if draw.random() < 0.3:
                count = shown = 0
            else:
                shown = draw.choice([0, 2**32 - 1, draw.randrange(10_000_000)])
        quiet -= 1
        state, step = judge(state, shown, number * HOUR_MS // 6, PZEM)
        counted += step.energy_wh
    # A made-up reading within the reach of a true one can't be told; it takes back nothing.
    assert counted <= flowed + 2 * 4200
    assert counted > flowed * 0.5
