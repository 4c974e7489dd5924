from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import setup
from ledger.contracts import metering as m
from ledger.contracts import registry
from ledger.contracts.objects import FROZEN, Device, Evidence, LastRecord, Registers
from ledger.contracts.params import Limits
from ledger.tests.contracts.kit import Board, World, certificate_of, kinds
from wireformat import cbor, codes, identity


@pytest.fixture
def grid():
    world = World(areas=2)
    return world, world.enrol(Board("m1"))


def test_a_chain_of_records_over_reboots_is_admitted(grid):
    world, board = grid
    batch = [board.event(codes.EV_BOOT, [1]), board.reading(), board.reading()]
    board.reboot()
    batch += [board.event(codes.EV_BOOT, [4])]
    board.reboot()
    board.reboot()  # two boots that signed nothing
    batch += [board.event(codes.EV_BOOT, [4]), board.reading()]
    assert world.send(*batch, after_s=300) == [m.ADMITTED] * 6
    last = world.get(LastRecord, m.LAST + board.address)
    assert (last.epoch, last.seq, last.records) == (4, 1, 6)
    assert last.head == identity.record_hash(batch[-1][1])


def test_the_same_bytes_again_change_nothing_but_the_nonce(grid):
    world, board = grid
    batch = [board.reading(), board.reading()]
    world.send(*batch)
    before = dict(world.state.iterate(b"metering/"))
    assert world.send(*batch, *batch) == [m.DUPLICATE] * 4
    assert dict(world.state.iterate(b"metering/")) == before


def test_two_records_for_one_sequence_freeze_the_board_with_both_as_evidence(grid):
    world, board = grid
    twin = Board("m1")
    first, second = board.reading(10), twin.reading(99)
    assert world.send(first, second) == [m.ADMITTED, m.EQUIVOCATION]
    assert world.get(Device, registry.DEVICE + board.address).status == FROZEN
    evidence = world.get(Evidence, m.EVIDENCE + board.address)
    assert (evidence.first, evidence.second) == (identity.prev_hash(first[1]), second[1])
    assert world.send(board.reading(), first) == [m.DEVICE_FROZEN, m.DUPLICATE]


@pytest.mark.parametrize("fault", ["prev", "sequence"])
def test_a_next_record_that_does_not_follow_freezes_the_board(grid, fault):
    world, board = grid
    world.send(board.reading())
    if fault == "prev":
        board.prev = bytes(16)
    else:
        board.seq += 1
    assert world.send(board.reading()) == [m.BROKEN_PREV]
    assert world.get(Device, registry.DEVICE + board.address).status == FROZEN


def test_missing_records_are_waited_for_and_then_all_come_in(grid):
    world, board = grid
    batch = [board.reading() for _ in range(3)]
    board.reboot()
    batch.append(board.reading())
    assert world.send(batch[0], batch[2], batch[3]) == [m.ADMITTED, m.OUT_OF_ORDER, m.OUT_OF_ORDER]
    assert world.send(*batch[1:]) == [m.ADMITTED] * 3


def test_a_forged_record_never_freezes_anybody(grid):
    world, board = grid
    code, data = board.reading()
    world.send((code, data))
    forged = Board("m1", seq=1, prev=identity.prev_hash(data)).reading()[1]
    broken = forged[:-1] + bytes([forged[-1] ^ 1])
    assert world.send((code, broken)) == [m.BAD_SIGNATURE]
    assert world.send(board.reading()) == [m.ADMITTED]


def test_refusals_have_their_names(grid):
    world, board = grid
    world.ok(
        "operator",
        setup.CertificateBody(certificate=certificate_of("gateway2", codes.ACK, 1, area=2)),
    )
    reading = board.reading()
    stranger = Board("nobody").reading()
    body = setup.RecordsBody(records=[reading])
    assert cbor.decode(world.ok("gateway2", body).results[0].data) == [m.WRONG_AREA]
    cases = [(reading[0], b"junk"), (99, reading[1]), (codes.METER, reading[1][:-1]), stranger]
    assert world.send(*cases) == [m.MALFORMED] * 3 + [m.UNKNOWN_DEVICE]
    world.ok("operator", setup.RevokeBody(address=board.address, why="stolen"))
    assert world.send(reading) == [m.DEVICE_REVOKED]


