"""Pages move from the write-ahead log into the database beside the commits, not in one of them.

Left to SQLite, every so many pages some commit copies all of them before it returns: tens of
milliseconds that an ack waits for, seconds on an SD card. Here a thread does it with a connection
of its own, and writers wait only while it copies what they added meanwhile.
"""

import contextlib
import threading

from gateway.store.database import Database
from gateway.store.errors import StoreError

GAP_WALL_S = 1.0
"""From one to the next, so that pages which each commit changes are copied once in a while."""

_COPY = "PRAGMA wal_checkpoint(PASSIVE)"


class Checkpointer:
    """Runs from its construction until `close`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stopping = threading.Event()
        self.done = 0
        self._thread = threading.Thread(target=self._run, name="checkpoint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it; a copy under way is finished."""
        self._stopping.set()
        self._database.grown.set()
        self._thread.join()

    def _run(self) -> None:
        # A log that can't be copied now is no loss: commits stay in it, and the next try comes.
        while not self._stopping.wait(GAP_WALL_S):
            self._database.grown.wait()
            if not self._stopping.is_set():
                with contextlib.suppress(StoreError):
                    copy_log(self._database)
                    self.done += 1


def copy_log(database: Database) -> None:
    """Move all pages of the log into the database, with a connection of its own."""
    with database.another() as connection:
        connection.execute(_COPY)
        with database.still():
            # All of it is copied then, so the log begins anew and doesn't grow.
            connection.execute(_COPY)
