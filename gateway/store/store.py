"""The store's face: batches of records in one commit, heads, refusals, and its parts."""

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.store.bulk import Bulk
from gateway.store.cache import Cache
from gateway.store.commands import Commands, end_by_outcome
from gateway.store.database import Database
from gateway.store.errors import StoreConflict
from gateway.store.outbox import Outbox
from gateway.store.retention import Retention
from gateway.store.rows import Head, Permit, Refusal, StoredRecord
from wireformat.chained import Outcome

EVIDENCE_ROWS = 500
"""Refused records kept for each reason; the oldest make room. Counters go on."""


@dataclass(slots=True)
class Batch:
    """All that one pull from a board changes; committed together or not at all.

    With `checked`, `before` is the head that `records` were judged against. Another way to the same
    board (a bus and a broker, say) may have moved it: then `StoreConflict`, and nothing is written.
    """

    device: bytes
    records: list[StoredRecord] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    head: Head | None = None
    refusals: list[Refusal] = field(default_factory=list)
    permits: list[Permit] = field(default_factory=list)
    notes: dict[str, bytes | None] = field(default_factory=dict)
    before: Head | None = None
    checked: bool = False

    def __bool__(self) -> bool:
        return bool(self.records or self.refusals or self.permits)


class Store:
    """`<data_dir>/gateway.db`. Raises `StoreError`s; then nothing of the call took effect."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.outbox = Outbox(database)
        self.commands = Commands(database)
        self.cache = Cache(database)
        self.retention = Retention(database)

    @classmethod
    def open(cls, path: Path) -> "Store":
        """Open for writing; makes the file and brings old versions up to date."""
        return cls(Database(path))

    @classmethod
    def open_readonly(cls, path: Path) -> "Store":
        """Open beside a running gateway, to read only."""
        return cls(Database(path, readonly=True))

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def commit(self, *batches: Batch) -> None:
        """Write `batches` in one durable transaction; acks may leave after this returns."""
        with self.database.write() as connection:
            _check_heads(connection, batches)
            _insert(connection, batches)
            _set_heads(connection, batches)
            for batch in batches:
                for refusal in batch.refusals:
                    _count_refusal(connection, refusal)
                for permit in batch.permits:
                    _keep_permit(connection, permit)
                _keep_notes(connection, batch.device, batch.notes)

    def note(self, device: bytes, name: str) -> bytes | None:
        """What was noted of `device` under `name`."""
        row = self.database.one(
            "SELECT value FROM notes WHERE device = ? AND name = ?", (device, name)
        )
        return bytes(row[0]) if row else None

    def keep_notes(self, device: bytes, notes: dict[str, bytes | None]) -> None:
        """Note values of `device` by name, in one durable transaction; None takes one away."""
        with self.database.write() as connection:
            _keep_notes(connection, device, notes)

    def anchor(self, device: bytes, head: Head, ahead: bool = False) -> bool:
        """Start a device's chain at `head`, taken from the ledger, where none is known here.

        `ahead`: or where the known head lies before it. True if the head was set.
        """
        with self.database.write() as connection:
            row = connection.execute(
                "SELECT epoch, seq FROM heads WHERE device = ?", (device,)
            ).fetchone()
            if row is not None and not (ahead and row < (head.epoch, head.seq)):
                return False
            _SET_HEADS.run(connection, [(device, *head)])
            return True

    def head(self, device: bytes) -> Head | None:
        """The last admitted record of `device`."""
        row = self.database.one(
            "SELECT epoch, seq, hash, time_s, measured FROM heads WHERE device = ?", (device,)
        )
        return Head(*row) if row else None

    def heads(self) -> dict[bytes, Head]:
        """Every device's last admitted record, by address."""
        sql = "SELECT device, epoch, seq, hash, time_s, measured FROM heads ORDER BY device"
        return {row[0]: Head(*row[1:]) for row in self.database.all(sql)}

    def data_at(self, device: bytes, epoch: int, seq: int) -> bytes | None:
        """The stored record's bytes, or None."""
        row = self.database.one(
            "SELECT data FROM records WHERE device = ? AND epoch = ? AND seq = ?",
            (device, epoch, seq),
        )
        return bytes(row[0]) if row else None

    def code_at(self, device: bytes, epoch: int, seq: int) -> int | None:
        """The stored record's type code, or None."""
        row = self.database.one(
            "SELECT code FROM records WHERE device = ? AND epoch = ? AND seq = ?",
            (device, epoch, seq),
        )
        return None if row is None else int(row[0])

    def records(self, device: bytes) -> Iterator[tuple[int, int, int, bytes, int]]:
        """All records of `device` in their order: (epoch, seq, code, bytes, received_ms)."""
        yield from self.database.stream(
            "SELECT epoch, seq, code, data, received_ms FROM records WHERE device = ?"
            " ORDER BY epoch, seq",
            (device,),
        )

    def counts(self) -> dict[bytes, int]:
        """Records held, by device."""
        sql = "SELECT device, count(*) FROM records GROUP BY device ORDER BY device"
        return dict(self.database.all(sql))

    def refusals(self) -> dict[str, int]:
        """Distinct records refused, by reason."""
        return dict(self.database.all("SELECT reason, count FROM refusals ORDER BY reason"))

    def evidence(self, reason: str) -> list[tuple[bytes | None, int, bytes, str]]:
        """Refused records kept for `reason`: (device, code, bytes, detail), oldest first."""
        return self.database.all(
            "SELECT device, code, data, detail FROM refusal_evidence WHERE reason = ? ORDER BY id",
            (reason,),
        )

    def permits(self, device: bytes) -> list[Permit]:
        """The signed gaps of `device`'s journal."""
        rows = self.database.all(
            "SELECT device, first_epoch, first_seq, last_epoch, last_seq, evidence FROM permits"
            " WHERE device = ? ORDER BY first_epoch, first_seq",
            (device,),
        )
        return [Permit(row[0], (row[1], row[2]), (row[3], row[4]), row[5]) for row in rows]