def test_a_signed_gap_lets_the_chain_go_on_behind_what_was_evicted(grid):
    world, board = grid
    world.send(board.reading())
    lost = [board.reading() for _ in range(3)]  # seq 1..3, evicted unacknowledged
    later = [board.reading(), board.reading()]
    gap = board.event(codes.EV_JOURNAL_GAP, [1, 1, 1, 3])
    assert world.send(*later, after_s=300) == [m.OUT_OF_ORDER] * 2
    assert world.send(gap, *later, gap) == [m.NOTED, m.ADMITTED, m.ADMITTED, m.ADMITTED]
    assert world.send(lost[0]) == [m.STALE]
    assert world.get(Device, registry.DEVICE + board.address).status != FROZEN


def test_a_gap_may_span_epochs_and_come_first_of_all(grid):
    world, board = grid
    board.reading()
    board.reboot()
    board.reading()
    kept = board.reading()  # (2, 1)
    gap = board.event(codes.EV_JOURNAL_GAP, [1, 0, 2, 0])
    assert world.send(kept) == [m.OUT_OF_ORDER]
    assert world.send(gap, kept, gap) == [m.NOTED, m.ADMITTED, m.ADMITTED]


def test_two_gaps_in_a_row_and_one_further_on_are_all_followed(grid):
    world, board = grid
    world.send(board.reading())
    for _ in range(5):
        board.reading()  # seq 1..5: lost
    kept = [board.reading(), board.reading()]  # 6, 7
    board.reading()  # 8: lost
    board.reboot()
    kept.append(board.reading())  # (2, 0)
    first = board.event(codes.EV_JOURNAL_GAP, [1, 1, 1, 3])
    second = board.event(codes.EV_JOURNAL_GAP, [1, 4, 1, 5])
    third = board.event(codes.EV_JOURNAL_GAP, [1, 8, 1, 8])
    assert world.send(third, second, kept[0], after_s=900) == [m.NOTED, m.NOTED, m.OUT_OF_ORDER]
    assert world.send(first, *kept) == [m.NOTED, *[m.ADMITTED] * 3]
    assert world.send(first, second, third) == [m.ADMITTED] * 3


def test_a_gap_in_a_later_epoch_does_not_lead_past_what_is_left_of_this_one(grid):
    world, board = grid
    world.send(board.reading())
    board.reading()  # (1, 1): lost
    kept = [board.reading(), board.reading()]  # (1, 2), (1, 3)
    board.reboot()
    board.reading()  # (2, 0): lost
    kept.append(board.reading())  # (2, 1)
    near = board.event(codes.EV_JOURNAL_GAP, [1, 1, 1, 1])
    far = board.event(codes.EV_JOURNAL_GAP, [2, 0, 2, 0])
    assert world.send(near, far, *kept, near, far, after_s=600) == [
        *[m.NOTED] * 2,
        *[m.ADMITTED] * 5,
    ]


@pytest.mark.parametrize("adjoin", [True, False])
def test_however_many_gaps_none_is_ever_lost_and_their_notes_stay_small(grid, adjoin):
    world, board = grid
    world.send(board.reading())
    gaps, kept = [], []
    for number in range(40):
        gaps.append([1, board.seq, 1, board.seq])
        board.reading()
        if not adjoin or number == 39:
            kept.append(board.reading())
    events = [board.event(codes.EV_JOURNAL_GAP, gap) for gap in gaps]
    first = world.send(*reversed(events), after_s=7200)
    assert first.count(m.NOTED) == (40 if adjoin else 16 + 24)
    assert len(world.state.get(m.GAP + board.address)) <= 16 * m.MAX_GAPS
    for number, record in enumerate(kept):
        assert world.send(*([] if adjoin else [events[number]]), record)[-1] == m.ADMITTED
    assert world.send(*events) == [m.ADMITTED] * 40


