"""Records that wait for the ledger, and the one transaction that is on its way there."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from gateway.store.database import Database
from gateway.store.rows import QueuedRecord
from wireformat import cbor
from wireformat.chained import Outcome

_LANDED = (
    "INSERT INTO landed SELECT device, epoch, seq FROM records WHERE id = ?"
    " ON CONFLICT (device) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq"
    " WHERE (excluded.epoch, excluded.seq) > (epoch, seq)"
)


_MAX_ROWS_BYTES = 1 << 20


@dataclass(frozen=True)
class TxInFlight:
    """A signed transaction that stays the same, byte for byte, until a block holds it.

    `records`: for each of its rows the record's row in the store, or 0; `batched`: the rows in the
    store of those that only a root stands for.
    """

    hash: bytes
    nonce: int
    data: bytes
    records: tuple[int, ...]
    batched: tuple[int, ...] = ()


@dataclass(frozen=True)
class Anchor:
    """`count` records of a board from (epoch, first_seq) on, whose root is in transaction `tx`.

    `whole`: it is one record, and stands there itself.
    """

    device: bytes
    epoch: int
    first_seq: int
    count: int
    tx: bytes
    whole: bool = False


class Outbox:
    """Tables `outbox`, `landed` and `tx_in_flight`.

    Records of one device leave in their order, because the ledger follows their chain; devices
    with an outcome among their records go first.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def __len__(self) -> int:
        row = self._database.one("SELECT count(*) FROM outbox")
        return int(row[0]) if row else 0

    def outcomes(self) -> int:
        """How many outcomes of commands wait."""
        row = self._database.one("SELECT count(*) FROM outbox WHERE outcome = 1")
        return int(row[0]) if row else 0

    def next(self, most: int, without: Collection[bytes] = ()) -> list[QueuedRecord]:
        """The `most` records that should go next, leaving out some devices.

        Reads no more rows than it may return, however many wait.
        """
        chosen = self._urgent(most, without)
        if len(chosen) < most:
            marks = ", ".join("?" * len(without))
            rows = self._database.all(
                f"SELECT record FROM outbox WHERE device NOT IN ({marks}) ORDER BY record LIMIT ?",
                (*without, most + len(chosen)),
            )
            known = set(chosen)
            chosen += [row for (row,) in rows if row not in known][: most - len(chosen)]
        found = {record.id: record for record in self.places(chosen)}
        # Another process may look while the gateway clears away what has landed.
        if chosen and not found:
            return self.next(most, without)
        return [found[row] for row in chosen if row in found]

    def _urgent(self, most: int, without: Collection[bytes]) -> list[int]:
        """Rows up to each device's last waiting outcome: with what must precede it."""
        urgent: list[int] = []
        for device, upto in self._database.all(
            "SELECT device, max(record) FROM outbox WHERE outcome = 1 GROUP BY device"
        ):
            if device not in without:
                urgent += self._leading_to(device, upto, most)
        return sorted(urgent)[:most]

    def _leading_to(self, device: bytes, record: int, most: int) -> list[int]:
        """The first waiting records of `device` up to `record`, along its chain.

        Where what has landed ends is only where to begin looking: too early costs time, no more.
        """
        landed = self._database.one("SELECT epoch, seq FROM landed WHERE device = ?", (device,))
        rows = self._database.all(
            # CROSS: the chain leads, whatever a planner thinks of a long backlog.
            "SELECT r.id FROM records r CROSS JOIN outbox o ON o.record = r.id"
            " WHERE r.device = ? AND (r.epoch, r.seq) > (?, ?)"
            " AND (r.epoch, r.seq) <= (SELECT epoch, seq FROM records WHERE id = ?)"
            " ORDER BY r.epoch, r.seq LIMIT ?",
            (device, *(landed or (-1, -1)), record, most),
        )
        return [row for (row,) in rows]

    def requeue(self, device: bytes, after: tuple[int, int]) -> int:
        """Let all records of `device` behind a place wait again; returns how many that adds.

        For a ledger that was restored from a backup, or lost its blocks: it tells how far its
        chain goes, and what it lacks is still here.
        """
        with self._database.write() as connection:
            connection.execute("DELETE FROM landed WHERE device = ?", (device,))
            connection.execute("INSERT INTO landed VALUES (?, ?, ?)", (device, *after))
            cursor = connection.execute(
                "INSERT OR IGNORE INTO outbox SELECT id, device, code = ? FROM records"
                " WHERE device = ? AND (epoch, seq) > (?, ?)",
                (Outcome.CODE, device, *after),
            )
            return cursor.rowcount

    def next_nonce(self, least: int) -> int:
        """A nonce above all given out before, persisted before it is used; at least `least`."""
        with self._database.write() as connection:
            row = connection.execute("SELECT value FROM numbers WHERE name = 'nonce'").fetchone()
            nonce = max(least, (row[0] if row else 0) + 1)
            connection.execute("INSERT OR REPLACE INTO numbers VALUES ('nonce', ?)", (nonce,))
            return nonce

    def launch(self, tx: TxInFlight) -> None:
        """Keep `tx` before it is sent, so that a restart sends the same bytes again."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO tx_in_flight VALUES (1, ?, ?, ?, ?)",
                (tx.hash, tx.nonce, tx.data, cbor.encode([list(tx.records), list(tx.batched)])),
            )

    def in_flight(self) -> TxInFlight | None:
        """The transaction that waits for its block."""
        row = self._database.one("SELECT hash, nonce, data, records FROM tx_in_flight")
        if row is None:
            return None
        rows = cbor.decode(row[3], _MAX_ROWS_BYTES)
        assert isinstance(rows, list)
        # One list of numbers: written by a version that knew no batches.
        both = rows if len(rows) == 2 and all(isinstance(part, list) for part in rows) else [rows]
        return TxInFlight(row[0], row[1], row[2], *map(tuple, both))

    def landed(self, done: Iterable[int], anchors: Iterable[Anchor] = ()) -> None:
        """The transaction in flight had its effect: the records `done` wait no more."""
        with self._database.write() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO anchors VALUES (?, ?, ?, ?, ?, ?)",
                [(a.device, a.epoch, a.first_seq, a.count, a.tx, a.whole) for a in anchors],
            )
            rows = [(row,) for row in done]
            connection.executemany(_LANDED, rows)
            connection.executemany("DELETE FROM outbox WHERE record = ?", rows)
            connection.execute("DELETE FROM tx_in_flight")

    def places(self, records: Iterable[int]) -> list[QueuedRecord]:
        """Records of the outbox by their rows; those that wait no more are left out."""
        wanted = list(records)
        marks = ", ".join("?" * len(wanted))
        rows = self._database.all(
            "SELECT r.id, r.device, r.epoch, r.seq, r.code, r.data FROM records r"
            f" JOIN outbox o ON o.record = r.id WHERE r.id IN ({marks}) ORDER BY r.id",
            wanted,
        )
        return [QueuedRecord(*row) for row in rows]

    def anchor(self, device: bytes, epoch: int, seq: int) -> Anchor | None:
        """How a record got on the ledger; None if it did not, or no batches were made then."""
        row = self._database.one(
            "SELECT device, epoch, first_seq, count, tx, whole FROM anchors"
            " WHERE device = ? AND epoch = ? AND first_seq <= ? ORDER BY first_seq DESC LIMIT 1",
            (device, epoch, seq),
        )
        found = Anchor(*row) if row else None
        return found if found and seq < found.first_seq + found.count else None

    def abandon(self) -> None:
        """Forget the transaction in flight; its records wait again."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM tx_in_flight")
