"""May a block come next on a chain: the rules of a validator.

    check_next(tip, block)     # raises InvalidField unless `block` follows on `tip`

Signatures are not checked here: for a block's own commit and its ``last_commit``, use
``ledger.light.verify_commit``. Whoever replays a chain builds each :class:`Tip` from what executing
the block before gave (app hash, results, validators), so that a header cannot vouch for itself.
Source: CometBFT v0.38 ``state/validation.go``.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.blocks.bft_time import median_time_ns
from ledger.blocks.block import Block
from ledger.blocks.commit import EMPTY_COMMIT
from ledger.blocks.errors import InvalidBlock, InvalidTime
from ledger.blocks.ids import ZERO_BLOCK_ID, BlockID
from ledger.blocks.params import ConsensusParams
from ledger.blocks.validators import ValidatorSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """End of a chain. Before the first block: its height less 1, genesis time, and the defaults."""

    chain_id: str
    height: int
    time_ns: int
    block_id: BlockID = ZERO_BLOCK_ID
    last_validators: ValidatorSet | None = None  # of `height`
    validators: ValidatorSet  # of the block to come
    next_validators: ValidatorSet  # of the one after it
    consensus_params: ConsensusParams
    app_version: int
    app_hash: bytes
    last_results_hash: bytes


def check_next(tip: Tip, block: Block) -> None:
    """Raise :class:`InvalidField` unless ``block`` is sound and follows on ``tip``."""
    block.check()
    header = block.header
    for name, actual, expected in (
        ("chain_id", header.chain_id, tip.chain_id),
        ("height", header.height, tip.height + 1),
        ("app_version", header.app_version, tip.app_version),
        ("last_block_id", header.last_block_id, tip.block_id),
        ("app_hash", header.app_hash, tip.app_hash),
        ("last_results_hash", header.last_results_hash, tip.last_results_hash),
        ("consensus_hash", header.consensus_hash, tip.consensus_params.hash()),
        ("validators_hash", header.validators_hash, tip.validators.hash()),
        ("next_validators_hash", header.next_validators_hash, tip.next_validators.hash()),
    ):
        if actual != expected:
            raise InvalidBlock(
                f"block {header.height}: {name} is {_text(actual)}; the chain before it says"
                f" {_text(expected)}"
            )
    if tip.validators.find(header.proposer_address) is None:
        raise InvalidBlock(f"block {header.height}: its proposer is no validator")
    _check_last_commit_and_time(tip, block)


def _check_last_commit_and_time(tip: Tip, block: Block) -> None:
    height, commit = block.header.height, block.last_commit
    if tip.last_validators is None:
        if commit != EMPTY_COMMIT:
            raise InvalidBlock(f"block {height}: the first block can't have votes for one before")
        expected_ns = tip.time_ns
    else:
        if (commit.height, commit.block_id) != (tip.height, tip.block_id):
            raise InvalidBlock(f"block {height}: last_commit is not for the block before")
        expected_ns = median_time_ns(commit, tip.last_validators)
        if expected_ns <= tip.time_ns:
            raise InvalidTime(f"block {height}: votes dated no later than the block they are for")
    if block.header.time_ns != expected_ns:
        raise InvalidTime(
            f"block {height}: time is {block.header.time_ns} ns; by the votes before it is"
            f" {expected_ns} ns"
        )


def _text(value: object) -> str:
    if isinstance(value, BlockID):
        return f"{value.hash.hex()} in {value.parts.total} parts {value.parts.hash.hex()}"
    return value.hex() if isinstance(value, bytes) else str(value)
