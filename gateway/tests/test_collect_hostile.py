"""What a hostile or broken board may show: refused by name, held back, later taken."""

import asyncio

import pytest

from gateway.tests.signing import seal
from gateway.tests.site import filled, journal, run
from wireformat import codes


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
