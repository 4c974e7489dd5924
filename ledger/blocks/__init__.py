"""Blocks in the format of CometBFT v0.38, from the first one: types, bytes, hashes, signatures.

Pure: no clock, no I/O, no float. Both engines and the light client share it. See
``docs/ledger-format.md`` and the modules: ``header``, ``commit``, ``validators``, ``params``,
``results``, ``block``, ``bft_time``, ``build``, ``succession``, ``jsonrpc``, ``proto``, ``times``,
``errors``.
"""

from ledger.blocks.bft_time import median_time_ns, vote_time_ns
from ledger.blocks.block import Block, data_hash, tx_hash, tx_proofs
from ledger.blocks.build import make_block, sign_commit
from ledger.blocks.commit import (
    ABSENT_SIG,
    EMPTY_COMMIT,
    BlockIDFlag,
    Commit,
    CommitSig,
)
from ledger.blocks.errors import BlockError, InvalidField
from ledger.blocks.header import Header
from ledger.blocks.ids import ZERO_BLOCK_ID, BlockID, PartSetHeader, address
from ledger.blocks.params import ConsensusParams
from ledger.blocks.results import ExecTxResult, last_results_hash
from ledger.blocks.succession import Tip, check_next
from ledger.blocks.validators import Validator, ValidatorSet

__all__ = [
    "ABSENT_SIG",
    "EMPTY_COMMIT",
    "ZERO_BLOCK_ID",
    "Block",
    "BlockError",
    "BlockID",
    "BlockIDFlag",
    "Commit",
    "CommitSig",
    "ConsensusParams",
    "ExecTxResult",
    "Header",
    "InvalidField",
    "PartSetHeader",
    "Tip",
    "Validator",
    "ValidatorSet",
    "address",
    "check_next",
    "data_hash",
    "last_results_hash",
    "make_block",
    "median_time_ns",
    "sign_commit",
    "tx_hash",
    "tx_proofs",
    "vote_time_ns",
]
