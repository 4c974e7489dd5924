"""The collector against boards on a PTY: real pymodbus, real store, real signatures."""

import asyncio
import sqlite3
from dataclasses import replace

import pytest

from gateway.collect.errors import BoardAbsent, FrameRefused
from gateway.enforce import OUTCOME_GRACE_S, Enforcer
from gateway.tests.board_server import noise
from gateway.tests.signing import CHAIN, T0, seal
from gateway.tests.site import Site
from wireformat import codes, identity


def run(tmp_path, scenario):
    async def main():
        async with Site(tmp_path) as site:
            await scenario(site)

    asyncio.run(main())


def filled(site: Site, number: int, records: int = 5, **kwargs):
    board = site.board(number, **kwargs)
    for _ in range(records):
        board.add()
    return board


def journal(board):
    return [data for _, data in board.journal]


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
        assert asked.count(1) >= 6
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


def test_an_unknown_board_is_named_and_nothing_is_read_until_it_is_enrolled(tmp_path):
    async def scenario(site):
        meter = filled(site, 1)
        site.start({1: meter})
        await site.until(lambda: site.open_codes().get("d1") == "unknown_board")
        assert meter.address in site.directory.wanted
        assert (1, 23) not in site.bus.requests
        site.enrol(meter)
        await site.until(lambda: meter.acked == (1, 4))

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"revoked": True}, "revoked_board"), ({"enrolled": False}, "unknown_board")],
)
def test_a_revoked_or_foreign_board_is_named_and_not_read(tmp_path, changes, code):
    async def scenario(site):
        meter = filled(site, 1)
        site.enrol(meter, **changes)
        site.start({1: meter})
        await site.until(lambda: site.open_codes().get("d1") == code)
        assert site.held(meter) == []

    run(tmp_path, scenario)


def test_a_swapped_board_is_named_and_its_records_are_its_own(tmp_path):
    async def scenario(site):
        old, new = filled(site, 1), filled(site, 2, 3)
        site.enrol(old, new)
        site.start({1: old})
        await site.until(lambda: old.acked == (1, 4))
        site.bus.boards[1] = [new]
        await site.until(lambda: new.acked == (1, 2))
        assert site.open_codes()["d1 place"] == "board_swapped"
        assert site.held(old) == journal(old)
        assert site.held(new) == journal(new)
        assert site.store.cache.bound("bus0", 1) == new.address

    run(tmp_path, scenario)


def test_two_boards_on_one_address_are_named(tmp_path):
    async def scenario(site):
        one, two, calm = filled(site, 1), filled(site, 2), filled(site, 3)
        site.enrol(one, two, calm)
        site.start({1: [one, two], 2: calm})
        await site.until(lambda: site.open_codes().get("d1") == "two_boards_on_one_address")
        await site.until(lambda: calm.acked == (1, 4))
        site.bus.boards[1] = [two]
        await site.until(lambda: two.acked == (1, 4))

    run(tmp_path, scenario)


def test_two_boards_that_answer_by_turns_are_named(tmp_path):
    async def scenario(site):
        one, two = filled(site, 1), filled(site, 2)
        site.enrol(one, two)
        site.start({1: one})
        turn = [one, two]

        def by_turns(frame):
            turn.reverse()
            site.bus.boards[1] = turn[:1]
            return [frame]

        await site.until(lambda: one.acked == (1, 4))
        site.bus.spoil = by_turns
        await site.until(lambda: site.open_codes().get("d1") == "two_boards_on_one_address")

    run(tmp_path, scenario)


def test_two_boards_that_garble_each_other_are_suspected(tmp_path):
    async def scenario(site):
        one, calm = filled(site, 1), filled(site, 3)
        site.enrol(one, calm)
        site.start({1: one, 2: calm}, timeout_ms=30)
        site.bus.spoil = lambda frame: [frame if frame[0] == 2 else frame[:9] + bytes(8)]
        await site.until(lambda: site.open_codes().get("d1") == "two_boards_on_one_address")
        assert calm.acked == (1, 4)

    run(tmp_path, scenario)


# ---- what a hostile or broken board may show -------------------------------------------------


def tampered(board):
    """The third record with a changed register."""
    at = board.journal[2][1].index((1009).to_bytes(2, "big"))

    def change(code, data):
        if data == board.journal[2][1]:
            return code, data[:at] + (1000).to_bytes(2, "big") + data[at + 2 :]
        return code, data

    return change


def replayed(board):
    """The first record in place of the third."""
    swap = {board.journal[2][1]: board.journal[0]}
    return lambda code, data: swap.get(data, (code, data))


def reordered(board):
    """The third and the fourth change places."""
    third, fourth = board.journal[2], board.journal[3]
    swap = {third[1]: fourth, fourth[1]: third}
    return lambda code, data: swap.get(data, (code, data))


