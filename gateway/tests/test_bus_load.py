"""What a bus's time is spent on: nothing idles it, and no window is read longer than it need be."""

import asyncio
import struct
import time

from gateway.tests.site import filled, journal, run
from wireformat import modbus_map as m


def test_the_bus_goes_on_while_the_store_commits_and_a_board_verifies(tmp_path):
    """One board's batch waits for a slow disk; meanwhile the other's records come in."""

    async def scenario(site):
        boards = {1: filled(site, 1, 20), 2: filled(site, 2, 100)}
        site.enrol(*boards.values())
        commit, spans = site.store.commit, []

        def slow(batch):
            started_s = time.monotonic()
            time.sleep(0 if spans else 0.3)
            commit(batch)
            spans.append((started_s, time.monotonic()))

        site.store.commit = slow
        site.start(boards)
        stamps = []
        serve = site.bus._serve
        site.bus._serve = lambda frame: (stamps.append((time.monotonic(), frame[1])), serve(frame))
        await site.until(lambda: boards[2].acked == (1, 99), 20)
        first = [stamp for stamp, function in stamps if spans[0][0] < stamp < spans[0][1]]
        assert len(first) > 3
        for board in boards.values():
            assert site.held(board) == journal(board)

    run(tmp_path, scenario)


def reads(site):
    """Words that each FC23 asked for."""
    return [struct.unpack(">H", frame[4:6])[0] for frame in site.bus.frames if frame[1] == 23]


def test_a_window_is_read_as_long_as_the_last_records_were_and_a_longer_one_in_two(tmp_path):
    async def scenario(site):
        meter = filled(site, 1, 20)
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 19))
        longest = max(len(data) for data in journal(meter))
        asked = reads(site)
        assert asked[0] == m.WINDOW_WORDS
        assert asked[-1] == m.WINDOW_HEAD_WORDS + (longest + 1) // 2 + 1 < 100
        meter.add(meter.reading(add_wh=2**40))
        await site.until(lambda: meter.acked == (1, 20))
        assert len(journal(meter)[-1]) > longest + 2
        assert site.held(meter) == journal(meter)
        rest = [frame for frame in site.bus.frames if frame[1] == 3 and frame[2] == m.WINDOW >> 8]
        assert len(rest) == 1

    run(tmp_path, scenario)


def test_a_dead_board_costs_the_others_almost_nothing(tmp_path):
    async def scenario(site):
        alive, dead = filled(site, 1), filled(site, 2)
        site.enrol(alive, dead)
        site.start({1: alive, 2: dead})
        await site.until(lambda: dead.acked == (1, 4))
        site.bus.boards[2] = []
        await site.until(lambda: site.collector.workers[0].schedule_of("d2").quarantined)
        bus = site.collector.workers[0].bus
        before_s, started_s = bus.spent_s[2], time.monotonic()
        await asyncio.sleep(1.0)
        spent_s, passed_s = bus.spent_s[2] - before_s, time.monotonic() - started_s
        # The pauses are still growing: the 2 % of a bus hold from the fifth probe on.
        assert spent_s / passed_s < 0.25
        site.bus.boards[2] = [dead]
        dead.add()
        await site.until(lambda: dead.acked == (1, 5))

    run(tmp_path, scenario)


def test_a_command_does_not_wait_for_a_days_backlog(tmp_path):
    """Its request is the next on the line after the frame in flight."""

    async def scenario(site):
        boards = {at: filled(site, at, 120) for at in range(1, 5)}
        site.enrol(*boards.values())
        site.start(boards)
        await site.until(lambda: all(site.held(board) for board in boards.values()), 20)
        before = len(site.bus.requests)
        order = asyncio.create_task(
            site.collector.command(boards[3].address, site.command(boards[3])[1])
        )
        await site.until(lambda: boards[3].relays[0] == 0)
        between = site.bus.requests[before:]
        assert between.index((3, 16)) <= 2
        await order
        assert site.collector.workers[0].bus.waits.count >= 1

    run(tmp_path, scenario)
