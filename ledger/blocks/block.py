"""Whole blocks: transactions, part set, protobuf form, internal consistency.

    Block(header, txs, last_commit)       .encode() / Block.decode(body) / .block_id() / .check()
    data_hash(txs), tx_hash(tx), tx_proofs(txs), part_set(encoded) -> (PartSetHeader, parts)

There is no evidence of double signing in a chain of this project (the embedded engine has a single
authority), so ``evidence`` is always the empty list and a block that carries some is refused.
Source: CometBFT v0.38 ``spec/core/data_structures.md`` (Block, Data), ``types/part_set.go``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger import merkle
from ledger.blocks import proto
from ledger.blocks.commit import Commit
from ledger.blocks.errors import DecodingError, InvalidBlock
from ledger.blocks.header import Header
from ledger.blocks.ids import BlockID, PartSetHeader, sha256

PART_BYTES = 65_536
EVIDENCE_HASH = merkle.EMPTY_ROOT


def tx_hash(tx: bytes) -> bytes:
    """Id of a transaction and its leaf in the data tree, 32 bytes."""
    return sha256(tx)


def data_hash(txs: Sequence[bytes]) -> bytes:
    """``data_hash`` of the header, 32 bytes."""
    return merkle.root([tx_hash(tx) for tx in txs])


def tx_proofs(txs: Sequence[bytes]) -> list[merkle.Proof]:
    """One membership proof per transaction; verify it with ``tx_hash(tx)`` as the leaf."""
    return merkle.prove([tx_hash(tx) for tx in txs])[1]


def part_set(encoded: bytes) -> tuple[PartSetHeader, list[bytes]]:
    """Parts of at most 64 KiB of an encoded block, and their header."""
    parts = [encoded[at : at + PART_BYTES] for at in range(0, len(encoded), PART_BYTES)]
    return PartSetHeader(len(parts), merkle.root(parts)), parts


@dataclass(frozen=True, slots=True)
class Block:
    """One block; ``last_commit`` holds the votes for the block before it."""

    header: Header
    txs: tuple[bytes, ...]
    last_commit: Commit

    def encode(self) -> bytes:
        """Protobuf body of ``tendermint.types.Block``."""
        data = b"".join(proto.message_field(1, tx) for tx in self.txs)
        return (
            proto.message_field(1, self.header.encode())
            + proto.message_field(2, data)
            + proto.message_field(3, b"")
            + proto.message_field(4, self.last_commit.encode())
        )

    @classmethod
    def decode(cls, body: bytes) -> Block:
        """Inverse of :meth:`encode`; raises :class:`DecodingError`."""
        reader = proto.Reader(body, "Block")
        header = Header.decode(reader.message(1))
        data = proto.Reader(reader.message(2), "Block.data")
        txs = tuple(data.repeated(1))
        data.finish()
        if reader.message(3):
            raise DecodingError("Block: carries evidence, which chains of this project never do")
        block = cls(header, txs, Commit.decode(reader.message(4)))
        reader.finish()
        return block

    def part_set_header(self) -> PartSetHeader:
        """Header of the block's parts."""
        return part_set(self.encode())[0]

    def block_id(self) -> BlockID:
        """Name of this block, complete."""
        return BlockID(self.header.hash(), self.part_set_header())

    def check(self) -> None:
        """Raise :class:`InvalidField` unless header and body fit each other."""
        self.header.check()
        self.last_commit.check()
        for name, expected in (
            ("last_commit_hash", self.last_commit.hash()),
            ("data_hash", data_hash(self.txs)),
            ("evidence_hash", EVIDENCE_HASH),
        ):
            actual: bytes = getattr(self.header, name)
            if actual != expected:
                raise InvalidBlock(
                    f"block {self.header.height}: {name} is {actual.hex()}, but the body's is"
                    f" {expected.hex()}"
                )
