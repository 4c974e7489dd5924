"""RFC 6962 tree over the sorted leaves of the state, recomputed only where it changed.

Leaf of (key, value): one byte of key length, the key, SHA-256(value). The length makes it
injective; hashing the value keeps proofs about a neighbour short. The root is `ledger.merkle`'s
over these leaves, so any RFC 6962 library can check a proof.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping

from ledger import merkle
from ledger.state.proof import Leaf, StateProof, leaf_bytes
from ledger.state.store import State


class StateTree:
    """Leaves and inner nodes of one state. Updating one of n values costs about log2(n) hashes."""

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self._keys: list[bytes] = []
        self._value_hashes: list[bytes] = []
        self._levels: list[list[bytes]] = [[]]
        self.update(dict(pairs))

    @classmethod
    def of(cls, state: State) -> StateTree:
        """Tree of everything in `state`."""
        return cls(state.iterate(b""))

    @property
    def root(self) -> bytes:
        """32 bytes; SHA-256 of nothing for an empty state."""
        return self._levels[-1][0] if self._keys else merkle.EMPTY_ROOT

    def copy(self) -> StateTree:
        """An independent tree of the same state."""
        twin = StateTree()
        twin._keys, twin._value_hashes = list(self._keys), list(self._value_hashes)
        twin._levels = [list(level) for level in self._levels]
        return twin

    def update(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Follow the state through `changes` (None deletes)."""
        dirty: set[int] = set()
        # Everything from here on moved, because a leaf was inserted or removed.
        moved = len(self._keys)
        for key, value in sorted(changes.items(), reverse=True):
            at = bisect_left(self._keys, key)
            is_there = at < len(self._keys) and self._keys[at] == key
            if value is None:
                if is_there:
                    del self._keys[at], self._value_hashes[at], self._levels[0][at]
                    moved = at
                continue
            value_hash = hashlib.sha256(value).digest()
            node = merkle.leaf_hash(leaf_bytes(key, value_hash))
            if is_there:
                self._value_hashes[at], self._levels[0][at] = value_hash, node
                dirty.add(at)
            else:
                self._keys.insert(at, key)
                self._value_hashes.insert(at, value_hash)
                self._levels[0].insert(at, node)
                moved = at
        # Keys went in descending order: a position noted earlier lies beyond `moved` if it shifted.
        self._rehash({at for at in dirty if at < moved}, moved)

    def _rehash(self, dirty: set[int], moved: int) -> None:
        depth = 0
        while len(self._levels[depth]) > 1:
            below = self._levels[depth]
            if depth + 1 == len(self._levels):
                self._levels.append([])
            # A node's sibling may be new or gone, so the pair that holds `moved - 1` counts too.
            moved = max(moved - 1, 0) // 2
            dirty = {at // 2 for at in dirty if at // 2 < moved}
            above = self._levels[depth + 1]
            for at in dirty:
                above[at] = merkle.inner_hash(below[2 * at], below[2 * at + 1])
            del above[moved:]
            for at in range(2 * moved, len(below), 2):
                pair = below[at : at + 2]
                above.append(merkle.inner_hash(*pair) if len(pair) == 2 else pair[0])
            depth += 1
        del self._levels[depth + 1 :]

    def prove(self, key: bytes) -> StateProof:
        """Proof that `key` has its value, or that it is not there."""
        at = bisect_left(self._keys, key)
        if at < len(self._keys) and self._keys[at] == key:
            return StateProof((self._leaf(at),))
        return StateProof(tuple(self._leaf(i) for i in (at - 1, at) if 0 <= i < len(self._keys)))

    def _leaf(self, index: int) -> Leaf:
        aunts = []
        at = index
        for level in self._levels[:-1]:
            if at ^ 1 < len(level):
                aunts.append(level[at ^ 1])
            at //= 2
        proof = merkle.Proof(len(self._keys), index, self._levels[0][index], tuple(aunts))
        return Leaf(self._keys[index], self._value_hashes[index], proof)
