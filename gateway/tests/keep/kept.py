"""A store with two boards' chains in it, as a gateway would have left it."""

from pathlib import Path

from gateway.registry_view import DEVICE
from gateway.store import Permit, Store
from gateway.tests.signing import SigningBoard
from gateway.tests.storing import batch_of
from gateway.tests.test_config import GOOD
from ledger.contracts.objects import Device, pack
from wireformat import codes
from wireformat.chained import Outcome

CHAIN_ID = "tw-test"


def configured(folder: Path) -> Path:
    """A gateway.toml whose store is in `folder`/data."""
    path = folder / "gateway.toml"
    path.write_text(GOOD.replace("tw-1", CHAIN_ID))
    (folder / "data").mkdir(exist_ok=True)
    return path


def register(store: Store, board: SigningBoard) -> None:
    """What the registry was proven to say of `board`."""
    channels = [[1, 1]] * board.channels
    fixed = (b"\x01", "0.1", 2, 0, 1, b"", b"", 1)
    device = Device(board.public_key, board.role, channels, *fixed)
    store.cache.put(DEVICE + board.address, pack(device), 1)


def fill(store: Store, board: SigningBoard, records: int) -> None:
    """Commit `records` readings of `board`, and that they are on the ledger."""
    first = board.next_seq
    store.commit(batch_of(board, [board.add() for _ in range(records)], first))
    rows = store.outbox.next(10_000)
    store.outbox.landed([row.id for row in rows])


def with_gap(store: Store, board: SigningBoard) -> None:
    """Three records go lost on the board's flash; it says so, signed, and goes on."""
    lost = (board.epoch, board.next_seq), (board.epoch, board.next_seq + 2)
    for _ in range(3):
        board.add()
    place = board.next_seq
    event = board.add(board.event(codes.EV_JOURNAL_GAP, (*lost[0], *lost[1])))
    batch = batch_of(board, [event], place)
    batch.permits.append(Permit(board.address, lost[0], lost[1], event[1]))
    store.commit(batch)


def with_outcome(store: Store, board: SigningBoard) -> None:
    """An outcome among the records."""
    place = board.next_seq
    outcome: Outcome = board.outcome(b"\x07" * 8, 1)
    store.commit(batch_of(board, [board.add(outcome)], place))
