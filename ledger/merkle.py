"""RFC 6962 Merkle tree over SHA-256, with membership proofs, as CometBFT v0.38 ``crypto/merkle``.

    root(leaves) -> bytes                      # 32 bytes; SHA-256(b"") for no leaves
    prove(leaves) -> (root, [Proof, ...])      # one proof per leaf, in order
    proof.verify(root, leaf)                   # returns None or raises MerkleError

Leaf hash: SHA-256(0x00 || leaf). Inner hash: SHA-256(0x01 || left || right). The left subtree of
``n`` leaves holds the largest power of two smaller than ``n`` (RFC 6962 section 2.1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

HASH_BYTES = 32
# Enough for 2**100 leaves; bounds the work a hostile proof can ask for (CometBFT: MaxAunts).
MAX_AUNTS = 100
EMPTY_ROOT = hashlib.sha256(b"").digest()


class MerkleError(Exception):
    """A membership proof that does not hold; the base of this module's errors."""


class MalformedProof(MerkleError):
    """A proof whose counts or lengths cannot belong to any tree."""


class LeafMismatch(MerkleError):
    """A sound-looking proof of another leaf than the one at hand."""


class RootMismatch(MerkleError):
    """A proof that leads to another root than the trusted one."""


def leaf_hash(leaf: bytes) -> bytes:
    """Hash of one leaf, 32 bytes."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def inner_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node over its two children, 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Root over ``leaves`` in the given order, 32 bytes."""
    level = [leaf_hash(leaf) for leaf in leaves]
    while len(level) > 1:
        level = _parents(level)
    return level[0] if level else EMPTY_ROOT


def _parents(level: list[bytes]) -> list[bytes]:
    """Pair neighbours; an odd last node moves up unchanged, which gives RFC 6962's split."""
    paired = [inner_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    return paired + level[-1:] if len(level) % 2 else paired


@dataclass(frozen=True, slots=True)
class Proof:
    """Membership of leaf ``index`` among ``total``; ``aunts`` go from its sibling upwards."""

    total: int
    index: int
    leaf_hash: bytes
    aunts: tuple[bytes, ...]

    def verify(self, expected_root: bytes, leaf: bytes) -> None:
        """Raise :class:`MerkleError` unless ``leaf`` stands under ``expected_root`` here."""
        self.check_shape()
        if leaf_hash(leaf) != self.leaf_hash:
            raise LeafMismatch(
                f"proof of leaf {self.index}/{self.total}: leaf hash {self.leaf_hash.hex()} is not"
                f" that of the leaf given, {leaf_hash(leaf).hex()}"
            )
        computed = self.compute_root()
        if computed != expected_root:
            raise RootMismatch(
                f"proof of leaf {self.index}/{self.total} leads to root {computed.hex()},"
                f" not to {expected_root.hex()}"
            )

    def check_shape(self) -> None:
        """Cheap checks of counts and lengths before any hashing."""
        if not 0 <= self.index < self.total:
            raise MalformedProof(f"leaf index {self.index} is not within a tree of {self.total}")
        if len(self.aunts) > MAX_AUNTS:
            raise MalformedProof(f"{len(self.aunts)} aunts; at most {MAX_AUNTS} are accepted")
        if any(len(node) != HASH_BYTES for node in (self.leaf_hash, *self.aunts)):
            raise MalformedProof(f"every hash of a proof must be {HASH_BYTES} bytes")

    def compute_root(self) -> bytes:
        """Root that this proof leads to, 32 bytes; raises :class:`MalformedProof`."""
        node, index, last = self.leaf_hash, self.index, self.total - 1
        aunts = iter(self.aunts)
        try:
            while last > 0:
                if index % 2:
                    node = inner_hash(next(aunts), node)
                elif index < last:
                    node = inner_hash(node, next(aunts))
                index, last = index // 2, last // 2
        except StopIteration:
            raise MalformedProof(f"too few aunts ({len(self.aunts)}) for {self.total}") from None
        if next(aunts, None) is not None:
            raise MalformedProof(f"too many aunts ({len(self.aunts)}) for {self.total} leaves")
        return node


def prove(leaves: Sequence[bytes]) -> tuple[bytes, list[Proof]]:
    """Root and one membership proof per leaf, in the order of ``leaves``."""
    levels = [[leaf_hash(leaf) for leaf in leaves]]
    while len(levels[-1]) > 1:
        levels.append(_parents(levels[-1]))
    total = len(leaves)
    proofs = [Proof(total, i, levels[0][i], _aunts(levels, i)) for i in range(total)]
    return (levels[-1][0] if total else EMPTY_ROOT), proofs


def _aunts(levels: list[list[bytes]], index: int) -> tuple[bytes, ...]:
    aunts = []
    for level in levels[:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            aunts.append(level[sibling])
        index //= 2
    return tuple(aunts)