def forged(board):
    """The third signed by nobody known."""
    data = seal(b"\x77" * 32, board.reading(seq=2))
    return lambda code, real: (code, data if real == board.journal[2][1] else real)


def half(board):
    """The third cut in half."""
    return lambda code, real: (code, real[:70] if real == board.journal[2][1] else real)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (tampered, "bad_signature"),
        (reordered, "gap"),
        (forged, "unknown_key"),
        (half, "bad_cbor"),
    ],
)
def test_bad_records_are_refused_by_name_held_back_and_later_taken(tmp_path, change, reason):
    async def scenario(site):
        meter, other = filled(site, 1), filled(site, 2)
        meter.tamper = change(meter)
        site.enrol(meter, other)
        site.start({1: meter, 2: other})
        await site.until(lambda: site.store.refusals() == {reason: 1})
        await site.until(lambda: other.acked == (1, 4))
        await asyncio.sleep(0.4)
        assert site.open_codes()["d1"] == "records_held"
        assert site.store.refusals() == {reason: 1}
        assert meter.acked == (1, 1)
        meter.tamper = lambda code, data: (code, data)
        await site.until(lambda: meter.acked == (1, 4))
        assert site.held(meter) == journal(meter)
        await site.until(lambda: site.open_codes() == {})

    run(tmp_path, scenario)


def test_a_replayed_record_is_no_progress_and_no_second_copy(tmp_path):
    async def scenario(site):
        meter = filled(site, 1)
        meter.tamper = replayed(meter)
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 1))
        await site.until(lambda: site.open_codes() == {"d1": "records_held"})
        asked = len(site.bus.requests)
        await asyncio.sleep(0.3)
        assert site.held(meter) == journal(meter)[:2]
        assert site.store.refusals() == {"replayed": 1}
        assert len(site.bus.requests) - asked < 60, "a replay must not hold the line"
        meter.tamper = lambda code, data: (code, data)
        await site.until(lambda: meter.acked == (1, 4))

    run(tmp_path, scenario)


def test_a_cloned_key_is_equivocation_with_both_records_kept(tmp_path):
    async def scenario(site):
        meter, clone = filled(site, 1), filled(site, 1, 2)
        third = clone.add(clone.reading(add_wh=77))
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 4))
        meter.add()
        meter.tamper = lambda code, data: third
        await site.until(lambda: site.store.refusals() == {"equivocation": 1})
        assert site.store.evidence("equivocation")[0][2] == third[1]
        assert third[1] not in site.held(meter)

    run(tmp_path, scenario)


def test_a_clock_years_off_is_named_and_the_chain_goes_on(tmp_path):
    async def scenario(site):
        meter = filled(site, 1, 2)
        right_s, meter.time_s = meter.time_s, meter.time_s + 5 * 366 * 86400
        meter.add()
        meter.time_s = right_s
        meter.add()
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 3))
        assert site.store.refusals() == {"clock_ahead": 1}
        assert site.held(meter) == journal(meter)

    run(tmp_path, scenario)


def test_a_signed_gap_lets_collection_pass_over_what_is_gone(tmp_path):
    async def scenario(site):
        meter = filled(site, 1, 3)
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 2))
        keep = list(meter.journal)
        for _ in range(200):
            meter.add()
        kept = meter.journal[-90:]
        meter.journal[:] = keep + kept
        await site.until(lambda: site.store.refusals() == {"gap": 1})
        meter.add(meter.event(codes.EV_JOURNAL_GAP, (1, 3, 1, 112)))
        await site.until(lambda: meter.acked == (1, 203), 15)
        assert site.held(meter) == journal(meter)

    run(tmp_path, scenario)


# ---- commands --------------------------------------------------------------------------------


def test_a_command_is_executed_and_its_outcome_is_stored_and_ends_it(tmp_path):
    async def scenario(site):
        meter = filled(site, 1)
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 4))
        order, data = site.command(meter)
        site.store.commands.add(order, data, site.clock.unix_ms())
        await site.collector.command(meter.address, data)
        assert meter.relays[0] == 0
        await site.until(lambda: site.store.commands.counts() == {"done": 1})
        with pytest.raises(FrameRefused, match="replayed"):
            await site.collector.command(meter.address, data)

    run(tmp_path, scenario)


def test_a_board_that_forgot_the_control_key_gets_its_certificate_first(tmp_path):
    async def scenario(site):
        meter = filled(site, 1)
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 4))
        del meter.certificates[codes.CONTROL]
        await site.collector.command(meter.address, site.command(meter)[1])
        assert meter.relays[0] == 0

    run(tmp_path, scenario)


