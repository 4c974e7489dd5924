"""The chain on disk: SQLite, WAL, synchronous EXTRA. One transaction a block, all or nothing.

Tables: `blocks` (block, commit, results), `txs` (id -> place), `commands` (signed, by intent id),
`state` (after the last block), `undo` (how to get the state before it), `meta`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger.blocks import Block, BlockError, Commit
from ledger.contracts.app import Finalized
from ledger.engine.errors import GenesisMismatch, StoreCorrupt, StoreFailed
from ledger.engine.results_codec import decode_results, encode_results
from ledger.state.store import Changes
from ledger.tx import tx_id

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE blocks (
    height INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE,
    block BLOB NOT NULL, "commit" BLOB NOT NULL, results BLOB NOT NULL) STRICT;
CREATE TABLE txs (
    id BLOB PRIMARY KEY, height INTEGER NOT NULL, position INTEGER NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE commands (
    id BLOB PRIMARY KEY, height INTEGER NOT NULL, position INTEGER NOT NULL,
    command BLOB NOT NULL) WITHOUT ROWID, STRICT;
CREATE INDEX commands_by_height ON commands (height);
CREATE TABLE state (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE undo (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID, STRICT;
"""
SCHEMA_VERSION = 1
BUSY_TIMEOUT_S = 5.0


def _uri(path: Path, mode: str) -> str:
    return f"{path.resolve().as_uri()}?mode={mode}"


@dataclass(frozen=True, slots=True)
class SignedCommand:
    """A command of the authority for the intent `id`, event `position` of block `height`."""

    id: bytes
    height: int
    position: int
    command: bytes


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """One block with its votes and results."""

    block: Block
    commit: Commit
    done: Finalized


