"""The block-time rule of CometBFT v0.38 (``spec/consensus/bft-time.md``), which both engines keep.

- The first block of a chain has the genesis time.
- Every later block has the median of the vote times in its last commit, weighted by power. With one
  authority that is its own vote for the block before: a block is dated when its parent was signed.
- A vote is dated later than the block that it votes for, by at least 1 ms; so block times rise.

    vote_time_ns(now_ns, block_time_ns) -> int
    median_time_ns(commit, validators) -> int     # the next block's header time
"""

from __future__ import annotations

from ledger.blocks.commit import BlockIDFlag, Commit
from ledger.blocks.errors import InvalidCommit
from ledger.blocks.validators import ValidatorSet

MIN_STEP_NS = 1_000_000


def vote_time_ns(now_ns: int, block_time_ns: int) -> int:
    """Time of a vote cast at ``now_ns``: the clock, or just after the block if it lags."""
    return max(now_ns, block_time_ns + MIN_STEP_NS)


def median_time_ns(commit: Commit, validators: ValidatorSet) -> int:
    """Weighted median of the times of the votes that are there, NIL ones included."""
    votes = []
    for sig in commit.signatures:
        if sig.flag is BlockIDFlag.ABSENT:
            continue
        voter = validators.find(sig.validator_address)
        if voter is None:
            raise InvalidCommit(f"vote of {sig.validator_address.hex()}, who is no validator")
        votes.append((sig.time_ns, voter.power))
    remaining = sum(power for _, power in votes) // 2
    for time_ns, power in sorted(votes):
        if remaining <= power:
            return time_ns
        remaining -= power
    raise InvalidCommit(f"commit of height {commit.height} has no votes to take a time from")
