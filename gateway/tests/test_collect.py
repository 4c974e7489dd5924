"""The collector against boards on a PTY: real pymodbus, real store, real signatures."""

import asyncio

from gateway.tests.board_server import noise
from gateway.tests.signing import T0
from gateway.tests.site import filled, journal, run
from wireformat import codes


def test_records_are_stored_then_acked_and_the_board_gets_what_it_needs(tmp_path):
    async def scenario(site):
        meter = filled(site, 1, 150)
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 149))
        assert site.held(meter) == journal(meter)
        assert meter.clock_trusted
        assert T0 * 1000 <= meter.beacon_ms <= site.clock.unix_ms()
        assert meter.certificates[codes.ACK].serial == 3
        assert meter.certificates[codes.CONTROL].serial == 5
        meter.boot()
        meter.add(meter.event())
        await site.until(lambda: meter.acked == (2, 0))
        assert site.open_codes() == {}

    run(tmp_path, scenario)


def test_a_board_without_fc23_is_read_with_two_requests(tmp_path):
    async def scenario(site):
        meter = filled(site, 1)
        meter.fc23 = False
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 4))

    run(tmp_path, scenario)


def test_an_ack_that_was_lost_is_given_again_after_a_restart(tmp_path):
    async def scenario(site):
        meter = filled(site, 1)
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 4))
        await site.stop()
        meter.acked = (-1, -1)
        site.bus.unplug()
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 4))
        assert site.held(meter) == journal(meter)

    run(tmp_path, scenario)


def test_noise_half_frames_and_lost_frames_cost_time_and_no_record(tmp_path):
    async def scenario(site):
        boards = {at: filled(site, at, 12) for at in (1, 2)}
        site.enrol(*boards.values())
        site.start(boards, timeout_ms=30)
        site.bus.spoil = noise(seed=11, share=0.2)
        await site.until(lambda: all(b.acked == (1, 11) for b in boards.values()), 20)
        for board in boards.values():
            assert site.held(board) == journal(board)
        assert site.store.refusals() == {}
        assert site.collector.workers[0].bus.failures > 5

    run(tmp_path, scenario)


def test_a_dead_board_does_not_hold_up_the_others(tmp_path):
    async def scenario(site):
        alive, dead = filled(site, 1), filled(site, 2)
        site.enrol(alive, dead)
        site.start({1: alive, 2: dead})
        site.bus.boards[2] = []
        await site.until(lambda: site.open_codes().get("d2") == "no_reply")
        before = len(site.bus.requests)
        await asyncio.sleep(1.0)
        asked = [address for address, _ in site.bus.requests[before:]]
        assert asked.count(2) <= 10
        assert asked.count(1) >= 3
        site.bus.boards[2] = [dead]
        await site.until(lambda: dead.acked == (1, 4))
        await site.until(lambda: site.open_codes() == {})
        assert site.notices.counts["no_reply"] == 1

    run(tmp_path, scenario)


def test_a_bus_that_is_unplugged_is_named_once_and_comes_back(tmp_path):
    async def scenario(site):
        meter = filled(site, 1)
        site.enrol(meter)
        site.start({1: meter}, plugged=False)
        await site.until(lambda: site.open_codes() == {"bus0": "bus_lost"})
        site.bus.plug()
        await site.until(lambda: meter.acked == (1, 4))
        site.bus.unplug()
        await site.until(lambda: site.open_codes().get("bus0") == "bus_lost")
        meter.add()
        await asyncio.sleep(0.3)
        site.bus.plug()
        await site.until(lambda: meter.acked == (1, 5))
        await site.until(lambda: site.open_codes() == {})
        assert site.notices.counts["bus_lost"] == 2

    run(tmp_path, scenario)


def test_a_gateway_without_the_time_gives_none_and_collects_all_the_same(tmp_path):
    async def scenario(site):
        meter = filled(site, 1)
        site.enrol(meter)
        site.time_is_sound = False
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 4))
        assert site.open_codes() == {"time": "clock_unsound"}
        assert not meter.clock_trusted
        site.time_is_sound = True
        await site.until(lambda: meter.clock_trusted)
        assert site.open_codes() == {}

    run(tmp_path, scenario)
