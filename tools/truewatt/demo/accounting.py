"""Every record accounted for: what the boards' own journals hold against what was kept of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from wireformat.chained import Chained, Feeder, Reading
from wireformat.registry import open_signed

Position = tuple[int, int]
"""(epoch, seq): unique for ever on one board."""


@dataclass(frozen=True)
class SignedRecord:
    """A chained record as its board signed it."""

    position: Position
    data: bytes
    record: Chained

    @property
    def is_reading(self) -> bool:
        """Whether it is a metered interval rather than an event or outcome."""
        return isinstance(self.record, Reading | Feeder)


@dataclass
class Account:
    """The sums over all boards; `faults` names each record that is not where it should be."""

    signed: int = 0
    readings_signed: int = 0
    admitted: int = 0
    readings_admitted: int = 0
    in_flight: int = 0
    late: int = 0
    lost: int = 0
    duplicated: int = 0
    foreign: int = 0
    faults: list[str] = field(default_factory=list)


def parse(journal: Iterable[tuple[int, bytes]], chain_id: str) -> list[SignedRecord]:
    """Read a journal dump (type code, bytes) in its own order."""
    records = []
    for code, data in journal:
        record = open_signed(code, data, chain_id).record
        if isinstance(record, Chained):
            records.append(SignedRecord((record.epoch, record.seq), data, record))
    return records


def account(
    journals: Mapping[str, list[SignedRecord]],
    stored: Mapping[str, list[SignedRecord]],
    end_s: int,
) -> Account:
    """Compare each board's journal with the records kept of it.

    A record that the store lacks although it holds a later one of that board is lost. One that the
    board signed up to `end_s`, and that is only in its journal, is late; one signed after it is in
    flight. Two different records at one position, or one record kept twice, are duplicates. A
    stored record that a journal which reaches back that far does not know is foreign.
    """
    total = Account()
    for name in sorted(journals):
        _account_board(total, name, journals[name], stored.get(name, []), end_s)
    return total


def _account_board(
    total: Account, name: str, journal: list[SignedRecord], kept: list[SignedRecord], end_s: int
) -> None:
    kept_by = _index(total, f"{name}, kept", kept)
    signed_by = _index(total, f"{name}, journal", journal)
    head = max(kept_by, default=(-1, -1))
    total.signed += len(signed_by)
    total.readings_signed += sum(item.is_reading for item in signed_by.values())
    total.admitted += len(kept_by)
    total.readings_admitted += sum(item.is_reading for item in kept_by.values())
    for position, item in sorted(signed_by.items()):
        twin = kept_by.get(position)
        if twin is None and position < head:
            total.lost += 1
            total.faults.append(f"{name} {position}: signed, not kept")
        elif twin is None and item.record.time_s <= end_s:
            total.late += 1
            total.faults.append(f"{name} {position}: signed, not kept when the run was over")
        elif twin is None:
            total.in_flight += 1
        elif twin.data != item.data:
            total.duplicated += 1
            total.faults.append(f"{name} {position}: kept with other bytes than signed")
    oldest = min(signed_by, default=(0, 0))
    for position in sorted(kept_by.keys() - signed_by.keys()):
        if position > oldest:
            total.foreign += 1
            total.faults.append(f"{name} {position}: kept, but not in the journal")


def _index(total: Account, where: str, items: list[SignedRecord]) -> dict[Position, SignedRecord]:
    by_position: dict[Position, SignedRecord] = {}
    for item in items:
        if item.position in by_position:
            total.duplicated += 1
            total.faults.append(f"{where} {item.position}: twice")
        by_position[item.position] = item
    return by_position
