"""The pure rules of when and how long: patience, schedule, turns, frames that came too late."""

import asyncio
import dataclasses
import itertools
import struct

import pytest

from gateway.collect import line
from gateway.collect.bus import _late_bytes
from gateway.collect.patience import LEAST_S, LOOK_MOST_S, Looks, Patience
from gateway.collect.quarantine import DEAD_SHARE, FULL_PROBE_S, PROBE_S, Schedule
from gateway.collect.status import is_newer
from gateway.collect.turns import Turns
from gateway.config import BusConfig
from gateway.tests.board_server import crc16


def test_patience_shrinks_to_what_a_board_needs_and_doubles_when_it_misses():
    patience = Patience(2.0)
    assert patience.timeout_s == 2.0
    for _ in range(20):
        patience.answered(0.04)
    assert LEAST_S <= patience.timeout_s < 0.2
    assert patience.probing_s(0.5) == 2 * LEAST_S
    learnt_s = patience.timeout_s
    patience.missed()
    assert patience.timeout_s == 2 * learnt_s
    for _ in range(10):
        patience.missed()
    assert patience.timeout_s == 2.0


def test_patience_follows_a_board_that_became_slow():
    patience = Patience(2.0)
    for took_s in [0.02] * 20 + [0.5] * 20:
        patience.answered(took_s)
    assert patience.timeout_s > 0.5


def test_a_board_is_visited_at_once_when_the_port_is_back_whatever_failed_before():
    schedule = Schedule(interval_s=1.0)
    schedule.answered(10.0)
    for now_s in (11.0, 12.0, 13.0, 14.0):
        schedule.failed(now_s, cost_s=0.5)
    assert schedule.quarantined
    assert schedule.due_s > 20.0
    schedule.forgive()
    assert not schedule.quarantined
    assert schedule.due_s <= 14.0
    schedule.failed(14.5, cost_s=0.5)
    assert not schedule.quarantined, "it answered before: one failure is not the end"


def test_a_silent_board_is_probed_ever_less_often_but_never_forgotten():
    schedule, now_s, pauses = Schedule(interval_s=0.2), 0.0, []
    for _ in range(10):
        schedule.failed(now_s, cost_s=0.5)
        pauses.append(schedule.due_s - now_s)
        now_s = schedule.due_s
    assert pauses[:5] == pytest.approx([1.5, 4.5, 13.5, 37.5, 37.5])
    assert max(pauses) == pytest.approx(37.5)
    assert schedule.quarantined
    schedule.answered(now_s)
    assert (schedule.failures, schedule.probe_s) == (0, None)


def test_probes_are_short_but_now_and_then_one_waits_for_a_slow_board():
    schedule, waits = Schedule(1.0), []
    schedule.answered(0.0)
    for _ in range(10):
        schedule.failed(0.0, 0.1)
        waits.append(schedule.probe_s)
    assert waits == [*[PROBE_S] * 7, FULL_PROBE_S, PROBE_S, PROBE_S]


@pytest.mark.parametrize("learnt", [True, False])
@pytest.mark.parametrize("interval_s", [0.33, 10.0])
def test_a_dead_board_costs_at_most_two_percent_of_its_bus(interval_s, learnt):
    """Over an hour, by the rules alone: what the line is held for while nobody answers."""
    patience, schedule, wire_s = Patience(2.0), Schedule(interval_s), 0.084
    for _ in range(20 * learnt):
        patience.answered(0.02)
    now_s, visits = 0.0, []
    while now_s < 3600:
        tries = 2 if schedule.probe_s is None else 1
        cost_s = 0.0
        for _ in range(tries):
            most_s = schedule.probe_s
            waits_s = patience.timeout_s if most_s is None else patience.probing_s(most_s)
            cost_s += wire_s + waits_s
            patience.missed()
        schedule.failed(now_s + cost_s, cost_s)
        visits.append((now_s, cost_s))
        now_s = schedule.due_s
    first = visits[:5]
    assert sum(cost_s for _, cost_s in first) < 9
    spent_s = sum(cost_s for _, cost_s in visits[5:])
    assert spent_s / (now_s - visits[5][0]) <= DEAD_SHARE + 1e-9
    assert schedule.due_s - now_s <= 250


