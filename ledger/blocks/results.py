"""Results of transactions, as far as consensus binds them.

    ExecTxResult(code, data, gas_wanted, gas_used)
    last_results_hash(results) -> bytes        # goes into the next header

Only these four fields are deterministic in ABCI 2.0: log, info, events and codespace stay unhashed.
Source: CometBFT v0.38 ``types/results.go``, ``proto/tendermint/abci/types.proto`` (ExecTxResult).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger import merkle
from ledger.blocks import proto

CODE_OK = 0


@dataclass(frozen=True, slots=True)
class ExecTxResult:
    """Deterministic part of a transaction's result; ``code`` 0 means accepted."""

    code: int = CODE_OK
    data: bytes = b""
    gas_wanted: int = 0
    gas_used: int = 0

    def encode(self) -> bytes:
        """Protobuf body of ``ExecTxResult`` without its non-deterministic fields."""
        return (
            proto.uint_field(1, self.code)
            + proto.bytes_field(2, self.data)
            + proto.int64_field(5, self.gas_wanted)
            + proto.int64_field(6, self.gas_used)
        )


def last_results_hash(results: Sequence[ExecTxResult]) -> bytes:
    """Root over one block's results in order; SHA-256 of nothing where it had none."""
    return merkle.root([result.encode() for result in results])


def result_proofs(results: Sequence[ExecTxResult]) -> list[merkle.Proof]:
    """One membership proof per result under :func:`last_results_hash`."""
    return merkle.prove([result.encode() for result in results])[1]
