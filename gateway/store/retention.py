"""Old records make room, oldest first, in slices so short that no commit of readings waits.

Of a board's chain only a beginning goes: up to the last record that is older than wanted, on the
ledger, and not the head. Where it ended is kept with its hash, so that the rest can still be
followed from there.
"""

from dataclasses import dataclass

from gateway.store.database import Database

SLICE_ROWS = 200
"""Deleted in one transaction: about a millisecond on an SD card, beside its two syncs."""


@dataclass(frozen=True)
class Pruned:
    """The last record that went of a chain, its full hash, and how many went in all."""

    epoch: int
    seq: int
    hash: bytes
    count: int


class Retention:
    """Table `pruned`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pruned(self, device: bytes) -> Pruned | None:
        """Up to where a board's chain was pruned."""
        row = self._database.one(
            "SELECT epoch, seq, hash, count FROM pruned WHERE device = ?", (device,)
        )
        return Pruned(*row) if row else None

    def devices(self) -> list[bytes]:
        """Boards with records, by address."""
        rows = self._database.all("SELECT device FROM heads ORDER BY device")
        return [bytes(row[0]) for row in rows]

    def prune(self, device: bytes, before_ms: int, most: int = SLICE_ROWS) -> int:
        """Let up to `most` of a board's oldest records go; returns how many went.

        `before_ms`: only those received earlier. 0 means that nothing more may go now.
        """
        with self._database.write() as connection:
            rows = connection.execute(
                "SELECT r.id, r.epoch, r.seq, r.hash, r.received_ms,"
                " EXISTS (SELECT 1 FROM outbox o WHERE o.record = r.id)"
                " FROM records r WHERE r.device = ?1 AND (r.epoch, r.seq) <"
                " (SELECT epoch, seq FROM heads WHERE device = ?1)"
                " ORDER BY r.epoch, r.seq LIMIT ?2",
                (device, most),
            ).fetchall()
            going = []
            for row in rows:
                if row[4] >= before_ms or row[5]:
                    break
                going.append(row)
            if not going:
                return 0
            _, epoch, seq, digest, _, _ = going[-1]
            connection.execute(
                "INSERT INTO pruned VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (device)"
                " DO UPDATE SET epoch = ?2, seq = ?3, hash = ?4, count = count + ?5",
                (device, epoch, seq, digest, len(going)),
            )
            # How a command ended stays; only the link to the record that said so goes with it.
            ids = [(row[0],) for row in going]
            connection.executemany("UPDATE commands SET outcome = NULL WHERE outcome = ?", ids)
            connection.executemany("DELETE FROM records WHERE id = ?", ids)
            return len(going)