def test_a_gap_event_without_sense_is_malformed(grid):
    world, board = grid
    world.send(board.reading())
    board.reading()
    assert world.send(board.event(codes.EV_JOURNAL_GAP, [1, 5, 1, 3])) == [m.MALFORMED]


@pytest.mark.parametrize(
    ("why", "fields"),
    [
        ("a register runs back", {"channels": [[5, 0, 0, 0, 0], [0, 0, 0, 0, 0]]}),
        ("more energy than power x time", {"channels": [[9000, 0, 0, 0, 0], [0, 0, 0, 0, 0]]}),
        ("time is in the future", {"time_s": 2_000_000_000}),
        ("time runs back", {"time_s": 1_600_000_000}),
        ("channels are not those enrolled", {"channels": [[10, 0, 0, 0, 0]]}),
    ],
)
def test_what_can_not_be_stays_in_the_chain_but_out_of_the_accounts(grid, why, fields):
    world, board = grid
    world.send(board.reading(10))
    before = world.get(Registers, m.REGISTERS + board.address)
    done = world.ok("gateway", setup.RecordsBody(records=[board.reading(**fields)]))
    events = {event.kind: event.attributes for event in done.all_events()}
    assert events["metering/implausible"]["why"] == why
    assert world.get(Registers, m.REGISTERS + board.address) == before
    assert world.get(LastRecord, m.LAST + board.address).seq == 1
    assert world.send(board.reading()) == [m.ADMITTED]


def test_the_window_bounds_what_is_kept(grid):
    world = World(Limits(record_window=4))
    board = world.enrol(Board("m1"))
    batch = [board.reading() for _ in range(8)]
    world.send(*batch)
    assert len(world.state.get(m.WINDOW + board.address)) == 4 * 24
    assert world.send(batch[0], batch[-1]) == [m.STALE, m.DUPLICATE]


def test_a_batch_with_nothing_good_still_says_so(grid):
    world, _ = grid
    done = world.ok("gateway", setup.RecordsBody(records=[(1, b"x")]))
    assert kinds(done) == ["metering/records"]


@given(st.lists(st.integers(0, 11), min_size=1, max_size=40), st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_any_order_with_repeats_admits_each_record_once_and_never_freezes(order, size):
    """Whatever a gateway resends or shuffles, the chain grows in order and nothing is lost."""
    world = World()
    board = world.enrol(Board("m1"))
    records = []
    for number in range(12):
        if number % 5 == 4:
            board.reboot()
        records.append(board.reading())
    admitted: list[int] = []
    for at in range(0, len(order), size):
        chosen = order[at : at + size]
        for number, code in zip(chosen, world.send(*(records[n] for n in chosen)), strict=True):
            assert code in (m.ADMITTED, m.DUPLICATE, m.OUT_OF_ORDER)
            assert (code == m.DUPLICATE) == (number in admitted)
            if code == m.ADMITTED:
                admitted.append(number)
    assert admitted == list(range(len(admitted)))


def halves(digest):
    return [int.from_bytes(digest[at : at + 4], "big") for at in (0, 4)]


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ([1, *halves(b"\x11" * 32)], 0),
        ([1, *halves(b"\x12" * 32)], 1),
        ([1], 0),  # a firmware that shows none
        ([1, 2**40, 1], 0),
    ],
)
def test_a_boot_with_another_calibration_is_told_and_stops_nothing(detail, told):
    world = World()
    board = world.enrol(Board("m1", calibration=b"\x11" * 32))
    assert world.get(Device, registry.DEVICE + board.address).calibration == b"\x11" * 32
    batch = [board.event(codes.EV_BOOT, detail), board.reading()]
    done = world.ok("gateway", setup.RecordsBody(records=batch))
    assert cbor.decode(done.results[0].data) == [m.ADMITTED] * 2
    assert kinds(done).count("metering/calibration") == told


def test_a_board_enrolled_without_a_calibration_is_held_to_none(grid):
    world, board = grid
    records = [board.event(codes.EV_BOOT, [1, 5, 6])]
    done = world.ok("gateway", setup.RecordsBody(records=records))
    assert "metering/calibration" not in kinds(done)
