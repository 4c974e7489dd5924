from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import merkle
from ledger.state import MemoryState, Overlay, StateProof, StateTree, verify_proof
from ledger.state.proof import Leaf, MalformedStateProof, StateProofError, WrongStateProof
from ledger.state.store import StateKeyError

KEYS = st.binary(min_size=1, max_size=3)
PAIRS = st.dictionaries(KEYS, st.binary(max_size=4), max_size=24)
CHANGES = st.lists(st.dictionaries(KEYS, st.none() | st.binary(max_size=4), max_size=8), max_size=5)


def naive_root(pairs: dict[bytes, bytes]) -> bytes:
    leaves = [
        bytes([len(key)]) + key + hashlib.sha256(pairs[key]).digest() for key in sorted(pairs)
    ]
    return merkle.root(leaves)


@given(PAIRS, CHANGES)
@settings(max_examples=120, deadline=None)
def test_incremental_root_is_the_naive_one(pairs, batches):
    state, tree = MemoryState(pairs), StateTree(pairs.items())
    for changes in batches:
        state.apply(changes)
        tree.update(changes)
        expected = dict(state.iterate(b""))
        assert tree.root == naive_root(expected) == StateTree.of(state).root
        assert all(tree.prove(key) == StateTree.of(state).prove(key) for key in changes)


@given(PAIRS, KEYS)
@settings(max_examples=200, deadline=None)
def test_proofs_hold_for_what_is_true_and_nothing_else(pairs, key):
    tree = StateTree(pairs.items())
    proof = StateProof.decode(tree.prove(key).encode())
    verify_proof(tree.root, key, pairs.get(key), proof)
    with pytest.raises(StateProofError):
        verify_proof(tree.root, key, b"something else", proof)
    with pytest.raises(StateProofError):
        verify_proof(hashlib.sha256(b"another root").digest(), key, pairs.get(key), proof)
    if key in pairs:
        with pytest.raises(WrongStateProof):
            verify_proof(tree.root, key, None, proof)


@given(st.dictionaries(KEYS, st.binary(max_size=2), min_size=1, max_size=12), st.data())
@settings(max_examples=120, deadline=None)
def test_no_pair_of_leaves_proves_a_present_key_absent(pairs, data):
    """Whatever indices and count a liar claims, two real leaves never hide a third between them."""
    tree = StateTree(pairs.items())
    honest = {key: tree.prove(key).leaves[0] for key in pairs}
    hidden = data.draw(st.sampled_from(sorted(pairs)))
    others = sorted(set(pairs) - {hidden})
    shown = data.draw(st.lists(st.sampled_from(others), max_size=2, unique=True)) if others else []
    total = data.draw(st.just(len(pairs)) | st.integers(1, 16))
    leaves = []
    for key in sorted(shown):
        real = honest[key]
        following = leaves[0].proof.index + 1 if leaves else 0
        index = data.draw(st.sampled_from((real.proof.index, following)) | st.integers(0, total))
        path = merkle.Proof(total, index, real.proof.leaf_hash, real.proof.aunts)
        leaves.append(Leaf(key, real.value_hash, path))
    with pytest.raises(StateProofError):
        verify_proof(tree.root, hidden, None, StateProof(tuple(leaves)))


def test_leaf_encoding_tells_keys_from_values():
    assert StateTree({b"a": b"bc"}.items()).root != StateTree({b"ab": b"c"}.items()).root


@pytest.mark.parametrize(
    "raw",
    [b"", b"\x00", b"\x81\x00", b"\x83\x80\x80\x80", b"\x81\x85\x41a\x40\x01\x00\x80", b"\xff"],
)
def test_malformed_proofs_are_named(raw):
    with pytest.raises(MalformedStateProof):
        verify_proof(merkle.EMPTY_ROOT, b"k", None, StateProof.decode(raw))


def test_an_empty_state_proves_any_absence():
    tree = StateTree()
    verify_proof(tree.root, b"k", None, tree.prove(b"k"))
    with pytest.raises(WrongStateProof):
        verify_proof(StateTree([(b"a", b"")]).root, b"k", None, StateProof(()))


@given(PAIRS, st.dictionaries(KEYS, st.none() | st.binary(max_size=4), max_size=8), st.binary())
@settings(deadline=None)
def test_overlay_shows_changes_and_leaves_the_base_alone(pairs, changes, prefix):
    prefix = prefix[:1]
    base = MemoryState(pairs)
    overlay = Overlay(base)
    for key, value in changes.items():
        if value is None:
            overlay.delete(key)
        else:
            overlay.put(key, value)
    merged = {k: v for k, v in {**pairs, **changes}.items() if v is not None}
    expected = [(k, merged[k]) for k in sorted(merged) if k.startswith(prefix)]
    assert list(overlay.iterate(prefix)) == expected
    assert dict(base.iterate(b"")) == pairs
    overlay.flush()
    assert dict(base.iterate(b"")) == merged


def test_apply_returns_what_takes_it_back():
    state = MemoryState({b"a": b"1", b"b": b"2"})
    undo = state.apply({b"a": None, b"b": b"3", b"c": b"4"})
    state.apply(undo)
    assert dict(state.iterate(b"")) == {b"a": b"1", b"b": b"2"}


def test_a_key_that_no_leaf_can_carry_is_refused():
    with pytest.raises(StateKeyError):
        Overlay(MemoryState()).put(b"k" * 256, b"")


def test_two_true_leaves_that_are_no_neighbours_prove_nothing():
    pairs = {bytes([number]): b"" for number in range(1, 8)}
    tree = StateTree(pairs.items())
    honest = [tree.prove(key).leaves[0] for key in sorted(pairs)]
    for first in range(7):
        for last in range(first + 2, 7):
            hidden = bytes([first + 2])
            with pytest.raises(WrongStateProof, match="no neighbours"):
                verify_proof(tree.root, hidden, None, StateProof((honest[first], honest[last])))