class ChainDb:
    """One connection. Opened for writing it belongs to one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    def create(cls, path: Path, genesis_id: bytes, state: Mapping[bytes, bytes | None]) -> None:
        """Make the database of a chain before its first block, unless it is there."""
        db = cls._connect(path, _uri(path, "rwc"))
        with db._named(), db._transaction():
            if db._has_schema():
                return
            for statement in _SCHEMA.split(";"):
                db._connection.execute(statement)
            db._connection.execute("INSERT INTO meta VALUES ('genesis', ?)", (genesis_id,))
            db._connection.executemany("INSERT INTO state VALUES (?, ?)", sorted(state.items()))
            db._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.close()

    @classmethod
    def open(cls, path: Path, genesis_id: bytes, *, readonly: bool = False) -> ChainDb:
        """Open a database that `create` made for this genesis."""
        if not path.is_file():
            raise StoreFailed(f"{path}: no database; the first `truewatt ledger run` makes it")
        db = cls._connect(path, _uri(path, "ro" if readonly else "rw"))
        with db._named():
            if not db._has_schema():
                raise StoreCorrupt(f"{path}: not a chain database of version {SCHEMA_VERSION}")
            row = db._connection.execute("SELECT value FROM meta WHERE key = 'genesis'").fetchone()
        if row is None or row[0] != genesis_id:
            raise GenesisMismatch(f"{path}: made for another genesis than the one beside it")
        return db

    @classmethod
    def _connect(cls, path: Path, uri: str) -> ChainDb:
        try:
            connection = sqlite3.connect(
                uri, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S
            )
            if "mode=ro" not in uri:
                # EXTRA, and first: the rollback journal that turns the file to WAL must be gone
                # for good before anything is in the log, or a power cut brings it back.
                connection.execute("PRAGMA synchronous = EXTRA")
                connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.Error as error:
            raise StoreFailed(f"{path}: {error}") from error
        return cls(connection, path)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Read one state of the database throughout, whatever others write meanwhile."""
        with self._named():
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    def _has_schema(self) -> bool:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        return bool(version == SCHEMA_VERSION)

    def height(self) -> int:
        """Height of the last block, 0 before the first."""
        with self._named():
            row = self._connection.execute("SELECT max(height) FROM blocks").fetchone()
        return row[0] or 0

    def save(
        self, stored: StoredBlock, commands: list[SignedCommand], changes: Changes, undo: Changes
    ) -> None:
        """Make a block lasting with everything that follows from it; on disk when this returns."""
        with self._named(), self._transaction():
            header = stored.block.header
            parts = (stored.block.encode(), stored.commit.encode(), encode_results(stored.done))
            run = self._connection.execute
            run("INSERT INTO blocks VALUES (?, ?, ?, ?, ?)", (header.height, header.hash(), *parts))
            for position, tx in enumerate(stored.block.txs):
                run(
                    "INSERT OR REPLACE INTO txs VALUES (?, ?, ?)",
                    (tx_id(tx), header.height, position),
                )
            for c in commands:
                run(
                    "INSERT INTO commands VALUES (?, ?, ?, ?)",
                    (c.id, c.height, c.position, c.command),
                )
            self._save_state(changes, undo)

    def _save_state(self, changes: Changes, undo: Changes) -> None:
        run = self._connection.execute
        for key, value in changes.items():
            if value is None:
                run("DELETE FROM state WHERE key = ?", (key,))
            else:
                run("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))
        run("DELETE FROM undo")
        self._connection.executemany("INSERT INTO undo VALUES (?, ?)", sorted(undo.items()))

    def block(self, height: int) -> StoredBlock | None:
        """Block of `height` with its votes and results, or None."""
        with self._named():
            row = self._connection.execute(
                'SELECT block, "commit", results FROM blocks WHERE height = ?', (height,)
            ).fetchone()
        if row is None:
            return None
        try:
            return StoredBlock(Block.decode(row[0]), Commit.decode(row[1]), decode_results(row[2]))
        except (BlockError, ValueError, TypeError) as error:
            raise StoreCorrupt(f"{self._path}: block {height}: {error}") from error

    def block_hash(self, height: int) -> bytes | None:
        """Hash that the index has for `height`, or None."""
        return self._value("SELECT hash FROM blocks WHERE height = ?", height)

    def height_of(self, block_hash: bytes) -> int | None:
        """Height of the block of that hash, or None."""
        with self._named():
            row = self._connection.execute(
                "SELECT height FROM blocks WHERE hash = ?", (block_hash,)
            ).fetchone()
        return row[0] if row else None

    def tx_place(self, identifier: bytes) -> tuple[int, int] | None:
        """Height and position of a transaction's last inclusion, or None."""
        with self._named():
            row = self._connection.execute(
                "SELECT height, position FROM txs WHERE id = ?", (identifier,)
            ).fetchone()
        return (row[0], row[1]) if row else None

    def command(self, identifier: bytes) -> bytes | None:
        """The signed command of an intent, or None."""
        return self._value("SELECT command FROM commands WHERE id = ?", identifier)

    def commands_at(self, height: int) -> list[SignedCommand]:
        """A block's signed commands in the order of their events."""
        query = "SELECT * FROM commands WHERE height = ? ORDER BY position"
        with self._named():
            return [SignedCommand(*row) for row in self._connection.execute(query, (height,))]

    def counts(self) -> dict[str, int]:
        """Rows of blocks, txs and commands."""
        with self._named():
            return {
                table: self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("blocks", "txs", "commands")
            }

    def state(self) -> dict[bytes, bytes]:
        """The state after the last block."""
        with self._named():
            return dict(self._connection.execute("SELECT key, value FROM state"))

    def undo(self) -> Changes:
        """What turns that state into the one before the last block."""
        with self._named():
            return dict(self._connection.execute("SELECT key, value FROM undo"))

    def _value(self, query: str, key: int | bytes) -> bytes | None:
        with self._named():
            row = self._connection.execute(query, (key,)).fetchone()
        return row[0] if row else None

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreFailed(f"{self._path}: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
