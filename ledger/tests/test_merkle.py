"""Merkle proofs: what must hold for every tree, and what must be refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import merkle

LEAVES = [f"leaf {i}".encode() for i in range(11)]
ROOT, PROOFS = merkle.prove(LEAVES)


@given(st.lists(st.binary(max_size=40), max_size=70))
def test_every_leaf_is_proven_and_no_other(leaves: list[bytes]) -> None:
    root, proofs = merkle.prove(leaves)
    assert root == merkle.root(leaves)
    for proof, leaf in zip(proofs, leaves, strict=True):
        proof.verify(root, leaf)
        with pytest.raises(merkle.LeafMismatch):
            proof.verify(root, leaf + b"x")


@given(st.integers(0, 10), st.integers(0, 10))
def test_a_proof_holds_for_its_index_alone(index: int, other: int) -> None:
    moved = replace(PROOFS[index], index=other)
    if other == index:
        moved.verify(ROOT, LEAVES[index])
    else:
        with pytest.raises(merkle.MerkleError):
            moved.verify(ROOT, LEAVES[index])


def test_empty_root_is_the_hash_of_nothing() -> None:
    assert merkle.root([]) == merkle.EMPTY_ROOT == merkle.prove([])[0]


def test_an_inner_node_is_no_leaf() -> None:
    left, right = merkle.leaf_hash(b"a"), merkle.leaf_hash(b"b")
    assert merkle.root([left + right]) != merkle.root([b"a", b"b"])


@pytest.mark.parametrize("index", range(len(LEAVES)))
def test_changed_proofs_are_refused(index: int) -> None:
    proof = PROOFS[index]
    for at in range(len(proof.aunts)):
        aunts = list(proof.aunts)
        aunts[at] = bytes(32)
        with pytest.raises(merkle.RootMismatch):
            replace(proof, aunts=tuple(aunts)).verify(ROOT, LEAVES[index])
    for aunts in (proof.aunts[:-1], (*proof.aunts, bytes(32))):
        with pytest.raises(merkle.MalformedProof, match="aunts"):
            replace(proof, aunts=aunts).verify(ROOT, LEAVES[index])
    with pytest.raises(merkle.RootMismatch):
        proof.verify(bytes(32), LEAVES[index])


@pytest.mark.parametrize(
    "changes",
    [
        {"index": -1},
        {"index": 11},
        {"total": 0},
        {"total": -1},
        {"leaf_hash": b""},
        {"aunts": (b"short",)},
        {"aunts": (bytes(32),) * 101},
    ],
)
def test_impossible_shapes_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(merkle.MalformedProof):
        replace(PROOFS[0], **changes).verify(ROOT, LEAVES[0])  # type: ignore[arg-type]
