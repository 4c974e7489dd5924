"""Block header: fourteen fields, each a leaf of the Merkle tree whose root is the block hash.

    Header(...).hash() -> bytes        .encode() / Header.decode(body)        .check()

Source: CometBFT v0.38 ``spec/core/data_structures.md`` (Header) and ``types/block.go``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ledger import merkle
from ledger.blocks import proto
from ledger.blocks.errors import InvalidField
from ledger.blocks.ids import BlockID, check_address, check_hash
from ledger.blocks.times import check_time, decode_timestamp, encode_timestamp

BLOCK_PROTOCOL = 11  # CometBFT v0.38 version.BlockProtocol
MAX_CHAIN_ID_CHARS = 50
_HASHES_KEPT = 256
"""Whoever follows a chain asks the newest headers for their hash again and again."""
MAX_HEIGHT = (1 << 63) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Header of one block; ``time_ns`` is nanoseconds since 1970, hashes are 32 bytes or empty.

    ``app_hash`` and ``last_results_hash`` describe the state after the block before this one.
    """

    chain_id: str
    height: int
    time_ns: int
    last_block_id: BlockID
    last_commit_hash: bytes
    data_hash: bytes
    validators_hash: bytes
    next_validators_hash: bytes
    consensus_hash: bytes
    app_hash: bytes
    last_results_hash: bytes
    evidence_hash: bytes
    proposer_address: bytes
    block_version: int = BLOCK_PROTOCOL
    app_version: int = 0

    def hash(self) -> bytes:
        """Block hash, 32 bytes: RFC 6962 root over the protobuf form of each field."""
        return _hash(self)

    def _leaves(self) -> list[bytes]:
        return [
            self._version(),
            proto.string_field(1, self.chain_id),
            proto.int64_field(1, self.height),
            encode_timestamp(self.time_ns),
            self.last_block_id.encode(),
            *(proto.bytes_field(1, value) for value in self._hashes()),
        ]

    def encode(self) -> bytes:
        """Protobuf body of ``tendermint.types.Header``."""
        head = (
            proto.message_field(1, self._version())
            + proto.string_field(2, self.chain_id)
            + proto.int64_field(3, self.height)
            + proto.message_field(4, encode_timestamp(self.time_ns))
            + proto.message_field(5, self.last_block_id.encode())
        )
        numbered = enumerate(self._hashes(), start=6)
        return head + b"".join(proto.bytes_field(field, value) for field, value in numbered)

    @classmethod
    def decode(cls, body: bytes) -> Header:
        """Inverse of :meth:`encode`; raises :class:`DecodingError`."""
        reader = proto.Reader(body, "Header")
        version = proto.Reader(reader.message(1), "Header.version")
        header = cls(
            block_version=version.uint(1),
            app_version=version.uint(2),
            chain_id=reader.string(2),
            height=reader.int64(3),
            time_ns=decode_timestamp(reader.message(4), "Header.time"),
            last_block_id=BlockID.decode(reader.message(5)),
            last_commit_hash=reader.blob(6),
            data_hash=reader.blob(7),
            validators_hash=reader.blob(8),
            next_validators_hash=reader.blob(9),
            consensus_hash=reader.blob(10),
            app_hash=reader.blob(11),
            last_results_hash=reader.blob(12),
            evidence_hash=reader.blob(13),
            proposer_address=reader.blob(14),
        )
        version.finish()
        reader.finish()
        return header

    def check(self) -> None:
        """Raise :class:`InvalidField` on what no chain of this format can hold."""
        if self.block_version != BLOCK_PROTOCOL:
            raise InvalidField(f"block protocol {self.block_version}; expected {BLOCK_PROTOCOL}")
        if not 0 <= self.app_version < 1 << 64:
            raise InvalidField(f"app version {self.app_version} does not fit 64 bits")
        if not 0 < len(proto.utf8(self.chain_id)) <= MAX_CHAIN_ID_CHARS:
            raise InvalidField(
                f"chain id {self.chain_id!r} must have 1..{MAX_CHAIN_ID_CHARS} bytes"
            )
        if not 0 < self.height <= MAX_HEIGHT:
            raise InvalidField(f"height {self.height} is outside 1..2**63-1")
        check_time(self.time_ns)
        self.last_block_id.check()
        self._check_hashes()

    def _check_hashes(self) -> None:
        for name in (
            "last_commit_hash",
            "data_hash",
            "validators_hash",
            "next_validators_hash",
            "consensus_hash",
            "last_results_hash",
            "evidence_hash",
        ):
            check_hash(name, getattr(self, name))
        if not self.validators_hash:
            raise InvalidField("validators_hash is empty: such a header has no hash")
        check_address("proposer_address", self.proposer_address)

    def _version(self) -> bytes:
        return proto.uint_field(1, self.block_version) + proto.uint_field(2, self.app_version)

    def _hashes(self) -> tuple[bytes, ...]:
        """Fields 6 to 14 in order; ``app_hash`` is the one of free length."""
        return (
            self.last_commit_hash,
            self.data_hash,
            self.validators_hash,
            self.next_validators_hash,
            self.consensus_hash,
            self.app_hash,
            self.last_results_hash,
            self.evidence_hash,
            self.proposer_address,
        )


@lru_cache(maxsize=_HASHES_KEPT)
def _hash(header: Header) -> bytes:
    return merkle.root(header._leaves())