_SET_HEADS = Bulk("INSERT OR REPLACE INTO heads VALUES", 6)
_RECORDS = Bulk(
    "INSERT INTO records (id, device, epoch, seq, code, data, hash, received_ms) VALUES", 8
)
_STAND = Bulk(
    "WITH wanted (device, epoch, seq) AS (VALUES",
    3,
    ") SELECT count(*) FROM wanted JOIN heads USING (device, epoch, seq)",
)
_KNOWN = Bulk(
    "WITH wanted (device) AS (VALUES", 1, ") SELECT count(*) FROM wanted JOIN heads USING (device)"
)


def _check_heads(connection: sqlite3.Connection, batches: tuple[Batch, ...]) -> None:
    """Raise `StoreConflict` unless all chains still stand where their records were judged."""
    checked = [batch for batch in batches if batch.records and batch.checked]
    stood = [(b.device, b.before.epoch, b.before.seq) for b in checked if b.before]
    begun = [(b.device,) for b in checked if not b.before]
    if _STAND.total(connection, stood) != len(stood) or _KNOWN.total(connection, begun):
        raise StoreConflict(f"a head moved, of {len(checked)} boards whose records were judged")


def _insert(connection: sqlite3.Connection, batches: tuple[Batch, ...]) -> None:
    """All records and their places in the outbox; rows are numbered here."""
    first = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM records").fetchone()[0]
    records = [record for batch in batches for record in batch.records]
    _RECORDS.run(connection, [(row, *record) for row, record in enumerate(records, first)])
    # The code stands in the text, not as a value: one statement for ever.
    connection.execute(
        f"INSERT INTO outbox SELECT id, device, code = {Outcome.CODE} FROM records WHERE id >= ?",
        (first,),
    )
    for batch in batches:
        _end_commands(connection, batch, first)
        first += len(batch.records)


def _set_heads(connection: sqlite3.Connection, batches: tuple[Batch, ...]) -> None:
    _SET_HEADS.run(connection, [(batch.device, *batch.head) for batch in batches if batch.head])


def _count_refusal(connection: sqlite3.Connection, refusal: Refusal) -> None:
    """Count each refused record once, however often a board shows it again."""
    digest = hashlib.sha256(refusal.data).digest()
    seen = connection.execute(
        "UPDATE refusal_evidence SET times = times + 1, last_ms = ? WHERE reason = ? AND hash = ?",
        (refusal.at_ms, refusal.reason, digest),
    )
    if seen.rowcount:
        return
    connection.execute(
        "INSERT INTO refusal_evidence"
        " (reason, device, code, data, hash, detail, first_ms, last_ms, times)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)",
        (
            refusal.reason,
            refusal.device,
            refusal.code,
            refusal.data,
            digest,
            refusal.detail,
            refusal.at_ms,
            refusal.at_ms,
        ),
    )
    connection.execute(
        "INSERT INTO refusals VALUES (?, 1) ON CONFLICT (reason) DO UPDATE SET count = count + 1",
        (refusal.reason,),
    )
    connection.execute(
        "DELETE FROM refusal_evidence WHERE reason = ?1 AND id NOT IN"
        " (SELECT id FROM refusal_evidence WHERE reason = ?1 ORDER BY id DESC LIMIT ?2)",
        (refusal.reason, EVIDENCE_ROWS),
    )


def _keep_permit(connection: sqlite3.Connection, permit: Permit) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO permits VALUES (?, ?, ?, ?, ?, ?)",
        (permit.device, *permit.first, *permit.last, permit.evidence),
    )


def _keep_notes(
    connection: sqlite3.Connection, device: bytes, notes: dict[str, bytes | None]
) -> None:
    for name, value in notes.items():
        if value is None:
            connection.execute("DELETE FROM notes WHERE device = ? AND name = ?", (device, name))
        else:
            connection.execute(
                "INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", (device, name, value)
            )


def _end_commands(connection: sqlite3.Connection, batch: Batch, first: int) -> None:
    if not batch.outcomes:
        return
    by_seq = {(r.epoch, r.seq): row for row, r in enumerate(batch.records, first)}
    for outcome in batch.outcomes:
        row = by_seq[(outcome.epoch, outcome.seq)]
        end_by_outcome(connection, outcome, batch.device, row)
