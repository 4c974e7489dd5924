"""Records that are not what they say: forged, retargeted, damaged, and bombs for CBOR readers."""

from dataclasses import dataclass

from nacl.signing import SigningKey

from wireformat import cose, registry
from wireformat.schema import Record, Unsigned

STRANGER = b"\x77" * 32
"""Seed of a key that nobody ever enrolled or certified."""


def opened(code: int, data: bytes, chain_id: str) -> Record:
    """The record in signed bytes; its signature is not looked at."""
    return registry.open_signed(code, data, chain_id).record


def under_another_name(record: Record, kid: bytes, chain_id: str, seed: bytes = STRANGER) -> bytes:
    """A record that names the key `kid` and is signed with `seed`."""
    protected = cose.protected_header(kid)
    payload = record.payload()
    aad = cose.external_aad(record.TYPE, chain_id)
    signature = SigningKey(seed).sign(cose.to_be_signed(protected, aad, payload)).signature
    return cose.assemble(protected, payload, signature)


def flipped(data: bytes, bit: int) -> bytes:
    """One bit the other way; bit 0 is the highest of the first byte."""
    changed = bytearray(data)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


def of_another_chain(record: Record, public_key: bytes) -> bytes:
    """The record as signed for another chain, with a signature of zeros."""
    return Unsigned(record, public_key, "another-chain").with_signature(bytes(64))


@dataclass(frozen=True)
class Bomb:
    """Bytes that make a careless CBOR reader allocate, recurse or loop."""

    name: str
    data: bytes


def bombs(most_bytes: int = 240) -> list[Bomb]:
    """Bombs of at most `most_bytes` (RFC 8949: counts that nothing backs, nesting, no end)."""
    return [
        Bomb("an array of 2^64-1 items", b"\x9b" + b"\xff" * 8),
        Bomb("a map of 2^32-1 pairs", b"\xba" + b"\xff" * 4),
        Bomb("a byte string of 4 GiB", b"\x5a" + b"\xff" * 4 + b"x"),
        Bomb("arrays in arrays", b"\x81" * (most_bytes - 1) + b"\x00"),
        Bomb("tags on tags", b"\xc6" * (most_bytes - 1) + b"\x00"),
        Bomb("an array without an end", b"\x9f" * most_bytes),
        Bomb("envelope around nesting", _enveloped(b"\x81" * 100)),
        Bomb("envelope around a huge count", _enveloped(b"\xbb" + b"\xff" * 8)),
    ]


def _enveloped(payload: bytes) -> bytes:
    return cose.assemble(cose.protected_header(bytes(8)), payload, bytes(64))
