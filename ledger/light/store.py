"""Verified light blocks in SQLite: WAL and synchronous EXTRA, so that they survive a power cut.

    with SqliteStore(path) as store: store.save(block); store.latest(); store.prune(keep=1000)

Headers and commits are kept in their canonical protobuf form, each validator set once. A block is
checked against its hash when it is read back; the newest that were are kept in memory too, for
each proof asks for one of them. Calls are short and block; use one thread.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Any

from ledger.blocks.commit import Commit
from ledger.blocks.errors import BlockError
from ledger.blocks.header import Header
from ledger.blocks.validators import ValidatorSet
from ledger.light.errors import ConflictingHeaders, InvalidLightBlock, StoreError
from ledger.light.light_block import LightBlock

_REMEMBERED = 32
_SCHEMA = """
PRAGMA synchronous = EXTRA;
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS validator_sets (
    hash BLOB PRIMARY KEY,
    body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS light_blocks (
    height INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    header BLOB NOT NULL,
    votes BLOB NOT NULL,
    validators_hash BLOB NOT NULL REFERENCES validator_sets (hash)
);
"""
_SELECT = """
SELECT height, b.hash, header, votes, s.body
FROM light_blocks b JOIN validator_sets s ON s.hash = b.validators_hash
"""


class SqliteStore:
    """Store of :class:`LightBlock` in one file; implements ``ledger.light.client.Store``."""

    def __init__(self, path: Path, busy_timeout_s: float = 5.0) -> None:
        self._path = path
        self._recent: dict[int, LightBlock] = {}
        try:
            self._db = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None)
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise StoreError(f"{path}: cannot open as light store: {error}") from error

    def __enter__(self) -> SqliteStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def save(self, block: LightBlock) -> None:
        """Keep ``block``; another block of its height raises :class:`ConflictingHeaders`."""
        kept = self.at(block.height)
        if kept is not None:
            if kept.hash != block.hash:
                raise ConflictingHeaders(block.height, kept.hash, block.hash, "the new block")
            return
        self._write(
            [
                (
                    "INSERT OR IGNORE INTO validator_sets VALUES (?, ?)",
                    (block.header.validators_hash, block.validators.encode()),
                ),
                (
                    "INSERT INTO light_blocks VALUES (?, ?, ?, ?, ?)",
                    (
                        block.height,
                        block.hash,
                        block.header.encode(),
                        block.commit.encode(),
                        block.header.validators_hash,
                    ),
                ),
            ]
        )
        self._remember(block)

    def at(self, height: int) -> LightBlock | None:
        """Block of ``height``, if kept."""
        if (recent := self._recent.get(height)) is not None:
            return recent
        return self._read(f"{_SELECT} WHERE height = ?", height)

    def latest(self) -> LightBlock | None:
        """Block of the greatest height, if any."""
        greatest = self._row("SELECT max(height) FROM light_blocks")
        return None if greatest is None or greatest[0] is None else self.at(greatest[0])

    def lowest_above(self, height: int) -> LightBlock | None:
        """Block of the smallest kept height above ``height``, if any."""
        return self._read(f"{_SELECT} WHERE height > ? ORDER BY height LIMIT 1", height)

    def highest_below(self, height: int) -> LightBlock | None:
        """Block of the greatest kept height below ``height``, if any."""
        return self._read(f"{_SELECT} WHERE height < ? ORDER BY height DESC LIMIT 1", height)

    def prune(self, keep: int) -> None:
        """Forget all but the ``keep`` newest blocks, and the validator sets that only they used."""
        if keep < 1:
            raise ValueError("the newest block must stay: keep must be at least 1")
        self._recent.clear()
        newest = "SELECT height FROM light_blocks ORDER BY height DESC LIMIT ?"
        used = "SELECT validators_hash FROM light_blocks"
        self._write(
            [
                (f"DELETE FROM light_blocks WHERE height NOT IN ({newest})", (keep,)),
                (f"DELETE FROM validator_sets WHERE hash NOT IN ({used})", ()),
            ]
        )

    def _write(self, statements: list[tuple[str, tuple[object, ...]]]) -> None:
        """Run all ``statements`` in one transaction."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:  # commits, or rolls back on any exception
                for statement, values in statements:
                    self._db.execute(statement, values)
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: cannot write: {error}") from error

    def _read(self, query: str, *values: int) -> LightBlock | None:
        row = self._row(query, *values)
        if row is None:
            return None
        block = self._restore(*row)
        self._remember(block)
        return block

    def _row(self, query: str, *values: int) -> tuple[Any, ...] | None:
        try:
            row: tuple[Any, ...] | None = self._db.execute(query, values).fetchone()
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: cannot read: {error}") from error
        return row

    def _remember(self, block: LightBlock) -> None:
        self._recent[block.height] = block
        if len(self._recent) > _REMEMBERED:
            del self._recent[min(self._recent)]

    def _restore(
        self, height: int, block_hash: bytes, header: bytes, votes: bytes, validators: bytes
    ) -> LightBlock:
        """Decode one row and hold it against its hash: a bad disk must not become trust."""
        try:
            block = LightBlock(
                Header.decode(header), Commit.decode(votes), ValidatorSet.decode(validators)
            )
            block.check(block.header.chain_id)
        except (BlockError, InvalidLightBlock) as error:
            raise StoreError(f"{self._path}: height {height} is damaged: {error}") from error
        if block.hash != block_hash or block.height != height:
            raise StoreError(f"{self._path}: height {height} holds another block than was saved")
        return block
