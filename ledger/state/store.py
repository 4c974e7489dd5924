"""Key-value state: `MemoryState` holds it, `Overlay` collects changes until they are applied."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Protocol

MAX_KEY_BYTES = 255
"""A key's length fits one byte, which keeps the tree's leaf encoding injective."""

Changes = dict[bytes, bytes | None]
"""New value per key; None deletes."""


class StateKeyError(ValueError):
    """A key that is empty or longer than `MAX_KEY_BYTES`."""


class State(Protocol):
    """What contracts see of the state. Iteration is in ascending order of keys."""

    def get(self, key: bytes) -> bytes | None:
        """Value of `key`, or None."""

    def put(self, key: bytes, value: bytes) -> None:
        """Set `key` to `value`."""

    def delete(self, key: bytes) -> None:
        """Remove `key`; no error if it is not there."""

    def iterate(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Pairs whose key begins with `prefix`; safe to change the state meanwhile."""


def check_key(key: bytes) -> bytes:
    """Return `key` or raise `StateKeyError`."""
    if not 0 < len(key) <= MAX_KEY_BYTES:
        raise StateKeyError(f"state key of {len(key)} bytes; expected 1..{MAX_KEY_BYTES}")
    return key


class MemoryState:
    """The whole state in memory, keys sorted."""

    def __init__(self, pairs: Mapping[bytes, bytes] | None = None) -> None:
        self._values = dict(pairs or {})
        self._keys = sorted(map(check_key, self._values))

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, key: bytes) -> bytes | None:
        """Value of `key`, or None."""
        return self._values.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Set `key` to `value`."""
        if key not in self._values:
            self._keys.insert(bisect_left(self._keys, check_key(key)), key)
        self._values[key] = value

    def delete(self, key: bytes) -> None:
        """Remove `key`; no error if it is not there."""
        if self._values.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def iterate(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Pairs whose key begins with `prefix`, ascending."""
        first = bisect_left(self._keys, prefix)
        found = []
        for key in self._keys[first:]:
            if not key.startswith(prefix):
                break
            found.append((key, self._values[key]))
        return iter(found)

    def apply(self, changes: Mapping[bytes, bytes | None]) -> Changes:
        """Make `changes`; returns those that take them back."""
        undo: Changes = {}
        for key, value in changes.items():
            undo[key] = self._values.get(key)
            if value is None:
                self.delete(key)
            else:
                self.put(key, value)
        return undo

    def copy(self) -> MemoryState:
        """An independent state of the same content."""
        twin = MemoryState()
        twin._values, twin._keys = dict(self._values), list(self._keys)
        return twin


class Overlay:
    """Changes on top of `base`, which stays as it is until `flush`."""

    def __init__(self, base: State) -> None:
        self._base = base
        self._changes: Changes = {}

    def get(self, key: bytes) -> bytes | None:
        """Value of `key` with the changes made, or None."""
        return self._changes[key] if key in self._changes else self._base.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Set `key` to `value` in the overlay."""
        self._changes[check_key(key)] = value

    def delete(self, key: bytes) -> None:
        """Remove `key` in the overlay."""
        self._changes[check_key(key)] = None

    def iterate(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Pairs of both, changes first, ascending."""
        merged: dict[bytes, bytes | None] = dict(self._base.iterate(prefix))
        merged.update((k, v) for k, v in self._changes.items() if k.startswith(prefix))
        return iter(sorted((k, v) for k, v in merged.items() if v is not None))

    def changes(self) -> Changes:
        """What differs from the base, ascending; keys set to the value they had are left out."""
        return {k: v for k, v in sorted(self._changes.items()) if self._base.get(k) != v}

    def flush(self) -> None:
        """Write the changes into the base and start afresh."""
        for key, value in self.changes().items():
            if value is None:
                self._base.delete(key)
            else:
                self._base.put(key, value)
        self._changes = {}
