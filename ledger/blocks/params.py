"""Consensus parameters: size and gas of blocks enter ``consensus_hash``; the RPC shows all.

    ConsensusParams().hash() -> bytes

Source: CometBFT v0.38 ``spec/core/data_structures.md`` (ConsensusParams), ``types/params.go``.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.blocks import proto
from ledger.blocks.ids import sha256
from ledger.blocks.times import NS_PER_SECOND

ED25519_KEY_TYPE = "ed25519"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsensusParams:
    """Parameters with CometBFT v0.38's defaults; ``max_gas`` -1 means no limit."""

    block_max_bytes: int = 22_020_096
    block_max_gas: int = -1
    evidence_max_age_blocks: int = 100_000
    evidence_max_age_ns: int = 48 * 3600 * NS_PER_SECOND
    evidence_max_bytes: int = 1_048_576
    key_types: tuple[str, ...] = (ED25519_KEY_TYPE,)
    app_version: int = 0
    vote_extensions_height: int = 0

    def hash(self) -> bytes:
        """``consensus_hash``, 32 bytes: SHA-256 of ``HashedParams``, block size and gas alone."""
        hashed = proto.int64_field(1, self.block_max_bytes)
        return sha256(hashed + proto.int64_field(2, self.block_max_gas))