def test_a_command_for_a_board_that_is_nowhere_says_so(tmp_path):
    async def scenario(site):
        meter, absent = filled(site, 1), filled(site, 9)
        site.enrol(meter)
        site.start({1: meter})
        with pytest.raises(BoardAbsent):
            await site.collector.command(absent.address, site.command(absent)[1])

    run(tmp_path, scenario)


def test_a_command_waits_for_the_frame_in_flight_only(tmp_path):
    async def scenario(site):
        meter, busy = filled(site, 1), filled(site, 2, 400)
        site.enrol(meter, busy)
        site.start({1: meter, 2: busy})
        await site.until(lambda: meter.acked == (1, 4))
        await site.until(lambda: len(site.held(busy)) > 0)
        before = len(site.bus.requests)
        order = asyncio.create_task(site.collector.command(meter.address, site.command(meter)[1]))
        await site.until(lambda: meter.relays[0] == 0)
        between = site.bus.requests[before:]
        assert between.index((1, 16)) <= 2
        await order

    run(tmp_path, scenario)


def enforcer(site):
    """Only its way to the boards: nothing here asks a ledger."""
    return Enforcer(
        None,
        None,
        site.thread,
        site.collector,
        site.directory,
        site.notices,
        site.clock,
        1,
        CHAIN,
        b"",
    )


def test_a_command_is_tried_until_it_expires_and_then_ends(tmp_path):
    async def scenario(site):
        meter, absent = filled(site, 1), filled(site, 9)
        site.enrol(meter)
        site.start({1: meter})
        order, data = site.command(absent)
        site.store.commands.add(order, data, site.clock.unix_ms())
        hand = enforcer(site)
        for _ in range(3):
            await hand.deliver()
            await asyncio.sleep(0.3)
        assert site.store.commands.open()[0].attempts >= 2
        assert site.open_codes()[f"command {absent.address.hex()[:8]}"] == "board_absent"
        end_ms = (order.expires_s + OUTCOME_GRACE_S) * 1000
        site.clock = replace(site.clock, unix_origin_ns=end_ms * 10**6)
        await enforcer(site).deliver()
        assert site.store.commands.counts() == {"expired": 1}

    run(tmp_path, scenario)


def test_commands_that_a_board_refuses_for_now_are_tried_again_in_their_order(tmp_path):
    async def scenario(site):
        meter = filled(site, 1)
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 4))
        meter.busy_frames = 2
        for counter in (2, 1):
            order, data = site.command(meter, counter)
            site.store.commands.add(order, data, site.clock.unix_ms())
        hand = enforcer(site)

        async def ended():
            await hand.deliver()
            return site.store.commands.counts().get("done", 0) == 2

        for _ in range(80):
            if await ended():
                break
            await asyncio.sleep(0.05)
        # Had the second overtaken the busy first, the board would have refused that as replayed.
        assert site.store.commands.counts() == {"done": 2}

    run(tmp_path, scenario)


# ---- the store fails -------------------------------------------------------------------------


def test_a_full_disk_is_named_nothing_is_acked_and_it_goes_on_afterwards(tmp_path):
    async def scenario(site):
        meter = filled(site, 1, 2)
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 1))
        pages = site.store.database.one("PRAGMA page_count")[0]
        site.store.database.one(f"PRAGMA max_page_count = {pages}")
        for _ in range(200):
            meter.add()
        await site.until(lambda: site.open_codes().get("store") == "store_full")
        assert meter.acked[1] == len(site.held(meter)) - 1 < 200
        site.store.database.one("PRAGMA max_page_count = 1000000")
        await site.until(lambda: meter.acked == (1, 201))
        assert site.held(meter) == journal(meter)
        await site.until(lambda: site.open_codes() == {})

    run(tmp_path, scenario)


def test_a_locked_database_is_named_and_the_bus_goes_on_afterwards(tmp_path):
    async def scenario(site):
        meter = filled(site, 1, 2)
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 1))
        site.store.database.one("PRAGMA busy_timeout = 20")
        other = sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        meter.add()
        await site.until(lambda: site.open_codes().get("store") == "store_locked")
        assert meter.acked == (1, 1)
        other.close()
        await site.until(lambda: meter.acked == (1, 2))
        await site.until(lambda: site.open_codes() == {})

    run(tmp_path, scenario)


def test_acks_name_the_full_hash_of_what_is_committed(tmp_path):
    async def scenario(site):
        meter = filled(site, 1)
        acks = []
        accept = meter.acknowledged

        def check(ack):
            held = site.store.data_at(meter.address, ack.epoch, ack.seq)
            acks.append(held is not None and identity.record_hash(held) == ack.head)
            return accept(ack)

        meter.acknowledged = check
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 4))
        assert acks
        assert all(acks)

    run(tmp_path, scenario)
