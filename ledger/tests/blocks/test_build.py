"""Blocks and commits of our own making: the time rule, the builder's refusals, consistency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from ledger.blocks import (
    EMPTY_COMMIT,
    ZERO_BLOCK_ID,
    Block,
    BlockID,
    BlockIDFlag,
    CommitSig,
    ConsensusParams,
    Validator,
    ValidatorSet,
    last_results_hash,
    make_block,
    median_time_ns,
    sign_commit,
    vote_time_ns,
)
from ledger.blocks import errors as e
from ledger.tests.chain_builder import (
    GENESIS_NS,
    SECOND_NS,
    ChainBuilder,
    signing_key,
    validator_set,
)


def test_block_times_are_those_of_the_votes_before() -> None:
    builder = ChainBuilder([[1]])
    for _ in range(4):
        builder.grow()
    times = [block.header.time_ns for block in builder.blocks]
    votes = [commit.signatures[0].time_ns for commit in builder.commits]
    assert times == [GENESIS_NS, *votes[:-1]]
    assert all(later > earlier for earlier, later in pairwise(times))


def test_a_clock_that_lags_cannot_stop_block_times_from_rising() -> None:
    assert vote_time_ns(GENESIS_NS + 5, GENESIS_NS) == GENESIS_NS + 1_000_000
    assert vote_time_ns(GENESIS_NS - SECOND_NS, GENESIS_NS) == GENESIS_NS + 1_000_000
    assert vote_time_ns(GENESIS_NS + SECOND_NS, GENESIS_NS) == GENESIS_NS + SECOND_NS


def test_median_is_weighted_and_leaves_out_the_absent() -> None:
    builder = ChainBuilder([[1, 2, 3]])
    commit = builder.grow(absent=[3]).commit
    voters = validator_set([1, 2, 3])
    early = tuple(
        replace(sig, time_ns=5) if i == 0 else sig for i, sig in enumerate(commit.signatures)
    )
    present = [s for s in early if s.flag is not BlockIDFlag.ABSENT]
    assert median_time_ns(replace(commit, signatures=early), voters) == min(
        sig.time_ns for sig in present
    )
    with pytest.raises(e.InvalidCommit, match="no validator"):
        median_time_ns(commit, validator_set([7]))
    with pytest.raises(e.InvalidCommit, match="no votes"):
        median_time_ns(EMPTY_COMMIT, voters)


def test_absent_validators_leave_an_empty_entry() -> None:
    commit = ChainBuilder([[1, 2]]).grow(absent=[2]).commit
    commit.check()
    assert sorted(sig.flag for sig in commit.signatures) == [BlockIDFlag.ABSENT, BlockIDFlag.COMMIT]


def first_block(**changes: object) -> Block:
    arguments: dict[str, object] = {
        "chain_id": "truewatt-test",
        "height": 1,
        "time_ns": GENESIS_NS,
        "txs": [],
        "last_commit": EMPTY_COMMIT,
        "last_block_id": ZERO_BLOCK_ID,
        "validators": validator_set([1]),
        "next_validators": validator_set([1]),
        "consensus_params": ConsensusParams(),
        "app_hash": b"",
        "last_results_hash": last_results_hash([]),
        "proposer_address": validator_set([1]).proposer.address,
    }
    return make_block(**(arguments | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"chain_id": ""}, e.InvalidField),
        ({"chain_id": "x" * 51}, e.InvalidField),
        ({"chain_id": "\ud800"}, e.EncodingError),
        ({"height": 0}, e.InvalidField),
        ({"height": 1 << 63}, e.InvalidField),
        ({"time_ns": 1 << 70}, e.InvalidTime),
        ({"last_block_id": BlockID(b"short")}, e.InvalidHash),
        ({"last_results_hash": b"short"}, e.InvalidHash),
        ({"proposer_address": bytes(20)}, e.InvalidBlock),
        ({"app_version": -1}, e.InvalidField),
    ],
)
def test_unsound_blocks_are_not_built(changes: dict[str, object], error: type[Exception]) -> None:
    first_block().check()
    with pytest.raises(error):
        first_block(**changes)


@pytest.mark.parametrize(
    "tamper",
    [
        lambda b: replace(b, txs=(b"more",)),
        lambda b: replace(b, last_commit=ChainBuilder([[1]]).grow().commit),
        lambda b: replace(b, header=replace(b.header, evidence_hash=bytes(32))),
    ],
)
def test_header_and_body_must_fit(tamper: Callable[[Block], Block]) -> None:
    with pytest.raises(e.InvalidBlock):
        tamper(first_block()).check()


def test_a_stranger_cannot_sign() -> None:
    with pytest.raises(e.InvalidBlock, match="no validator"):
        sign_commit(first_block(), validator_set([1]), [signing_key(2)], GENESIS_NS)


@pytest.mark.parametrize(
    "members",
    [
        [],
        [Validator(bytes(32), 0)],
        [Validator(bytes(32), -1)],
        [Validator(bytes(32), 1), Validator(bytes(32), 2)],
        [Validator(bytes(32), 1 << 61)],
    ],
)
def test_impossible_validator_sets(members: list[Validator]) -> None:
    with pytest.raises(e.InvalidValidators):
        ValidatorSet.of(members)


def test_unsorted_sets_and_wrong_changes() -> None:
    weak, strong = Validator(bytes(32), 1), Validator(bytes([1] * 32), 2)
    assert ValidatorSet.of([weak, strong]).validators == (strong, weak)
    with pytest.raises(e.InvalidValidators, match="sorted"):
        ValidatorSet((weak, strong))
    for changes in ([replace(strong, power=0)], [weak, weak], [replace(weak, power=0)]):
        with pytest.raises(e.InvalidValidators):
            ValidatorSet.of([weak]).with_changes(changes)


def test_only_ed25519_keys() -> None:
    with pytest.raises(e.InvalidHash, match="32 bytes"):
        ValidatorSet.of([Validator(bytes(33), 1)])


@pytest.mark.parametrize(
    "sig",
    [
        CommitSig(BlockIDFlag.ABSENT, bytes(20), 0, b""),
        CommitSig(BlockIDFlag.ABSENT, b"", 0, b""),
        CommitSig(BlockIDFlag.COMMIT, b"", 0, bytes(64)),
        CommitSig(BlockIDFlag.COMMIT, bytes(20), 0, b""),
        CommitSig(BlockIDFlag.NIL, bytes(20), 0, bytes(65)),
        CommitSig(BlockIDFlag.NIL, bytes(20), 1 << 70, bytes(64)),
    ],
)
def test_contradictory_votes(sig: CommitSig) -> None:
    with pytest.raises(e.InvalidField):
        sig.check()
