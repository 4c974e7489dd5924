"""Records that a Merkle root stands for: what closes a batch, what does not, what it costs."""

from dataclasses import replace

import pytest

from ledger import merkle, setup
from ledger.contracts import metering as m
from ledger.contracts import registry
from ledger.contracts.batches import Batch
from ledger.contracts.bodies import MAX_BATCHED
from ledger.contracts.errors import BadBody
from ledger.contracts.objects import ACTIVE, FROZEN, Device, Evidence, LastRecord, Registers
from ledger.tests.contracts.kit import CHAIN, Board, World, seed_of
from ledger.tx import make_tx
from wireformat import cbor, codes, identity


@pytest.fixture
def grid():
    world = World()
    return world, world.enrol(Board("m1"))


def batch_of(records, first_seq, closed_by=0):
    root = merkle.root([data for _, data in records])
    last_hash = identity.record_hash(records[-1][1])
    return Batch(closed_by, 1, first_seq, len(records), root, last_hash)


def send(world, records, *batches, after_s=1):
    body = setup.RecordsBody(records=list(records), batches=[batch.row() for batch in batches])
    done = world.run("gateway", body, after_s)
    result = done.results[0]
    return cbor.decode(result.data) if not result.code else result.log


def last_of(world, board):
    last = world.get(LastRecord, m.LAST + board.address)
    return last.epoch, last.seq, last.records


def started(world, board, count=4):
    """A board with a record on the ledger; its next `count`, and the one that closes them."""
    world.send(board.reading(), after_s=60)
    return [board.reading(20) for _ in range(count)], board.reading(20, flags=codes.BOUNDARY)


def test_a_closing_record_brings_the_chain_and_the_energy_forward(grid):
    world, board = grid
    quiet, closing = started(world, board)
    before = world.get(Registers, m.REGISTERS + board.address).registers_wh[0][0]
    assert send(world, [closing], batch_of(quiet, 1), after_s=600) == [m.ADMITTED]
    assert last_of(world, board) == (1, 5, 6)
    after = world.get(Registers, m.REGISTERS + board.address).registers_wh[0][0]
    assert after - before == 100, "no energy is left out with the records"
    assert world.send(board.reading(), after_s=60) == [m.ADMITTED]


def test_the_same_batch_again_is_a_duplicate(grid):
    world, board = grid
    quiet, closing = started(world, board)
    batch = batch_of(quiet, 1)
    send(world, [closing], batch, after_s=600)
    before = dict(world.state.iterate(b"metering/"))
    assert send(world, [closing], batch) == [m.DUPLICATE]
    assert dict(world.state.iterate(b"metering/")) == before


def test_a_tail_of_an_epoch_is_closed_by_the_first_record_of_the_next(grid):
    world, board = grid
    quiet, rest = started(world, board)
    board.reboot()
    boot = board.event(codes.EV_BOOT, [1])
    assert send(world, [boot], batch_of([*quiet, rest], 1), after_s=600) == [m.ADMITTED]
    assert last_of(world, board) == (2, 0, 7)


@pytest.mark.parametrize(
    "lie",
    [
        {"last_hash": bytes(32)},
        {"count": 3},
        {"count": 5},
        {"first_seq": 2},
        {"first_seq": 0},
        {"epoch": 2},
    ],
    ids=str,
)
def test_a_batch_that_does_not_fit_is_refused_and_freezes_nobody(grid, lie):
    world, board = grid
    quiet, closing = started(world, board)
    assert send(world, [closing], replace(batch_of(quiet, 1), **lie), after_s=600) == [
        m.OUT_OF_ORDER
    ]
    assert world.get(Device, registry.DEVICE + board.address).status == ACTIVE
    assert last_of(world, board) == (1, 0, 1)
    assert send(world, [*quiet[:2], closing], batch_of(quiet[2:], 3, 2)) == [m.ADMITTED] * 3


def test_the_first_record_of_a_board_can_not_be_left_out(grid):
    world, board = grid
    quiet, closing = [board.reading()], board.reading()
    assert send(world, [closing], batch_of(quiet, 0), after_s=600) == [m.OUT_OF_ORDER]


def test_without_its_batch_the_closing_record_is_out_of_order(grid):
    world, board = grid
    _, closing = started(world, board)
    assert world.send(closing, after_s=600) == [m.OUT_OF_ORDER]


@pytest.mark.parametrize(
    "rows",
    [
        [[1, 1, 1, 4, bytes(32), bytes(32)]],
        [[0, 1, 1, 0, bytes(32), bytes(32)]],
        [[0, 1, 1, MAX_BATCHED + 1, bytes(32), bytes(32)]],
        [[0, 1, 2**32 - 1, 2, bytes(32), bytes(32)]],
        [[0, 1, 1, 4, bytes(31), bytes(32)]],
        [[0, 1, 1, 4, bytes(32)]],
        [[0, 1, 1, 4, bytes(32), bytes(32)]] * 2,
        ["x"],
        [],
    ],
    ids=["place", "none", "many", "end", "root", "short", "twice", "text", "empty"],
)
def test_a_malformed_batch_fails_the_transaction_by_name(grid, rows):
    world, board = grid
    _, closing = started(world, board)
    world.nonces["gateway"] = world.nonces.get("gateway", 0) + 1
    body = {0: [list(closing)], 1: rows}
    tx = make_tx(seed_of("gateway"), CHAIN, world.nonces["gateway"], "records", body)
    done = world.block(tx)
    assert done.results[0].code == BadBody.code


def test_several_boards_close_theirs_in_one_transaction(grid):
    world, one = grid
    two = world.enrol(Board("m2"))
    (first, first_end), (second, second_end) = started(world, one), started(world, two, 3)
    whole = two.reading()
    batches = batch_of(first, 1, 0), batch_of(second, 1, 1)
    assert send(world, [first_end, second_end, whole], *batches, after_s=600) == [m.ADMITTED] * 3
    assert last_of(world, one) == (1, 5, 6)
    assert last_of(world, two) == (1, 5, 6)


def test_two_records_for_a_place_that_a_root_stands_for_freeze_the_board(grid):
    world, board = grid
    quiet, closing = started(world, board)
    send(world, [closing], batch_of(quiet, 1), after_s=600)
    twin = Board("m1")
    false = [twin.reading(99) for _ in range(4)][3]
    assert world.send(false, quiet[0], false) == [m.STALE] * 3
    assert world.get(Device, registry.DEVICE + board.address).status == ACTIVE
    assert world.send(quiet[2], false) == [m.STALE, m.EQUIVOCATION]
    assert world.get(Device, registry.DEVICE + board.address).status == FROZEN
    evidence = world.get(Evidence, m.EVIDENCE + board.address)
    assert (evidence.first, evidence.second) == (identity.prev_hash(quiet[2][1]), false[1])
