"""The light client's rules against real chains, against CometBFT's own verdicts, and one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any

import pytest
from nacl.signing import SigningKey

from ledger.blocks import ABSENT_SIG, BlockID, BlockIDFlag, Commit, PartSetHeader
from ledger.blocks.commit import vote_sign_bytes
from ledger.blocks.times import parse_rfc3339
from ledger.light import (
    LightBlock,
    LightError,
    errors,
    verify,
    verify_adjacent,
    verify_backwards,
    verify_commit,
    verify_skipping,
)
from ledger.tests.chain_builder import GENESIS_NS, SECOND_NS, ChainBuilder, grown_chain, signing_key
from ledger.tests.golden import RECORDINGS, light_block, recorded_chain, vectors

HOUR_NS = 3600 * SECOND_NS


def rules(now_ns: int) -> dict[str, int]:
    return {
        "now_ns": now_ns,
        "trusting_period_ns": HOUR_NS,
        "max_clock_drift_ns": 10 * SECOND_NS,
    }


@pytest.mark.parametrize("name", RECORDINGS)
def test_real_chains_are_accepted(name: str) -> None:
    chain = recorded_chain(name)
    now = rules(chain[-1].header.time_ns)
    for trusted, new in pairwise(chain):
        verify_adjacent(trusted, new, **now)
        verify_backwards(new, trusted)
    for trusted, new in combinations(chain, 2):
        verify(trusted, new, **now)


def test_verdicts_agree_with_cometbft_on_changing_validators() -> None:
    document = vectors("light")
    chain = [light_block(b["header"], b["commit"], b["validators"]) for b in document["chain"]]
    verdicts = []
    for case in document["verdicts"]:
        trusted, new = chain[case["trusted"] - 1], chain[case["new"] - 1]
        try:
            verify(trusted, new, **rules(parse_rfc3339(document["now"])))
            verdicts.append({**case, "verdict": "accepted"})
        except errors.NotEnoughTrust:
            verdicts.append({**case, "verdict": "not enough trust"})
    assert verdicts == document["verdicts"]
    assert {case["verdict"] for case in verdicts} == {"accepted", "not enough trust"}


CHAIN = grown_chain(5)
NOW_NS = GENESIS_NS + 10 * SECOND_NS


def with_header(block: LightBlock, **changes: Any) -> LightBlock:
    """Header changed and signed anew by the real authority: consistent, but breaking a rule."""
    header = replace(block.header, **changes)
    block_id = BlockID(header.hash(), block.commit.block_id.parts)
    time_ns = block.commit.signatures[0].time_ns
    message = vote_sign_bytes(header.chain_id, header.height, 0, block_id, time_ns)
    sig = replace(block.commit.signatures[0], signature=signing_key(1).sign(message).signature)
    return LightBlock(header, Commit(header.height, 0, block_id, (sig,)), block.validators)


BROKEN: list[tuple[type[LightError], Callable[[LightBlock], LightBlock]]] = [
    (errors.WrongChain, lambda b: with_header(b, chain_id="other")),
    (errors.WrongHeight, lambda b: with_header(b, height=9)),
    (errors.WrongHeight, lambda b: replace(b, commit=replace(b.commit, height=4))),
    (errors.TimeNotRising, lambda b: with_header(b, time_ns=CHAIN[1].header.time_ns)),
    (errors.HeaderFromFuture, lambda b: with_header(b, time_ns=NOW_NS + 10 * SECOND_NS)),
    (errors.MalformedLightBlock, lambda b: with_header(b, block_version=12)),
    (errors.MalformedLightBlock, lambda b: with_header(b, proposer_address=b"")),
    (errors.MalformedLightBlock, lambda b: with_header(b, data_hash=b"short")),
    (errors.HashMismatch, lambda b: replace(b, header=replace(b.header, app_hash=b"x"))),
    (errors.HashMismatch, lambda b: with_header(b, validators_hash=bytes(32))),
    (errors.HashMismatch, lambda b: with_header(b, last_block_id=CHAIN[0].commit.block_id)),
    (errors.HashMismatch, lambda b: replace(b, validators=ChainBuilder([[2]]).validators(1))),
    (errors.InvalidCommit, lambda b: with_sigs(b, b.commit.signatures * 2)),
    (errors.MalformedLightBlock, lambda b: with_sigs(b, ())),
    (errors.NotEnoughPower, lambda b: with_sigs(b, (ABSENT_SIG,))),
    (errors.NotEnoughPower, lambda b: with_sig(b, signature=bytes(64))),
    (errors.NotEnoughPower, lambda b: with_sig(b, signature=b"short")),
    (errors.NotEnoughPower, lambda b: with_sig(b, time_ns=b.commit.signatures[0].time_ns + 1)),
    (errors.NotEnoughPower, lambda b: with_sig(b, flag=BlockIDFlag.NIL)),
    (errors.AddressMismatch, lambda b: with_sig(b, validator_address=bytes(20))),
]


def with_sigs(block: LightBlock, sigs: tuple[Any, ...]) -> LightBlock:
    return replace(block, commit=replace(block.commit, signatures=sigs))


def with_sig(block: LightBlock, **changes: Any) -> LightBlock:
    return with_sigs(block, (replace(block.commit.signatures[0], **changes),))


@pytest.mark.parametrize(("error", "breaks"), BROKEN)
def test_each_rule_has_its_error(
    error: type[LightError], breaks: Callable[[LightBlock], LightBlock]
) -> None:
    verify_adjacent(CHAIN[1], CHAIN[2], **rules(NOW_NS))
    with pytest.raises(error) as caught:
        verify_adjacent(CHAIN[1], breaks(CHAIN[2]), **rules(NOW_NS))
    assert type(caught.value) is error


def test_announced_validators_must_take_over() -> None:
    before, other = ChainBuilder([[1], [1], [1]]), ChainBuilder([[1], [1], [1, 2]])
    for _ in range(3):
        before.grow()
        other.grow()
    usurper = replace(
        other.light_block(3),
        header=replace(
            other.light_block(3).header, last_block_id=before.light_block(2).commit.block_id
        ),
    )
    with pytest.raises(errors.HashMismatch):
        verify_adjacent(before.light_block(2), usurper, **rules(NOW_NS))
    with pytest.raises(errors.HashMismatch, match="announced"):
        verify_adjacent(before.light_block(2), other.light_block(3), **rules(NOW_NS))


def test_an_authority_cannot_fork_from_an_older_block() -> None:
    fork = ChainBuilder([[1]], app_hash=b"\x01" * 32)
    for _ in range(3):
        fork.grow()
    with pytest.raises(errors.HashMismatch, match="follows on"):
        verify_adjacent(CHAIN[1], fork.light_block(3), **rules(NOW_NS))


def test_trust_expires() -> None:
    edge = CHAIN[1].header.time_ns + HOUR_NS
    verify_adjacent(CHAIN[1], CHAIN[2], **rules(edge - 1))
    with pytest.raises(errors.HeaderExpired):
        verify_adjacent(CHAIN[1], CHAIN[2], **rules(edge))
    with pytest.raises(errors.HeaderExpired):
        verify_skipping(CHAIN[1], CHAIN[4], **rules(edge))


def test_adjacent_skipping_and_backwards_keep_to_their_heights() -> None:
    for new in (CHAIN[1], CHAIN[3]):
        with pytest.raises(errors.WrongHeight):
            verify_adjacent(CHAIN[1], new, **rules(NOW_NS))
    for new in (CHAIN[0], CHAIN[1], CHAIN[2]):
        with pytest.raises(errors.WrongHeight):
            verify_skipping(CHAIN[1], new, **rules(NOW_NS))
    for older in (CHAIN[0], CHAIN[2], CHAIN[3]):
        with pytest.raises(errors.WrongHeight):
            verify_backwards(CHAIN[2], older)
    fork = ChainBuilder([[1]], app_hash=b"\x01" * 32)
    fork.grow()
    with pytest.raises(errors.HashMismatch):
        verify_backwards(CHAIN[1], fork.light_block(1))


@pytest.mark.parametrize("level", [Fraction(1, 4), Fraction(5, 4)])
def test_trust_level_is_bounded(level: Fraction) -> None:
    with pytest.raises(ValueError, match="trust_level"):
        verify_skipping(CHAIN[0], CHAIN[2], **rules(NOW_NS), trust_level=level)


def test_more_than_two_thirds_exactly() -> None:
    """3 validators of power 10: two of them hold 20 of 30, which is not more than 2/3."""
    for absent, accepted in (([], True), ([3], False), ([2, 3], False)):
        block = ChainBuilder([[1, 2, 3]]).grow(absent=absent)
        arguments = (block.validators, block.commit.block_id, block.height, block.commit)
        if accepted:
            verify_commit("truewatt-test", *arguments)
        else:
            with pytest.raises(errors.NotEnoughPower):
                verify_commit("truewatt-test", *arguments)


def test_a_refused_signature_counts_as_absent_and_no_more() -> None:
    block = ChainBuilder([[1, 2, 3, 4]]).grow()
    spoilt = list(block.commit.signatures)
    spoilt[0] = replace(spoilt[0], signature=bytes(64))
    commit = replace(block.commit, signatures=tuple(spoilt))
    verify_commit("truewatt-test", block.validators, commit.block_id, 1, commit)
    spoilt[1] = replace(spoilt[1], signature=bytes(64))
    commit = replace(block.commit, signatures=tuple(spoilt))
    with pytest.raises(errors.NotEnoughPower):
        verify_commit("truewatt-test", block.validators, commit.block_id, 1, commit)


def test_commit_must_be_for_the_block_at_hand() -> None:
    block = CHAIN[2]
    other_parts = replace(block.commit.block_id, parts=PartSetHeader(1, bytes(32)))
    for block_id, height in ((other_parts, 3), (block.commit.block_id, 4), (BlockID(), 3)):
        with pytest.raises(errors.InvalidCommit):
            verify_commit("truewatt-test", block.validators, block_id, height, block.commit)


def test_votes_of_another_chain_or_key_do_not_count() -> None:
    block = CHAIN[2]
    with pytest.raises(errors.NotEnoughPower):
        verify_commit("elsewhere", block.validators, block.commit.block_id, 3, block.commit)
    forged = SigningKey(bytes(32)).sign(block.commit.vote_sign_bytes("truewatt-test", 0)).signature
    with pytest.raises(errors.NotEnoughPower):
        verify_adjacent(CHAIN[1], with_sig(block, signature=forged), **rules(NOW_NS))


def test_junk_is_refused_before_any_signature_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bool:
        raise AssertionError("a signature was checked")

    monkeypatch.setattr("ledger.light.commits._is_signed", fail)
    junk = [breaks for error, breaks in BROKEN if error is not errors.NotEnoughPower]
    for breaks in junk:
        with pytest.raises(errors.InvalidLightBlock):
            verify_adjacent(CHAIN[1], breaks(CHAIN[2]), **rules(NOW_NS))
    with pytest.raises(errors.NotEnoughPower):
        verify_adjacent(CHAIN[1], with_sigs(CHAIN[2], (ABSENT_SIG,)), **rules(NOW_NS))
