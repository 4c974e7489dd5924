"""Small values that survive a power cut, over `esp32.NVS`.

Keys: seed (32 B), epoch (i32), counter (8 B, highest command counter), pending (command that was
begun), cert<role> (48 B), acked (24 B), gap (16 B, evicted and not yet announced), regs (12 B a
channel); of the breaker, i32: lockout, trips (since it last stayed closed), cause (of the trip
that keeps it open); drift (i32, ppm); of BLE: passkey (i32), bond<n>.
Each value is atomic by itself. A chip writes them one by one as they are set, so that a power cut
may come between two, and what was set may stay without its commit.
"""

from core.errors import StorageError

NAMESPACE = "tw"
_BLOB_MAX = 128


class Store:
    """Typed access to one NVS namespace. Reads give a default for what is absent."""

    def __init__(self, nvs: object) -> None:
        self._nvs = nvs
        self._buffer = bytearray(_BLOB_MAX)

    def number(self, key: str, default: int = 0) -> int:
        """The 32-bit integer under `key`."""
        try:
            return self._nvs.get_i32(key)
        except OSError:
            return default

    def blob(self, key: str) -> bytes:
        """The bytes under `key` (at most 128), empty if absent."""
        try:
            size = self._nvs.get_blob(key, self._buffer)
        except OSError:
            return b""
        return bytes(self._buffer[:size])

    def uint(self, key: str) -> int:
        """An unsigned 64-bit integer kept as a blob."""
        return int.from_bytes(self.blob(key), "big")

    def put(self, **values: object) -> None:
        """Set values (int: i32, bytes: blob, None: erase) without committing them.

        Raises `StorageError`.
        """
        for key, value in values.items():
            try:
                if value is None:
                    self._erase(key)
                elif isinstance(value, int):
                    self._nvs.set_i32(key, value)
                else:
                    self._nvs.set_blob(key, value)
            except OSError as error:
                raise StorageError("can't set: %s" % error, "NVS key " + key, "replace the board")

    def commit(self, **values: object) -> None:
        """Set `values` and make all that was set durable. Raises `StorageError`."""
        self.put(**values)
        try:
            self._nvs.commit()
        except OSError as error:
            raise StorageError("can't commit: %s" % error, "NVS", "replace the board")

    def _erase(self, key: str) -> None:
        try:
            self._nvs.erase_key(key)
        except OSError:
            pass  # it was not there