def test_polls_are_staggered_over_the_interval():
    schedules = [Schedule(10.0, 10.0 * number / 5) for number in range(5)]
    now_s, visits = 100.0, []
    for schedule in schedules:
        schedule.answered(now_s)
        now_s += 0.3
    for _ in range(20):
        schedule = min(schedules, key=lambda one: one.due_s)
        now_s = schedule.due_s
        visits.append(now_s)
        schedule.answered(now_s + 0.3)
    gaps = [after - before for before, after in itertools.pairwise(visits)]
    assert min(gaps) == pytest.approx(2.0)
    assert max(gaps) == pytest.approx(2.0)


def test_a_late_visit_keeps_the_slots_and_is_not_followed_by_another_at_once():
    schedule = Schedule(10.0, 3.0)
    schedule.answered(102.9)
    assert schedule.due_s == pytest.approx(113.0)
    schedule.answered(114.0)
    assert schedule.due_s == pytest.approx(123.0)


@pytest.mark.parametrize(
    ("baud", "parity", "silence_ms"),
    [(9600, "N", 3.646), (9600, "E", 4.010), (19200, "N", 1.823), (115200, "N", 1.75)],
)
def test_silence_is_computed_from_the_baud_rate_and_may_be_raised(baud, parity, silence_ms):
    config = BusConfig("b", "/dev/ttyS0", baud, parity, 2000, 0, ())
    assert 1000 * line.gap_s(config) == pytest.approx(silence_ms, abs=0.001)
    assert line.gap_s(dataclasses.replace(config, gap_ms=20)) == 0.020
    assert line.gap_s(dataclasses.replace(config, port="tcp://10.0.0.1")) == 0


def test_looks_find_the_moment_when_a_board_is_ready():
    looks, firsts = Looks(), []
    for _ in range(60):
        at_s, pending_s = looks.first_s, None
        while at_s < 0.25:
            pending_s, at_s = at_s, at_s + 0.05
        looks.ended(pending_s, at_s)
        firsts.append(looks.first_s)
    assert min(firsts[10:]) > 0.2
    assert max(firsts[10:]) < 0.3
    for _ in range(20):
        looks.ended(2.0, 9.0)
    assert looks.first_s == LOOK_MOST_S


def frame(address, function, words):
    body = struct.pack(f">BBB{len(words)}H", address, function, 2 * len(words), *words)
    return body + crc16(body)


def test_a_late_frame_is_known_by_its_function_or_its_size():
    late, due = frame(1, 3, [7] * 32), frame(1, 23, [8] * 122)
    assert _late_bytes(late + due, 1, 23, len(due)) == len(late)
    assert _late_bytes(due, 1, 23, len(due)) == 0
    assert _late_bytes(late[:20], 1, 23, len(due)) == 0
    assert _late_bytes(late[:-1] + b"\0", 1, 23, len(due)) == 0
    assert _late_bytes(frame(2, 3, [1]), 1, 23, len(due)) == 0


@pytest.mark.parametrize(
    ("serial", "shown", "newer"),
    [(1, 0, True), (1, 1, False), (2, 1, True), (1, 2, False), (0x10001, 0xFFFF, True)],
)
def test_certificates_are_compared_by_the_low_word_that_a_board_shows(serial, shown, newer):
    assert is_newer(serial, shown) is newer


def test_urgent_turns_overtake_and_a_cancelled_waiter_blocks_nobody():
    async def main():
        turns, order = Turns(), []

        async def work(name, urgent):
            async with turns.take(urgent):
                order.append(name)
                await asyncio.sleep(0)

        async with turns.take():
            tasks = [asyncio.create_task(work(f"poll{i}", False)) for i in range(3)]
            tasks.append(asyncio.create_task(work("command", True)))
            await asyncio.sleep(0)
            tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (turns.waits.count, turns.waits.longest_s < 1) == (1, True)
        async with turns.take() as turn:
            command = asyncio.create_task(work("command that met silence", True))
            await asyncio.sleep(0.02)
            turn.answered = False
        await command
        assert (turns.waits.count, turns.waits.unanswered) == (2, 1)
        assert turns.waits.longest_s < 0.02 <= turns.waits.longest_unanswered_s
        async with turns.take():
            order.append("last")
        return order

    assert asyncio.run(main()) == ["command", "poll1", "poll2", "command that met silence", "last"]
