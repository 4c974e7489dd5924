"""Validators (Ed25519) and their set, whose order and hash consensus depends on.

    Validator(public_key, power, priority=0)
    ValidatorSet.of(validators)            # sorted as consensus demands
    ValidatorSet(validators)               # taken in the given order, which must be that one
    validator_set.hash() / .total_power / .find(address) / .with_changes(changes)

Order: power descending, then address ascending. The hash covers key and power only. The proposer
priority is carried through (RPC, storage) and not computed: with one validator it is always 0.
Source: CometBFT v0.38 ``spec/core/data_structures.md`` (ValidatorSet), ``types/validator_set.go``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ledger import merkle
from ledger.blocks import proto
from ledger.blocks.errors import DecodingError, InvalidValidators
from ledger.blocks.ids import PUBLIC_KEY_BYTES, address

MAX_TOTAL_POWER = ((1 << 63) - 1) // 8


@dataclass(frozen=True, slots=True)
class Validator:
    """One authority: Ed25519 ``public_key`` (32 bytes) and its voting ``power``."""

    public_key: bytes
    power: int
    # Changes every round and is no part of who a validator is: neither hashed nor compared.
    priority: int = field(default=0, compare=False)

    @property
    def address(self) -> bytes:
        """First 20 bytes of the SHA-256 of the key."""
        return address(self.public_key)

    def leaf(self) -> bytes:
        """Protobuf body of ``SimpleValidator``: this validator's leaf in the set's hash."""
        return proto.message_field(1, self._key()) + proto.int64_field(2, self.power)

    def encode(self) -> bytes:
        """Protobuf body of ``tendermint.types.Validator``."""
        return (
            proto.bytes_field(1, self.address)
            + proto.message_field(2, self._key())
            + proto.int64_field(3, self.power)
            + proto.int64_field(4, self.priority)
        )

    @classmethod
    def decode(cls, body: bytes) -> Validator:
        """Inverse of :meth:`encode`; raises :class:`DecodingError` also on a foreign address."""
        reader = proto.Reader(body, "Validator")
        written_address = reader.blob(1)
        key = proto.Reader(reader.message(2), "Validator.pub_key")
        validator = cls(key.blob(1), reader.int64(3), reader.int64(4))
        key.finish()
        reader.finish()
        if len(validator.public_key) != PUBLIC_KEY_BYTES:
            raise DecodingError("Validator: the public key is not Ed25519 (32 bytes)")
        if validator.address != written_address:
            raise DecodingError("Validator: the address is not that of the public key")
        return validator

    def _key(self) -> bytes:
        return proto.bytes_field(1, self.public_key)


def _order(validator: Validator) -> tuple[int, bytes]:
    return -validator.power, validator.address


@dataclass(frozen=True, slots=True)
class ValidatorSet:
    """Validators of one height; commits refer to them by index."""

    validators: tuple[Validator, ...]

    def __post_init__(self) -> None:
        if not self.validators:
            raise InvalidValidators("a validator set needs at least one validator")
        if any(validator.power <= 0 for validator in self.validators):
            raise InvalidValidators("every validator needs a power of at least 1")
        if self.total_power > MAX_TOTAL_POWER:
            raise InvalidValidators(f"total power {self.total_power} exceeds {MAX_TOTAL_POWER}")
        if len({validator.address for validator in self.validators}) != len(self.validators):
            raise InvalidValidators("a validator stands in the set twice")
        if list(self.validators) != sorted(self.validators, key=_order):
            raise InvalidValidators("not sorted by power descending, then address ascending")

    @classmethod
    def of(cls, validators: Iterable[Validator]) -> ValidatorSet:
        """Set of ``validators``, sorted; raises :class:`InvalidValidators`."""
        return cls(tuple(sorted(validators, key=_order)))

    @property
    def total_power(self) -> int:
        """Sum of all powers."""
        return sum(validator.power for validator in self.validators)

    @property
    def proposer(self) -> Validator:
        """Validator of highest priority, lowest address on a tie: the only one in a set of one."""
        return min(
            self.validators,
            key=lambda validator: (-validator.priority, validator.address),
        )

    def hash(self) -> bytes:
        """``validators_hash``, 32 bytes."""
        return merkle.root([validator.leaf() for validator in self.validators])

    def find(self, wanted: bytes) -> Validator | None:
        """Validator of address ``wanted``, or ``None``."""
        return next((v for v in self.validators if v.address == wanted), None)

    def with_changes(self, changes: Iterable[Validator]) -> ValidatorSet:
        """Set after ABCI validator updates: power 0 removes, any other adds or replaces."""
        merged = {validator.public_key: validator for validator in self.validators}
        seen: set[bytes] = set()
        for change in changes:
            if change.public_key in seen:
                raise InvalidValidators(f"two changes of validator {change.address.hex()}")
            seen.add(change.public_key)
            if change.power:
                merged[change.public_key] = change
            elif merged.pop(change.public_key, None) is None:
                raise InvalidValidators(f"validator {change.address.hex()} is not there to remove")
        return ValidatorSet.of(merged.values())

    def encode(self) -> bytes:
        """Protobuf body of ``tendermint.types.ValidatorSet`` (total power 0, as CometBFT does)."""
        listed = b"".join(proto.message_field(1, v.encode()) for v in self.validators)
        return listed + proto.message_field(2, self.proposer.encode())

    @classmethod
    def decode(cls, body: bytes) -> ValidatorSet:
        """Inverse of :meth:`encode`; the proposer follows from the priorities."""
        reader = proto.Reader(body, "ValidatorSet")
        validators = tuple(Validator.decode(entry) for entry in reader.repeated(1))
        Validator.decode(reader.message(2))
        reader.finish()
        return cls(validators)
