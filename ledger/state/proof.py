"""Proofs about the state, as a light node checks them against a header's app_hash.

    verify_proof(root, key, value, proof)       # value None: `key` is absent
    proof.encode() -> bytes                     StateProof.decode(data)

Membership is one leaf with its RFC 6962 path. Absence is the two leaves between which the key
would stand (one at either end of the order, none in an empty state), with paths that make them
neighbours. That they are neighbours needs no trusted leaf count: two index-adjacent paths of any
claimed count turn apart at one node, then keep right and left respectively, and the real tree has
the same turns, because inner nodes and leaves are hashed apart. (docs/adr/0051.)

StateProofError
+- MalformedStateProof    not the encoding of a proof, or a shape that proves nothing
+- WrongStateProof        well-formed, but of another root, key or value
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ledger import merkle
from wireformat import cbor
from wireformat.errors import WireError

MAX_PROOF_BYTES = 8192
_VALUE_HASH_BYTES = 32


class StateProofError(Exception):
    """A proof about the state that does not hold."""


class MalformedStateProof(StateProofError):
    """Not a proof at all."""


class WrongStateProof(StateProofError):
    """A proof of something else than was asked."""


def leaf_bytes(key: bytes, value_hash: bytes) -> bytes:
    """The tree's leaf: key length (one byte), key, SHA-256 of the value."""
    return bytes((len(key),)) + key + value_hash


@dataclass(frozen=True, slots=True)
class Leaf:
    """One key with the hash of its value and its place in the tree."""

    key: bytes
    value_hash: bytes
    proof: merkle.Proof

    def check(self, root: bytes) -> None:
        """Raise `StateProofError` unless this leaf stands under `root`."""
        if not 0 < len(self.key) < 256 or len(self.value_hash) != _VALUE_HASH_BYTES:
            raise MalformedStateProof("a leaf's key or value hash has an impossible length")
        try:
            self.proof.verify(root, leaf_bytes(self.key, self.value_hash))
        except merkle.MalformedProof as error:
            raise MalformedStateProof(str(error)) from error
        except merkle.MerkleError as error:
            raise WrongStateProof(str(error)) from error


@dataclass(frozen=True, slots=True)
class StateProof:
    """One leaf (membership, or absence beyond an end), two neighbours (absence), or none."""

    leaves: tuple[Leaf, ...]

    def encode(self) -> bytes:
        """Deterministic CBOR: a list of [key, value hash, total, index, [aunt, ...]]."""
        return cbor.encode(
            [
                [x.key, x.value_hash, x.proof.total, x.proof.index, list(x.proof.aunts)]
                for x in self.leaves
            ]
        )

    @classmethod
    def decode(cls, data: bytes) -> StateProof:
        """Inverse of `encode`; raises `MalformedStateProof`."""
        try:
            rows = cbor.decode(data, MAX_PROOF_BYTES)
        except WireError as error:
            raise MalformedStateProof(str(error)) from error
        if not isinstance(rows, list) or len(rows) > 2:
            raise MalformedStateProof("expected a list of at most two leaves")
        return cls(tuple(_leaf_of(row) for row in rows))


def _leaf_of(row: object) -> Leaf:
    if not isinstance(row, list) or len(row) != 5:
        raise MalformedStateProof("a leaf is not a row of five")
    key, value_hash, total, index, aunts = row
    kinds = isinstance(key, bytes) and isinstance(value_hash, bytes) and isinstance(aunts, list)
    counts = all(isinstance(n, int) and not isinstance(n, bool) for n in (total, index))
    if not kinds or not counts or not all(isinstance(aunt, bytes) for aunt in aunts):
        raise MalformedStateProof("a leaf's fields have wrong types")
    path = merkle.Proof(
        total, index, merkle.leaf_hash(_leaf_bytes_checked(key, value_hash)), tuple(aunts)
    )
    return Leaf(key, value_hash, path)


def _leaf_bytes_checked(key: bytes, value_hash: bytes) -> bytes:
    """`leaf_bytes` for input of unknown length."""
    if not 0 < len(key) < 256:
        raise MalformedStateProof(f"a leaf's key has {len(key)} bytes")
    return leaf_bytes(key, value_hash)


def verify_proof(root: bytes, key: bytes, value: bytes | None, proof: StateProof) -> None:
    """Raise `StateProofError` unless `proof` shows `key` -> `value` (None: absent) under `root`."""
    for leaf in proof.leaves:
        leaf.check(root)
    if value is None:
        _check_absence(root, key, proof.leaves)
    elif [leaf.key for leaf in proof.leaves] != [key]:
        raise WrongStateProof(f"proof is not of the one key {key.hex()}")
    elif proof.leaves[0].value_hash != hashlib.sha256(value).digest():
        raise WrongStateProof(f"proof of key {key.hex()} is of another value")


def _check_absence(root: bytes, key: bytes, leaves: tuple[Leaf, ...]) -> None:
    if any(leaf.key == key for leaf in leaves):
        raise WrongStateProof(f"proof shows that key {key.hex()} is there")
    if not leaves:
        if root != merkle.EMPTY_ROOT:
            raise WrongStateProof("a proof without leaves holds for an empty state only")
        return
    first, last = leaves[0], leaves[-1]
    if len(leaves) == 2:
        if not first.key < key < last.key:
            raise WrongStateProof(f"key {key.hex()} does not stand between the leaves shown")
        if first.proof.total != last.proof.total or first.proof.index + 1 != last.proof.index:
            raise WrongStateProof("the leaves shown are no neighbours")
    elif key < first.key:
        if first.proof.index != 0:
            raise WrongStateProof("the leaf shown is not the first")
    elif first.proof.index != first.proof.total - 1:
        raise WrongStateProof("the leaf shown is not the last")
