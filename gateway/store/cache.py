"""What was proven from the ledger, kept for when it can't be reached; and who is where."""

from gateway.store.database import Database


class Cache:
    """Tables `ledger_cache` and `bindings`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, key: bytes, value: bytes | None, height: int) -> None:
        """Keep a proven value; None for a proven absence. An older height never wins.

        What is known already costs no write: a board is proven each minute and changes in years.
        """
        known = self.get(key)
        if known is not None and known[0] == value:
            return
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO ledger_cache VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE"
                " SET value = ?2, height = ?3 WHERE height <= ?3",
                (key, value, height),
            )

    def get(self, key: bytes) -> tuple[bytes | None, int] | None:
        """(value, height) as last proven; None if the key was never asked for."""
        row = self._database.one("SELECT value, height FROM ledger_cache WHERE key = ?", (key,))
        return (row[0], row[1]) if row else None

    def bind(self, bus: str, address: int, device: bytes, at_ms: int) -> None:
        """Remember which board answers at a place on a bus."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO bindings VALUES (?, ?, ?, ?)", (bus, address, device, at_ms)
            )

    def bound(self, bus: str, address: int) -> bytes | None:
        """The board that answered there last."""
        row = self._database.one(
            "SELECT device FROM bindings WHERE bus = ? AND address = ?", (bus, address)
        )
        return bytes(row[0]) if row else None

    def starting_with(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """Keys and proven values under `prefix`; absences are left out."""
        return self._database.all(
            "SELECT key, value FROM ledger_cache WHERE substr(key, 1, ?) = ?"
            " AND value IS NOT NULL ORDER BY key",
            (len(prefix), prefix),
        )
