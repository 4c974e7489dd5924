"""One SQLite connection with the durability that acks rest on."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.store.errors import StoreError, StoreNewer, StoreUnavailable, named
from gateway.store.tables import MIGRATIONS, VERSION

Row = tuple[Any, ...]

STORE_FILE = "gateway.db"
"""In the gateway's data folder."""

CACHE_KIB = 16_384
"""Pages kept in memory: each board of a thousand has one of its own where its chain grows."""

LOG_PAGES = 16_384
"""At so many pages of log (64 MiB) a commit copies them itself, if `Checkpointer` has not."""

ENOUGH_ROWS = 4000
"""Rows changed until `grown` is set: about 16 MB of log in small commits."""

_ROWS_OF_A_COMMIT = 4
"""What each commit changes besides, whatever it is about."""

BUSY_TIMEOUT_MS = 2000
"""How long a write waits, in wall time, for another process's lock before `StoreLocked`."""


class Database:
    """Transactions that are durable once they return, with SQLite's errors named.

    One lock serialises use, so that worker threads may share it.
    """

    def __init__(self, path: Path, readonly: bool = False) -> None:
        self.path = path
        self._readonly = readonly
        self._lock = threading.RLock()
        self._connection = self._open()
        self._commits = self._copied_rows = 0
        self.grown = threading.Event()

    def close(self) -> None:
        """Close; committed transactions stay."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is on the medium afterwards, or nothing is."""
        with self._lock, self._named():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
                self._count()
            except BaseException:
                # SQLite has rolled back by itself after some errors.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _count(self) -> None:
        """Tell when the log holds enough to be worth copying (see `checkpoint`)."""
        self._commits += 1
        rows = self._connection.total_changes - self._copied_rows
        if rows + _ROWS_OF_A_COMMIT * self._commits >= ENOUGH_ROWS:
            self.grown.set()

    @contextmanager
    def another(self) -> Iterator[sqlite3.Connection]:
        """A connection beside this one, for a thread of its own."""
        with self._named():
            connection = sqlite3.connect(self.path, isolation_level=None)
            try:
                connection.execute("PRAGMA synchronous = FULL")
                yield connection
            finally:
                connection.close()

    @contextmanager
    def still(self) -> Iterator[None]:
        """Nobody writes meanwhile; `grown` begins anew."""
        with self._lock:
            yield
            self._commits, self._copied_rows = 0, self._connection.total_changes
            self.grown.clear()

    def all(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows of a query."""
        with self._lock, self._named():
            return self._connection.execute(sql, values).fetchall()

    def one(self, sql: str, values: Sequence[object] = ()) -> Row | None:
        """The first row of a query, or None."""
        rows = self.all(sql, values)
        return rows[0] if rows else None

    def stream(self, sql: str, values: Sequence[object] = ()) -> Iterator[Row]:
        """Rows of a query as they are read: for long ones on a read-only database."""
        with self._named():
            yield from self._connection.execute(sql, values)

    def copy_to(
        self, target: sqlite3.Connection, pages: int, told: Callable[[int, int], None]
    ) -> None:
        """Copy all pages of one moment; `told` hears (pages copied, pages in all)."""
        with self._named():
            self._connection.backup(
                target, pages=pages, progress=lambda _, left, total: told(total - left, total)
            )

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise named(error, str(self.path)) from error

    def _open(self) -> sqlite3.Connection:
        with self._named():
            uri = f"{self.path.absolute().as_uri()}?mode={'ro' if self._readonly else 'rwc'}"
            connection = sqlite3.connect(
                uri, uri=True, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA foreign_keys = ON")
        if not self._readonly:
            # Acks leave after COMMIT returns, so COMMIT must mean fsync. EXTRA: and a file's first
            # change goes through a rollback journal, whose end must be on the medium before what
            # is written into the log, or a power cut brings it back and takes all that back.
            connection.execute("PRAGMA synchronous = EXTRA")
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            if mode != "wal":
                raise StoreUnavailable(f"journal mode {mode}, not WAL", str(self.path))
            connection.execute(f"PRAGMA cache_size = {-CACHE_KIB}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
            self._migrate(connection)
        self._check_version(connection)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            for number in range(version, VERSION):
                _run_script(connection, MIGRATIONS[number])
            if version < VERSION:
                connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _check_version(self, connection: sqlite3.Connection) -> None:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            raise StoreNewer(f"version {version}, this program knows {VERSION}", str(self.path))
        if version < VERSION:
            raise StoreError(
                f"version {version}, expected {VERSION}",
                str(self.path),
                "start the gateway once: it brings the file up to date",
            )


def _run_script(connection: sqlite3.Connection, script: str) -> None:
    """Run `script` inside the open transaction (executescript would commit it)."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
