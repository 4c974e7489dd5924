"""Records that only need an anchor: a Merkle root stands for them, between two records of a board.

A batch belongs to the record that follows it, its closing record, which goes whole. The board's own
signature over that record's previous-hash and sequence vouches for the batch's last record and for
how many there are; the root binds the gateway to the others. Leaves are the signed records' bytes
in their order, so that any of them can be shown later with its signature and a path (RFC 6962).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ledger.contracts.errors import BadBody
from wireformat.schema import U32


@dataclass(frozen=True, slots=True)
class Batch:
    """`count` records of one epoch from `first_seq` on; `last_hash` is SHA-256 of the last one."""

    closed_by: int
    epoch: int
    first_seq: int
    count: int
    root: bytes
    last_hash: bytes

    @property
    def last_seq(self) -> int:
        """Of its last record."""
        return self.first_seq + self.count - 1

    def row(self) -> list[object]:
        """As it stands in a transaction."""
        return [
            self.closed_by, self.epoch, self.first_seq, self.count, self.root, self.last_hash
        ]  # fmt: skip


def by_closing(rows: Sequence[Sequence[Any]] | None, records: int) -> dict[int, Batch]:
    """Batches by the place of the record that closes each; raises `BadBody`."""
    found: dict[int, Batch] = {}
    for row in rows or ():
        batch = Batch(*row)
        if batch.closed_by >= records or (found and batch.closed_by <= max(found)):
            raise BadBody(f"a batch is closed by record {batch.closed_by}: out of place")
        if not batch.count or batch.last_seq > U32:
            raise BadBody(f"a batch of {batch.count} from sequence {batch.first_seq} on")
        found[batch.closed_by] = batch
    return found
