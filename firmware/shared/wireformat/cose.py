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
    return ("truewatt/1|%s|%s" % (record_type, chain_id)).encode()


def protected_header(kid: bytes) -> bytes:
    """The protected header's bytes for the key `kid` (8 bytes)."""
    if len(kid) != KID_BYTES:
        raise CoseError("kid of %d bytes, not %d" % (len(kid), KID_BYTES))
    return cbor.encode({_ALG: _EDDSA, _KID: kid})


def to_be_signed(protected: bytes, aad: bytes, payload: bytes) -> bytes:
    """Sig_structure of RFC 9052 section 4.4, context "Signature1"."""
    return cbor.encode(["Signature1", protected, aad, payload])


def assemble(protected: bytes, payload: bytes, signature: bytes) -> bytes:
    """The envelope's bytes from its parts."""
    if len(signature) != SIGNATURE_BYTES:
        raise CoseError("signature of %d bytes, not %d" % (len(signature), SIGNATURE_BYTES))
    return cbor.encode(cbor.Tag(cbor.COSE_SIGN1_TAG, [protected, {}, payload, signature]))


def split(data: bytes, max_bytes: int = 1024) -> Envelope:
    """Take an envelope apart; refuses every other shape. Proves nothing about the signature."""
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
