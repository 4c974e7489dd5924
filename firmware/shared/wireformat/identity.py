"""Who a key is and which record follows which."""

import hashlib

from wireformat.cose import KID_BYTES

ADDRESS_BYTES = 20
PREV_BYTES = 16
GENESIS_PREV = bytes(PREV_BYTES)
"""Previous-hash of the first record that a board ever signs."""


def address(public_key: bytes) -> bytes:
    """SHA-256(public key)[:20], as CometBFT's validator addresses."""
    return hashlib.sha256(public_key).digest()[:ADDRESS_BYTES]


def kid(public_key: bytes) -> bytes:
    """Key id of the COSE header: the first 8 bytes of the address."""
    return address(public_key)[:KID_BYTES]


def record_hash(record: bytes) -> bytes:
    """SHA-256 over a record's signed bytes (32 bytes): what an ack names."""
    return hashlib.sha256(record).digest()


def prev_hash(record: bytes) -> bytes:
    """What the record after this one carries as its previous-hash (16 bytes)."""
    return record_hash(record)[:PREV_BYTES]
