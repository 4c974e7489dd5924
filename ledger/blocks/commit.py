"""Votes for a block and the bytes that they sign.

    Commit(height, round, block_id, signatures).hash() / .encode() / .check()
    commit.vote_sign_bytes(chain_id, index) -> bytes
    vote_sign_bytes(chain_id, height, round, block_id, time_ns, vote_type) -> bytes

Source: CometBFT v0.38 ``spec/core/data_structures.md`` (Commit, CommitSig, CanonicalVote) and
``spec/core/encoding.md`` (sign-bytes are length-delimited).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from ledger import merkle
from ledger.blocks import proto
from ledger.blocks.errors import DecodingError, InvalidCommit
from ledger.blocks.ids import SIGNATURE_BYTES, ZERO_BLOCK_ID, BlockID, check_address
from ledger.blocks.times import (
    ZERO_TIME_NS,
    check_time,
    decode_timestamp,
    encode_timestamp,
)

MAX_ROUND = (1 << 31) - 1


class VoteType(IntEnum):
    """``SignedMsgType`` of a vote."""

    PREVOTE = 1
    PRECOMMIT = 2


class BlockIDFlag(IntEnum):
    """What one validator's entry in a commit stands for."""

    ABSENT = 1
    COMMIT = 2
    NIL = 3


def vote_sign_bytes(
    chain_id: str,
    height: int,
    round_: int,
    block_id: BlockID,
    time_ns: int,
    vote_type: VoteType = VoteType.PRECOMMIT,
) -> bytes:
    """Bytes that a validator signs: a length-delimited ``CanonicalVote``."""
    canonical_id = b"" if block_id.is_zero else proto.message_field(4, block_id.encode())
    return proto.delimited(
        proto.uint_field(1, vote_type)
        + proto.sfixed64_field(2, height)
        + proto.sfixed64_field(3, round_)
        + canonical_id
        + proto.message_field(5, encode_timestamp(time_ns))
        + proto.string_field(6, chain_id)
    )


@dataclass(frozen=True, slots=True)
class CommitSig:
    """One validator's entry; an absent one carries no address, no signature and Go's zero time."""

    flag: BlockIDFlag
    validator_address: bytes
    time_ns: int
    signature: bytes

    def encode(self) -> bytes:
        """Protobuf body of ``tendermint.types.CommitSig``."""
        return (
            proto.uint_field(1, self.flag)
            + proto.bytes_field(2, self.validator_address)
            + proto.message_field(3, encode_timestamp(self.time_ns))
            + proto.bytes_field(4, self.signature)
        )

    @classmethod
    def decode(cls, body: bytes) -> CommitSig:
        """Inverse of :meth:`encode`; raises :class:`DecodingError`."""
        reader = proto.Reader(body, "CommitSig")
        flag = reader.uint(1)
        if flag not in BlockIDFlag.__members__.values():
            raise DecodingError(f"CommitSig: block id flag {flag} is not 1, 2 or 3")
        sig = cls(
            BlockIDFlag(flag),
            reader.blob(2),
            decode_timestamp(reader.message(3), "CommitSig.timestamp"),
            reader.blob(4),
        )
        reader.finish()
        return sig

    def check(self) -> None:
        """Raise :class:`InvalidField` on contents that do not belong to the flag."""
        if self.flag is BlockIDFlag.ABSENT:
            if self != ABSENT_SIG:
                raise InvalidCommit("an absent vote carries an address, a time or a signature")
            return
        check_address("validator_address", self.validator_address)
        check_time(self.time_ns)
        if not 0 < len(self.signature) <= SIGNATURE_BYTES:
            raise InvalidCommit(f"vote signature has {len(self.signature)} bytes; expected 64")


ABSENT_SIG = CommitSig(BlockIDFlag.ABSENT, b"", ZERO_TIME_NS, b"")


@dataclass(frozen=True, slots=True)
class Commit:
    """Votes of all validators, in the order of their set, for the block of ``height``."""

    height: int
    round: int
    block_id: BlockID
    signatures: tuple[CommitSig, ...]

    def hash(self) -> bytes:
        """``last_commit_hash`` of the next header: root over the encoded entries."""
        return merkle.root([sig.encode() for sig in self.signatures])

    def vote_sign_bytes(self, chain_id: str, index: int) -> bytes:
        """Bytes under the signature of entry ``index``; a NIL vote names no block."""
        sig = self.signatures[index]
        voted_id = self.block_id if sig.flag is BlockIDFlag.COMMIT else ZERO_BLOCK_ID
        return vote_sign_bytes(chain_id, self.height, self.round, voted_id, sig.time_ns)

    def encode(self) -> bytes:
        """Protobuf body of ``tendermint.types.Commit``."""
        return (
            proto.int64_field(1, self.height)
            + proto.int64_field(2, self.round)
            + proto.message_field(3, self.block_id.encode())
            + b"".join(proto.message_field(4, sig.encode()) for sig in self.signatures)
        )

    @classmethod
    def decode(cls, body: bytes) -> Commit:
        """Inverse of :meth:`encode`; raises :class:`DecodingError`."""
        reader = proto.Reader(body, "Commit")
        height, round_ = reader.int64(1), reader.int64(2, bits=32)
        block_id = BlockID.decode(reader.message(3))
        signatures = tuple(CommitSig.decode(entry) for entry in reader.repeated(4))
        reader.finish()
        return cls(height, round_, block_id, signatures)

    def check(self) -> None:
        """Raise :class:`InvalidField` on what no commit can hold; signatures stay unchecked."""
        if self.height < 0 or not 0 <= self.round <= MAX_ROUND:
            raise InvalidCommit(f"commit of height {self.height}, round {self.round}: negative?")
        self.block_id.check()
        if self.height == 0:
            return
        if self.block_id.is_zero:
            raise InvalidCommit(f"commit of height {self.height} is for no block")
        if not self.signatures:
            raise InvalidCommit(f"commit of height {self.height} has no signatures")
        for sig in self.signatures:
            sig.check()


# The commit that the first block of a chain carries: of no block, by nobody.
EMPTY_COMMIT = Commit(0, 0, ZERO_BLOCK_ID, ())
