"""The proof that one record is on the ledger, for somebody who has nothing but the chain."""

from gateway.keep.errors import NoProof
from gateway.store import Store
from gateway.store.outbox import Anchor
from ledger import merkle
from ledger.record_proof import RecordProof


def prove(store: Store, device: bytes, epoch: int, seq: int) -> RecordProof:
    """From the records of its batch, which must all be here still. Raises `NoProof`."""
    where = f"board {device.hex()} epoch {epoch} seq {seq}"
    anchor = store.outbox.anchor(device, epoch, seq)
    if anchor is None:
        raise NoProof("no batch on the ledger stands for it", where)
    rows = _batch(store, anchor)
    if len(rows) != anchor.count:
        raise NoProof(f"{anchor.count - len(rows)} records of its batch were pruned", where)
    code, data = rows[seq - anchor.first_seq]
    _, paths = merkle.prove([row[1] for row in rows])
    path = None if anchor.whole else paths[seq - anchor.first_seq]
    return RecordProof(device, code, data, anchor.tx, path)


def _batch(store: Store, anchor: Anchor) -> list[tuple[int, bytes]]:
    return store.database.all(
        "SELECT code, data FROM records WHERE device = ? AND epoch = ? AND seq >= ? AND seq < ?"
        " ORDER BY seq",
        (anchor.device, anchor.epoch, anchor.first_seq, anchor.first_seq + anchor.count),
    )
