"""Many rows in few statements.

Python's `sqlite3` gives the interpreter away with each step of a statement and must then wait for
it again: with `executemany` that is once a row, and as long as a busy event loop likes. A statement
of 64 rows does it once.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain

SIZES = (64, 8, 1)
"""Rows in one statement: few sizes, so that all of them stay prepared."""


class Bulk:
    """A statement with a list of rows in it: `before`, the rows, `behind`."""

    def __init__(self, before: str, columns: int, behind: str = "") -> None:
        row = f"({', '.join('?' * columns)})"
        self._sql = {size: f"{before} {', '.join([row] * size)} {behind}" for size in SIZES}

    def run(
        self, connection: sqlite3.Connection, rows: Sequence[Iterable[object]]
    ) -> list[sqlite3.Cursor]:
        """Execute it for all `rows`; the cursor of each statement."""
        done, at = [], 0
        for size in SIZES:
            sql = self._sql[size]
            while len(rows) - at >= size:
                values = tuple(chain.from_iterable(rows[at : at + size]))
                done.append(connection.execute(sql, values))
                at += size
        return done

    def total(self, connection: sqlite3.Connection, rows: Sequence[Iterable[object]]) -> int:
        """The sum of what each statement, a query for one number, finds."""
        return sum(cursor.fetchone()[0] for cursor in self.run(connection, rows))
