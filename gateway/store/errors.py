"""What can go wrong with the store; the loop goes on and boards keep what isn't acked."""

import sqlite3

from gateway.errors import GatewayError

_RESULT_MASK = 0xFF  # the low byte of an extended result code (sqlite.org/rescode.html)


class StoreError(GatewayError):
    """The store can't do what was asked; nothing of the transaction took effect."""

    code = "store_error"


class StoreFull(StoreError):
    """No room left for a commit."""

    code = "store_full"
    todo = "free space on this file system; boards keep their records until then"


class StoreLocked(StoreError):
    """Another process holds the database's write lock."""

    code = "store_locked"
    todo = "end the other process that writes to it (a second gateway, an open sqlite3 shell)"


class StoreCorrupt(StoreError):
    """The file is no sound SQLite database of ours."""

    code = "store_corrupt"
    todo = (
        "stop the gateway, move the file and its -wal and -shm away as evidence, then start "
        "again or restore a copy: boards resend what they still hold"
    )


class StoreNewer(StoreError):
    """The file was written by a later version."""

    code = "store_newer"
    todo = "run the version that wrote it, or a later one"


class StoreUnavailable(StoreError):
    """The file can't be opened, read or written for another reason of the system."""

    code = "store_unavailable"
    todo = "check that the folder exists, its owner and rights, and the medium's health"


class StoreConflict(StoreError):
    """Another way to the same board brought its records first; these are judged anew."""

    code = "store_conflict"
    todo = "nothing: the board's records are asked for again"


_BY_RESULT: dict[int, type[StoreError]] = {
    sqlite3.SQLITE_FULL: StoreFull,
    sqlite3.SQLITE_BUSY: StoreLocked,
    sqlite3.SQLITE_LOCKED: StoreLocked,
    sqlite3.SQLITE_CORRUPT: StoreCorrupt,
    sqlite3.SQLITE_NOTADB: StoreCorrupt,
}


def named(error: sqlite3.Error, path: str) -> StoreError:
    """The store's own error for SQLite's."""
    result = getattr(error, "sqlite_errorcode", None) or 0
    kind = _BY_RESULT.get(result & _RESULT_MASK, StoreUnavailable)
    return kind(str(error), path)
