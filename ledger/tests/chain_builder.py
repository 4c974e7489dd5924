"""Small chains of our own making, for tests: real keys, real signatures, times by the rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nacl.signing import SigningKey

from ledger.blocks import (
    EMPTY_COMMIT,
    ZERO_BLOCK_ID,
    Block,
    Commit,
    ConsensusParams,
    Validator,
    ValidatorSet,
    last_results_hash,
    make_block,
    median_time_ns,
    sign_commit,
)
from ledger.light import LightBlock

GENESIS_NS = 1_767_225_600_000_000_000
SECOND_NS = 1_000_000_000


def signing_key(number: int) -> SigningKey:
    """Key number ``number``, the same on each run."""
    return SigningKey(number.to_bytes(32, "big"))


def validator_set(numbers: Sequence[int], power: int = 10) -> ValidatorSet:
    """Set of the validators with these keys, of equal power."""
    return ValidatorSet.of(Validator(bytes(signing_key(n).verify_key), power) for n in numbers)


@dataclass
class ChainBuilder:
    """A chain that grows block by block; ``members[i]`` are the validators of height ``i + 1``."""

    members: Sequence[Sequence[int]]
    chain_id: str = "truewatt-test"
    app_hash: bytes = bytes(32)
    blocks: list[Block] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)

    def validators(self, height: int) -> ValidatorSet:
        """Validators of ``height``; the last ones given stay for ever."""
        return validator_set(self.members[min(height, len(self.members)) - 1])

    def grow(self, txs: Sequence[bytes] = (), absent: Sequence[int] = ()) -> LightBlock:
        """One more block, signed by all validators but the ``absent`` ones."""
        height = len(self.blocks) + 1
        validators = self.validators(height)
        last = self.commits[-1] if self.commits else EMPTY_COMMIT
        block = make_block(
            chain_id=self.chain_id,
            height=height,
            time_ns=median_time_ns(last, self.validators(height - 1)) if height > 1 else GENESIS_NS,
            txs=txs,
            last_commit=last,
            last_block_id=last.block_id if height > 1 else ZERO_BLOCK_ID,
            validators=validators,
            next_validators=self.validators(height + 1),
            consensus_params=ConsensusParams(),
            app_hash=self.app_hash,
            last_results_hash=last_results_hash([]),
            proposer_address=validators.proposer.address,
        )
        members = self.members[min(height, len(self.members)) - 1]
        keys = [signing_key(n) for n in members if n not in absent]
        commit = sign_commit(block, validators, keys, GENESIS_NS + height * SECOND_NS)
        self.blocks.append(block)
        self.commits.append(commit)
        return self.light_block(height)

    def light_block(self, height: int) -> LightBlock:
        """What a light client is given of ``height``."""
        header = self.blocks[height - 1].header
        return LightBlock(header, self.commits[height - 1], self.validators(height))


def grown_chain(height: int, members: Sequence[Sequence[int]] = ((1,),)) -> list[LightBlock]:
    """Light blocks 1 to ``height``."""
    builder = ChainBuilder(members)
    return [builder.grow([f"tx {i}".encode()]) for i in range(height)]
