"""Making blocks and commits, for the embedded engine.

    make_block(chain_id=..., height=..., ...) -> Block      # hashes filled in
    sign_commit(block, validators, signing_keys, now_ns) -> Commit

A chain grows like this (times as :mod:`ledger.blocks.bft_time` demands)::

    block = make_block(..., time_ns=genesis_time_ns, last_commit=EMPTY_COMMIT,
                       last_block_id=ZERO_BLOCK_ID, last_results_hash=last_results_hash([]))
    commit = sign_commit(block, validators, [key], now_ns)
    block = make_block(..., time_ns=median_time_ns(commit, validators), last_commit=commit,
                       last_block_id=commit.block_id, app_hash=..., last_results_hash=...)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nacl.signing import SigningKey

from ledger.blocks.bft_time import vote_time_ns
from ledger.blocks.block import EVIDENCE_HASH, Block, data_hash
from ledger.blocks.commit import (
    ABSENT_SIG,
    BlockIDFlag,
    Commit,
    CommitSig,
    vote_sign_bytes,
)
from ledger.blocks.errors import InvalidBlock
from ledger.blocks.header import Header
from ledger.blocks.ids import BlockID, address
from ledger.blocks.params import ConsensusParams
from ledger.blocks.validators import ValidatorSet


def make_block(
    *,
    chain_id: str,
    height: int,
    time_ns: int,
    txs: Sequence[bytes],
    last_commit: Commit,
    last_block_id: BlockID,
    validators: ValidatorSet,
    next_validators: ValidatorSet,
    consensus_params: ConsensusParams,
    app_hash: bytes,
    last_results_hash: bytes,
    proposer_address: bytes,
    app_version: int | None = None,
) -> Block:
    """Block of ``txs`` on top of ``last_block_id``; raises :class:`InvalidField` if unsound.

    ``time_ns`` is the genesis time, later ``median_time_ns(last_commit, validators before)``;
    ``app_version`` is that of the parameters unless given.
    """
    if validators.find(proposer_address) is None:
        raise InvalidBlock(f"proposer {proposer_address.hex()} is no validator of {height}")
    header = Header(
        app_version=consensus_params.app_version if app_version is None else app_version,
        chain_id=chain_id,
        height=height,
        time_ns=time_ns,
        last_block_id=last_block_id,
        last_commit_hash=last_commit.hash(),
        data_hash=data_hash(txs),
        validators_hash=validators.hash(),
        next_validators_hash=next_validators.hash(),
        consensus_hash=consensus_params.hash(),
        app_hash=app_hash,
        last_results_hash=last_results_hash,
        evidence_hash=EVIDENCE_HASH,
        proposer_address=proposer_address,
    )
    block = Block(header, tuple(txs), last_commit)
    block.check()
    return block


def sign_commit(
    block: Block,
    validators: ValidatorSet,
    signing_keys: Iterable[SigningKey],
    now_ns: int,
) -> Commit:
    """Commit of round 0 for ``block``; validators whose key is not given are absent.

    Every vote is dated ``vote_time_ns(now_ns, block time)``. Raises :class:`InvalidBlock` if a key
    belongs to nobody in ``validators``.
    """
    keys = {address(bytes(key.verify_key)): key for key in signing_keys}
    members = {validator.address for validator in validators.validators}
    for stranger in sorted(keys.keys() - members):
        raise InvalidBlock(f"signing key of {stranger.hex()} belongs to no validator")
    header, block_id = block.header, block.block_id()
    time_ns = vote_time_ns(now_ns, header.time_ns)
    message = vote_sign_bytes(header.chain_id, header.height, 0, block_id, time_ns)
    signatures = tuple(
        CommitSig(
            BlockIDFlag.COMMIT,
            validator.address,
            time_ns,
            keys[validator.address].sign(message).signature,
        )
        if validator.address in keys
        else ABSENT_SIG
        for validator in validators.validators
    )
    return Commit(header.height, 0, block_id, signatures)
