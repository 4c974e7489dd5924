"""The pure rules of when and how long: patience, schedule, turns, frames that came too late."""

import asyncio
import struct

import pytest

from gateway.collect.bus import _late_bytes
from gateway.collect.patience import LEAST_S, Patience
from gateway.collect.quarantine import PROBE_S, Schedule
from gateway.collect.status import is_newer
from gateway.collect.turns import Turns
from gateway.tests.board_server import crc16


def test_patience_shrinks_to_what_a_board_needs_and_doubles_when_it_misses():
    patience = Patience(2.0)
    assert patience.timeout_s == 2.0
    for _ in range(20):
        patience.answered(0.04)
    assert LEAST_S <= patience.timeout_s < 0.2
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


def test_a_silent_board_is_probed_ever_less_often_but_never_forgotten():
    schedule, now_s, pauses = Schedule(interval_s=0.2), 0.0, []
    for _ in range(10):
        schedule.failed(now_s, cost_s=0.5)
        pauses.append(schedule.due_s - now_s)
        now_s = schedule.due_s
    assert pauses[:5] == pytest.approx([1.5, 1.5, 3.0, 6.0, 9.0])
    assert max(pauses) == pytest.approx(9.0)
    assert schedule.quarantined
    schedule.answered(now_s)
    assert (schedule.failures, schedule.probe_s) == (0, None)


def test_probes_are_short_but_every_third_waits_for_a_slow_board():
    schedule, waits = Schedule(1.0), []
    for _ in range(8):
        schedule.failed(0.0, 0.1)
        waits.append(schedule.probe_s)
    assert waits == [None, PROBE_S, None, PROBE_S, PROBE_S, None, PROBE_S, PROBE_S]


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
        async with turns.take():
            order.append("last")
        return order

    assert asyncio.run(main()) == ["command", "poll1", "poll2", "last"]
