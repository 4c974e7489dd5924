"""What a board did with a command is known before the records that wait in front of it."""

import pytest

from gateway.collect.ahead import LOOK_BACK
from gateway.tests.site import filled, journal, run
from wireformat import codes
from wireformat.chained import Outcome


def outcome_of(meter):
    (data,) = [data for code, data in meter.journal if code == Outcome.CODE]
    return data


def watched(site):
    """Notes, at each outcome that is read ahead, whether its turn had come."""
    seen, foretell = [], site.store.commands.foretell

    def note(device, outcome, data):
        seen.append((data, site.store.data_at(device, outcome.epoch, outcome.seq)))
        foretell(device, outcome, data)

    site.store.commands.foretell = note
    return seen


def obeyed(site, meter):
    """It did a command before anybody came for its records: what it did is the newest of them."""
    order, data = site.command(meter)
    assert meter.commanded(order) == codes.R_NONE
    site.store.commands.add(order, data, site.clock.unix_ms())
    site.store.commands.delivered(order.id, site.clock.unix_ms())
    return order


def test_a_command_ends_ahead_of_a_backlog_and_its_outcome_is_stored_in_its_turn(tmp_path):
    async def scenario(site):
        meter = filled(site, 1, 70)
        site.enrol(meter)
        obeyed(site, meter)
        meter.add()
        seen = watched(site)
        site.start({1: meter})
        await site.until(lambda: site.store.commands.counts() == {"done": 1}, 60)
        assert seen == [(outcome_of(meter), None)]
        assert site.store.commands.foretold(9) == [outcome_of(meter)]
        assert site.store.commands.awaited(meter.address) == set()
        await site.until(lambda: meter.acked == (1, 71), 60)
        assert site.held(meter) == journal(meter)
        assert site.store.commands.counts() == {"done": 1}
        assert len(seen) == 1
        assert site.store.database.one("SELECT outcome FROM commands")[0] is not None
        site.store.commands.heard([outcome_of(meter)])
        assert site.store.commands.foretold(9) == []

    run(tmp_path, scenario)


def test_the_outcome_is_asked_for_after_a_command_whatever_waits_and_whoever_is_read(tmp_path):
    async def scenario(site):
        meter = filled(site, 1, 70)
        site.enrol(meter)

        def spoil(code, data):
            return code, data if code == Outcome.CODE else data[:-1] + bytes((data[-1] ^ 1,))

        meter.tamper = spoil  # so that what waits goes on waiting
        site.start({1: meter})
        seen = watched(site)
        await site.until(lambda: site.store.refusals().get("bad_signature"), 60)
        order, data = site.command(meter)
        site.store.commands.add(order, data, site.clock.unix_ms())
        async with site.collector.workers[0].places[0]._ahead._turn:  # a look that takes long
            await site.collector.command(meter.address, data)
            assert not seen
        await site.until(lambda: seen, 60)
        assert seen[0] == (outcome_of(meter), None)
        assert site.store.commands.counts() == {"done": 1}
        site.store.commands.delivered(order.id, site.clock.unix_ms())
        assert site.store.commands.counts() == {"done": 1}
        assert [row[0] for row in site.store.commands.deliveries()] == [order.id]

    run(tmp_path, scenario)


def test_what_was_spoilt_on_its_way_foretells_nothing(tmp_path):
    async def scenario(site):
        meter = filled(site, 1, 70)
        site.enrol(meter)
        order = obeyed(site, meter)
        seen = watched(site)

        def spoil(code, data):
            return code, data[:-1] + bytes((data[-1] ^ 1,)) if code == Outcome.CODE else data

        meter.tamper = spoil
        site.start({1: meter})
        await site.until(lambda: site.store.refusals().get("bad_signature"), 60)
        assert (seen, site.store.commands.awaited(meter.address)) == ([], {order.id})
        meter.tamper = lambda code, data: (code, data)
        await site.until(lambda: site.store.commands.counts() == {"done": 1}, 60)
        assert site.held(meter) == journal(meter)

    run(tmp_path, scenario)


@pytest.mark.parametrize("waiting", [LOOK_BACK - 1, 0])
def test_with_little_or_nothing_before_it_the_outcome_comes_in_its_turn(tmp_path, waiting):
    async def scenario(site):
        meter = filled(site, 1)
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 4))
        seen = watched(site)
        for _ in range(waiting):
            meter.add()
        order, data = site.command(meter, action=codes.OPEN)
        site.store.commands.add(order, data, site.clock.unix_ms())
        await site.collector.command(meter.address, data)
        await site.until(lambda: site.store.commands.counts() == {"done": 1}, 60)
        assert (seen, site.store.commands.foretold(9)) == ([], [])

    run(tmp_path, scenario)


def test_only_its_own_boards_word_ends_a_command(tmp_path):
    async def scenario(site):
        meter, other = filled(site, 1), filled(site, 2)
        site.enrol(meter, other)
        site.start({1: meter, 2: other})
        order, data = site.command(meter)
        site.store.commands.add(order, data, site.clock.unix_ms())
        word = Outcome(
            epoch=1, seq=9, time_s=1, flags=0, prev=b"\0" * 16, command_id=order.id, counter=1,
            status=codes.DONE, reason=0, asset=0, state=0, at_ms=1,
        )  # fmt: skip
        site.store.commands.foretell(other.address, word, b"signed by another")
        assert site.store.commands.counts() == {"open": 1}
        assert site.store.commands.foretold(9) == []

    run(tmp_path, scenario)
