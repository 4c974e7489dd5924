"""Batches for the store's tests, and the process that is killed in the middle of its commits."""

import sys
from pathlib import Path

from gateway.store import Batch, Head, Store, StoredRecord
from gateway.tests.signing import T0, SigningBoard
from wireformat import cose
from wireformat.chained import Outcome
from wireformat.identity import record_hash


def batch_of(meter: SigningBoard, rows: list[tuple[int, bytes]], first: int) -> Batch:
    """Admitted records `rows`, the first at seq `first` of the board's epoch."""
    batch = Batch(meter.address)
    for seq, (code, data) in enumerate(rows, first):
        digest = record_hash(data)
        batch.records.append(
            StoredRecord(meter.address, meter.epoch, seq, code, data, digest, T0 * 1000)
        )
        batch.head = Head(meter.epoch, seq, digest, T0)
        if code == Outcome.CODE:
            batch.outcomes.append(Outcome.from_payload(cose.split(data).payload))
    return batch


def commit_for_ever(path: Path, most: int) -> None:
    """Commit batches of three and say on stdout what may be acked; runs until it is killed."""
    store, meter = Store.open(path), SigningBoard()
    head = store.head(meter.address)
    start = head.seq + 1 if head else 0
    meter.next_seq = start
    for first in range(start, most, 3):
        rows = [meter.add() for _ in range(3)]
        store.commit(batch_of(meter, rows, first))
        sys.stdout.write(f"{first + 2}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    commit_for_ever(Path(sys.argv[1]), int(sys.argv[2]))
