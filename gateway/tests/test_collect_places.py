"""Who answers at an address: unknown, revoked, swapped and doubled boards."""

import random

import pytest

from gateway.tests.site import filled, journal, run


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


def test_a_swap_is_named_although_the_new_board_was_unknown_at_first(tmp_path):
    async def scenario(site):
        old, new = filled(site, 1), filled(site, 2, 3)
        site.enrol(old)
        site.start({1: old})
        await site.until(lambda: old.acked == (1, 4))
        site.bus.boards[1] = [new]
        await site.until(lambda: site.open_codes().get("d1") == "unknown_board")
        site.enrol(new)
        await site.until(lambda: new.acked == (1, 2))
        assert site.open_codes()["d1 place"] == "board_swapped"

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


def test_who_talks_at_will_on_the_line_is_no_second_board(tmp_path):
    async def scenario(site):
        one, rng = filled(site, 1), random.Random(5)
        site.enrol(one)
        site.start({1: one})
        site.bus.spoil = lambda frame: [frame + rng.randbytes(6)]
        await site.until(lambda: one.acked == (1, 4))
        asked = len(site.bus.requests)
        await site.until(lambda: len(site.bus.requests) > asked + 8)
        assert site.open_codes().get("d1") != "two_boards_on_one_address"

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
