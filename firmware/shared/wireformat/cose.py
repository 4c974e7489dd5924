"""COSE_Sign1 (RFC 9052 section 4.2) without any crypto: bytes to sign, assemble, split.

The envelope is always `18([protected, {}, payload, signature])` with protected
`{1: -8 (EdDSA), 4: kid}`, kid of 8 bytes and an Ed25519 signature of 64. The external_aad binds
record type and chain: `truewatt/1|<type>|<chain id>`.
"""

from wireformat import cbor
from wireformat.errors import CoseError

KID_BYTES = 8
SIGNATURE_BYTES = 64

_ALG, _KID, _EDDSA = 1, 4, -8

# Deterministic encoding leaves one form of each of these, so they are written and compared whole.
_HEADER = b"\xa2\x01\x27\x04\x48"  # {1: -8, 4: kid}, the 8 bytes of kid to follow
_TAGGED = b"\xd2\x84"  # tag 18, array of four
_START = _TAGGED + b"\x4d" + _HEADER
_EMPTY_MAP = 0xA0
_SIGNATURE_HEAD = b"\x58\x40"
_CONTEXT = b"\x84\x6aSignature1"  # array of four, its first item
_PAYLOAD_AT = len(_START) + KID_BYTES + 1

OVERHEAD_BYTES = _PAYLOAD_AT + 2 + 2 + SIGNATURE_BYTES
"""What the envelope adds to a payload of 24 to 255 bytes."""


class Envelope:
    """A split COSE_Sign1. `protected` and `payload` are the exact bytes that were signed."""

    def __init__(self, kid: bytes, protected: bytes, payload: bytes, signature: bytes) -> None:
        self.kid = kid
        self.protected = protected
        self.payload = payload
        self.signature = signature

    def to_be_signed(self, aad: bytes) -> bytes:
        """The bytes that `signature` must sign, for the external_aad that the reader expects."""
        return to_be_signed(self.protected, aad, self.payload)


def external_aad(record_type: str, chain_id: str) -> bytes:
    """What a signature is bound to beyond its payload."""
    if "|" in chain_id or not chain_id:
        raise CoseError("chain id %r is empty or holds '|'" % chain_id)
    return cbor.utf8_bytes("truewatt/1|%s|%s" % (record_type, chain_id))


def protected_header(kid: bytes) -> bytes:
    """The protected header's bytes for the key `kid` (8 bytes)."""
    if len(kid) != KID_BYTES:
        raise CoseError("kid of %d bytes, not %d" % (len(kid), KID_BYTES))
    return _HEADER + bytes(kid)


def to_be_signed(protected: bytes, aad: bytes, payload: bytes) -> bytes:
    """Sig_structure of RFC 9052 section 4.4, context "Signature1"."""
    out = bytearray(_CONTEXT)
    for part in (protected, aad, payload):
        cbor.put(out, part, 1)
    return bytes(out)


def assemble(protected: bytes, payload: bytes, signature: bytes) -> bytes:
    """The envelope's bytes from its parts."""
    if len(signature) != SIGNATURE_BYTES:
        raise CoseError("signature of %d bytes, not %d" % (len(signature), SIGNATURE_BYTES))
    out = bytearray(_TAGGED)
    cbor.put(out, protected, 2)
    out.append(_EMPTY_MAP)
    cbor.put(out, payload, 2)
    cbor.put(out, signature, 2)
    return bytes(out)


def split(data: bytes, max_bytes: int = 1024) -> Envelope:
    """Take an envelope apart; refuses every other shape. Proves nothing about the signature."""
    data = bytes(data)
    if len(data) <= max_bytes:
        envelope = _split_at_fixed_places(data)
        if envelope is not None:
            return envelope
    return _split_by_parsing(data, max_bytes)


def _split_at_fixed_places(data: bytes) -> "Envelope | None":
    """The envelope in `data`; None says only that something is wrong somewhere."""
    body = len(data) - SIGNATURE_BYTES - 2
    if body <= _PAYLOAD_AT or data[: len(_START)] != _START:
        return None
    if data[_PAYLOAD_AT - 1] != _EMPTY_MAP or data[body : body + 2] != _SIGNATURE_HEAD:
        return None
    reader = cbor.Reader(data, _PAYLOAD_AT)
    payload = reader.item(2)
    if reader.at != body or not isinstance(payload, bytes):
        return None
    protected = data[3 : _PAYLOAD_AT - 1]
    return Envelope(data[len(_START) : _PAYLOAD_AT - 1], protected, payload, data[body + 2 :])


def _split_by_parsing(data: bytes, max_bytes: int) -> Envelope:
    """The same by way of a full parse, which names what is wrong."""
    item = cbor.decode(data, max_bytes)
    if not isinstance(item, cbor.Tag):
        raise CoseError("no COSE_Sign1 tag", 0)
    parts = item.value
    if not isinstance(parts, list) or len(parts) != 4:
        raise CoseError("not an array of four", 1)
    protected, unprotected, payload, signature = parts
    if unprotected != {} or not isinstance(unprotected, dict):
        raise CoseError("unprotected header is not empty", 1)
    for name, part in (("protected", protected), ("payload", payload), ("signature", signature)):
        if not isinstance(part, bytes):
            raise CoseError("%s is no byte string" % name, 1)
    if len(signature) != SIGNATURE_BYTES:
        raise CoseError("signature of %d bytes, not %d" % (len(signature), SIGNATURE_BYTES), 1)
    return Envelope(_kid(protected), protected, payload, signature)


def _kid(protected: bytes) -> bytes:
    header = cbor.decode(protected, 32)
    if not isinstance(header, dict) or len(header) != 2 or header.get(_ALG) != _EDDSA:
        raise CoseError("protected header is not {1: -8, 4: kid}", 1)
    kid = header.get(_KID)
    if not isinstance(kid, bytes) or len(kid) != KID_BYTES:
        raise CoseError("kid is not %d bytes" % KID_BYTES, 1)
    return kid
