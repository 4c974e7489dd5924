"""A whole copy of the store while the gateway runs, and the way back.

Made by SQLite's online back-up, so that it is one moment of the database; on the medium before it
gets its name; checked before anybody relies on it. Records that the boards still hold and that a
copy lacks come again by themselves: their acks are behind the copy's heads.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from gateway.keep.errors import BackupExists, BackupUnsound, StoreInPlace
from gateway.store import Store, StoreError

PAGES_A_STEP = 256
"""One MiB between two looks at who else wants the database."""

Told = Callable[[int, int], None]


def back_up(source: Path, target: Path, told: Told = lambda done, total: None) -> None:
    """Copy the store at `source`, which may be in use, to the new file `target`.

    Raises BackupExists, BackupUnsound or a StoreError; then `target` does not exist.
    """
    if target.exists():
        raise BackupExists("is there already", str(target))
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        _copy(source, part, told)
        check(part)
        _sync(part)
        part.rename(target)
        _sync(target.parent)
    finally:
        part.unlink(missing_ok=True)


def restore(backup: Path, target: Path) -> None:
    """Put a checked copy of `backup` where a gateway's store belongs.

    Raises StoreInPlace if one is there, BackupUnsound if the copy is not whole.
    """
    if target.exists():
        raise StoreInPlace("a store is there", str(target))
    check(backup)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        shutil.copyfile(backup, part)
        part.chmod(0o600)
        _sync(part)
        part.rename(target)
        _sync(target.parent)
    finally:
        part.unlink(missing_ok=True)


def check(path: Path) -> None:
    """Raise BackupUnsound unless `path` is a whole store of this version or an older one."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            answer = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            connection.execute("SELECT count(*) FROM heads").fetchone()
            connection.execute("SELECT max(id) FROM records").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise BackupUnsound(str(error), str(path)) from error
    if answer != "ok":
        raise BackupUnsound(str(answer), str(path))


def _copy(source: Path, part: Path, told: Told) -> None:
    store = Store.open_readonly(source)
    try:
        with sqlite3.connect(part) as copy:
            store.database.copy_to(copy, PAGES_A_STEP, told)
            # One file to carry away: no -wal beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
        copy.close()
    except sqlite3.Error as error:
        raise StoreError(str(error), str(part)) from error
    finally:
        store.close()
    part.chmod(0o600)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
