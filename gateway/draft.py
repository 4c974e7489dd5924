"""A transaction's body while it fills."""

from dataclasses import dataclass, field

from gateway.batches import Group
from wireformat.chained import Outcome

EVIDENCE_ROW = 0
"""Stands for a row of the transaction that is no record of the outbox."""


@dataclass
class Draft:
    """`taken` and `batched` as in `TxInFlight`."""

    rows: list[list[object]] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    batches: list[list[object]] = field(default_factory=list)
    batched: list[int] = field(default_factory=list)
    groups: int = 0

    def foretell(self, outcome: bytes) -> None:
        """An outcome whose turn in its chain is to come."""
        self.rows.append([Outcome.CODE, outcome])
        self.taken.append(EVIDENCE_ROW)

    def add(self, group: Group, early: list[list[object]]) -> None:
        """One more record, behind its evidence and the batch that it closes."""
        self.rows += [*early, [group.closing.code, group.closing.data]]
        self.taken += [EVIDENCE_ROW] * len(early) + [group.closing.id]
        self.groups += 1
        if group.quiet:
            self.batches.append(group.batch(len(self.rows) - 1).row())
            self.batched += [record.id for record in group.quiet]
