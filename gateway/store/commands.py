"""Commands on their way to boards. Each ends as done, refused or expired, and says so once."""

import sqlite3
from collections.abc import Iterable

from gateway.store.database import Database
from gateway.store.rows import OpenCommand
from wireformat import codes, cose
from wireformat.chained import Outcome
from wireformat.control import Command

ENDED = ("done", "refused", "expired")


class Commands:
    """Tables `commands` and `foretold`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, command: Command, data: bytes, at_ms: int) -> bool:
        """Keep a proven command; False if it is known already."""
        with self._database.write() as connection:
            cursor = connection.execute(
                "INSERT OR IGNORE INTO commands (id, device, counter, expires_s, data, state,"
                " seen_ms) VALUES (?, ?, ?, ?, ?, 'open', ?)",
                (command.id, command.target, command.counter, command.expires_s, data, at_ms),
            )
            added = cursor.rowcount == 1
            if added:
                _adopt_outcome(connection, command)
            return added

    def known(self, command_id: bytes) -> bool:
        """Whether a command of this id is kept, ended or not."""
        return self._database.one("SELECT 1 FROM commands WHERE id = ?", (command_id,)) is not None

    def open(self) -> list[OpenCommand]:
        """Commands that have not ended, in the order in which their boards must get them."""
        rows = self._database.all(
            "SELECT id, device, counter, expires_s, data, state, attempts FROM commands"
            " WHERE state IN ('open', 'delivered') ORDER BY device, counter"
        )
        return [OpenCommand(*row) for row in rows]

    def attempted(self, command_id: bytes, reason: int = codes.R_NONE) -> None:
        """Count a delivery that the board has not accepted, with its reason."""
        self._update("attempts = attempts + 1, reason = ?", (reason,), command_id)

    def delivered(self, command_id: bytes, at_ms: int) -> None:
        """The board holds the command; its outcome is to come, or was read ahead already."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE commands SET state = iif(state = 'open', 'delivered', state),"
                " attempts = attempts + 1, delivered_ms = ? WHERE id = ? AND delivered_ms IS NULL",
                (at_ms, command_id),
            )

    def expire(self, command_id: bytes, at_ms: int) -> None:
        """End a command whose time ran out without an outcome."""
        self._update("state = 'expired', ended_ms = ?", (at_ms,), command_id)

    def awaited(self, device: bytes) -> set[bytes]:
        """Ids of the board's commands that have not ended."""
        rows = self._database.all(
            "SELECT id FROM commands WHERE device = ? AND state IN ('open', 'delivered')", (device,)
        )
        return {bytes(row[0]) for row in rows}

    def foretell(self, device: bytes, outcome: Outcome, data: bytes) -> None:
        """End a command by an outcome, signature verified, whose turn in its chain is to come."""
        with self._database.write() as connection:
            cursor = connection.execute(
                "UPDATE commands SET state = ?, reason = ?, ended_ms = ?"
                " WHERE id = ? AND device = ? AND outcome IS NULL",
                (*_end(outcome), outcome.command_id, device),
            )
            if cursor.rowcount:
                connection.execute(
                    "INSERT OR REPLACE INTO foretold VALUES (?, ?)", (outcome.command_id, data)
                )

    def foretold(self, most: int) -> list[bytes]:
        """Signed outcomes that the ledger has not heard yet."""
        rows = self._database.all("SELECT data FROM foretold ORDER BY command LIMIT ?", (most,))
        return [bytes(row[0]) for row in rows]

    def heard(self, outcomes: Iterable[bytes]) -> None:
        """The ledger has these."""
        with self._database.write() as connection:
            rows = [(data,) for data in outcomes]
            connection.executemany("DELETE FROM foretold WHERE data = ?", rows)

    def counts(self) -> dict[str, int]:
        """Commands by state."""
        sql = "SELECT state, count(*) FROM commands GROUP BY state ORDER BY state"
        return dict(self._database.all(sql))

    def deliveries(self) -> list[tuple[bytes, int, int, int]]:
        """(id, when it was kept, when its board had done it, attempts) of all that were taken."""
        sql = (
            "SELECT id, seen_ms, delivered_ms, attempts FROM commands"
            " WHERE delivered_ms IS NOT NULL ORDER BY seen_ms"
        )
        return self._database.all(sql)

    def _update(self, change: str, values: tuple[object, ...], command_id: bytes) -> None:
        # An outcome that came first stands: what ended is never reopened.
        with self._database.write() as connection:
            connection.execute(
                f"UPDATE commands SET {change} WHERE id = ? AND state IN ('open', 'delivered')",
                (*values, command_id),
            )


def end_by_outcome(
    connection: sqlite3.Connection, outcome: Outcome, device: bytes, row: int
) -> None:
    """Record how `outcome`, stored as `row`, ends its command; a board's word beats a timer."""
    connection.execute(
        "UPDATE commands SET state = ?, reason = ?, ended_ms = ?, outcome = ?"
        " WHERE id = ? AND device = ? AND outcome IS NULL",
        (*_end(outcome), row, outcome.command_id, device),
    )


def _end(outcome: Outcome) -> tuple[str, int, int]:
    """State, reason and time."""
    return codes.OUTCOME_STATUS.get(outcome.status, "refused"), outcome.reason, outcome.at_ms


def _adopt_outcome(connection: sqlite3.Connection, command: Command) -> None:
    """End a command whose outcome was collected before the command itself was seen here.

    Happens when another gateway carried it, or when this one's database was replaced.
    """
    rows = connection.execute(
        # The code stands in the text, not as a value: only then is the index on outcomes used.
        f"SELECT id, data FROM records WHERE device = ? AND code = {Outcome.CODE}"
        " ORDER BY id DESC LIMIT 256",
        (command.target,),
    ).fetchall()
    for row, data in rows:
        outcome = outcome_of(data)
        if outcome.command_id == command.id:
            end_by_outcome(connection, outcome, command.target, row)
            return


def outcome_of(data: bytes) -> Outcome:
    """The outcome in a stored, and so verified, record."""
    outcome: Outcome = Outcome.from_payload(cose.split(data).payload)
    return outcome
