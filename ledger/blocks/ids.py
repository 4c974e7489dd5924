"""What names a block: its header hash and its part-set hash; plus the hash and address primitives.

    BlockID(hash, parts)    PartSetHeader(total, hash)    ZERO_BLOCK_ID
    sha256(data), address(public_key), check_hash(name, value), check_address(name, value)

Source: CometBFT v0.38 ``spec/core/data_structures.md``, BlockID and PartSetHeader.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ledger.blocks import proto
from ledger.blocks.errors import InvalidField, InvalidHash

HASH_BYTES = 32
ADDRESS_BYTES = 20
PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64


def sha256(data: bytes) -> bytes:
    """SHA-256, 32 bytes."""
    return hashlib.sha256(data).digest()


def address(public_key: bytes) -> bytes:
    """Address of an Ed25519 key: the first 20 bytes of its SHA-256."""
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise InvalidHash(f"an Ed25519 public key has 32 bytes, not {len(public_key)}")
    return sha256(public_key)[:ADDRESS_BYTES]


def check_hash(name: str, value: bytes) -> None:
    """Raise :class:`InvalidHash` unless ``value`` is empty or 32 bytes."""
    if len(value) not in (0, HASH_BYTES):
        raise InvalidHash(f"{name} has {len(value)} bytes; expected 32, or none")


def check_address(name: str, value: bytes) -> None:
    """Raise :class:`InvalidHash` unless ``value`` is 20 bytes."""
    if len(value) != ADDRESS_BYTES:
        raise InvalidHash(f"{name} has {len(value)} bytes; expected {ADDRESS_BYTES}")


@dataclass(frozen=True, slots=True)
class PartSetHeader:
    """Count of a block's 64 KiB parts and their Merkle root."""

    total: int = 0
    hash: bytes = b""

    def encode(self) -> bytes:
        """Protobuf body of ``tendermint.types.PartSetHeader``."""
        return proto.uint_field(1, self.total) + proto.bytes_field(2, self.hash)

    @classmethod
    def decode(cls, body: bytes) -> PartSetHeader:
        """Inverse of :meth:`encode`; raises :class:`DecodingError`."""
        reader = proto.Reader(body, "PartSetHeader")
        parts = cls(reader.uint(1, bits=32), reader.blob(2))
        reader.finish()
        return parts

    def check(self) -> None:
        """Raise :class:`InvalidField` on a count or length that cannot be."""
        if not 0 <= self.total < 1 << 32:
            raise InvalidField(f"part set total {self.total} does not fit 32 bits")
        check_hash("part set hash", self.hash)


@dataclass(frozen=True, slots=True)
class BlockID:
    """Header hash and part-set header; all zero for a vote for no block."""

    hash: bytes = b""
    parts: PartSetHeader = PartSetHeader()

    @property
    def is_zero(self) -> bool:
        """True for the id of no block."""
        return self == ZERO_BLOCK_ID

    @property
    def is_complete(self) -> bool:
        """True for the id of a block that exists as a whole."""
        hashes = (self.hash, self.parts.hash)
        return self.parts.total > 0 and all(len(value) == HASH_BYTES for value in hashes)

    def encode(self) -> bytes:
        """Protobuf body of ``tendermint.types.BlockID`` (and of ``CanonicalBlockID``)."""
        return proto.bytes_field(1, self.hash) + proto.message_field(2, self.parts.encode())

    @classmethod
    def decode(cls, body: bytes) -> BlockID:
        """Inverse of :meth:`encode`; raises :class:`DecodingError`."""
        reader = proto.Reader(body, "BlockID")
        block_id = cls(reader.blob(1), PartSetHeader.decode(reader.message(2)))
        reader.finish()
        return block_id

    def check(self) -> None:
        """Raise :class:`InvalidField` on lengths that cannot be."""
        check_hash("block hash", self.hash)
        self.parts.check()


ZERO_BLOCK_ID = BlockID()
