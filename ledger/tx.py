"""Transactions: a COSE_Sign1 (aad type "tx") over {0: nonce, 1: kind, 2: body}.

    make_tx(seed, chain_id, nonce, kind, body) -> bytes
    open_tx(data, chain_id) -> Tx            # shape only; then tx.check_signature(public_key)

The envelope names its signer by key id alone; the registry turns that into a public key. A body is
a map with integer keys; `ledger.contracts.bodies` holds one schema per kind. `nonce` grows strictly
per signer, gaps allowed.

TxError
+- MalformedTx        bytes that are no transaction at all
|  +- OversizedTx     longer than MAX_TX_BYTES
+- BadTxSignature     a signature that is not the signer's for this chain
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from wireformat import cbor, cose, identity
from wireformat.errors import WireError
from wireformat.schema import U48

TX_TYPE = "tx"
MAX_TX_BYTES = 32_768
MAX_KIND_CHARS = 24

_NONCE, _KIND, _BODY = 0, 1, 2


class TxError(ValueError):
    """A transaction that no block may hold."""


class MalformedTx(TxError):
    """Bytes that are not a transaction of this format; the text says at which byte."""


class OversizedTx(MalformedTx):
    """A transaction above `MAX_TX_BYTES`; split the batch."""


class BadTxSignature(TxError):
    """The signature is not that of the named key over these bytes and this chain id."""


@dataclass(frozen=True, slots=True)
class Tx:
    """A transaction taken apart; proves nothing before `check_signature`."""

    kid: bytes
    nonce: int
    kind: str
    body: Mapping[int, object]
    signature: bytes
    to_be_signed: bytes

    def check_signature(self, public_key: bytes) -> None:
        """Raise `BadTxSignature` unless `public_key` signed (RFC 8032, libsodium's acceptance)."""
        if not signature_holds(public_key, self.to_be_signed, self.signature):
            raise BadTxSignature(f"signature of key {self.kid.hex()} over a {self.kind!r} is wrong")


def signature_holds(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Ed25519 by libsodium's rule: canonical A and R, S < L, no small order, cofactorless."""
    try:
        VerifyKey(public_key).verify(message, signature)
    except (BadSignatureError, ValueError):
        return False
    return True


def tx_id(data: bytes) -> bytes:
    """SHA-256 of the transaction, as in the block's data tree (32 bytes)."""
    return hashlib.sha256(data).digest()


def make_tx(seed: bytes, chain_id: str, nonce: int, kind: str, body: Mapping[int, object]) -> bytes:
    """A signed transaction; raises `TxError` for what `open_tx` would refuse."""
    key = SigningKey(seed)
    try:
        payload = cbor.encode({_NONCE: nonce, _KIND: kind, _BODY: dict(body)})
        protected = cose.protected_header(identity.kid(bytes(key.verify_key)))
        aad = cose.external_aad(TX_TYPE, chain_id)
        message = cose.to_be_signed(protected, aad, payload)
        data = cose.assemble(protected, payload, key.sign(message).signature)
    except WireError as error:
        raise MalformedTx(str(error)) from error
    open_tx(data, chain_id)
    return data


def open_tx(data: bytes, chain_id: str) -> Tx:
    """Parse a transaction; raises `MalformedTx`. The signature stays unchecked."""
    if len(data) > MAX_TX_BYTES:
        raise OversizedTx(f"transaction of {len(data)} bytes, at most {MAX_TX_BYTES}")
    try:
        envelope = cose.split(data, MAX_TX_BYTES)
        message = envelope.to_be_signed(cose.external_aad(TX_TYPE, chain_id))
        pairs = cbor.decode(envelope.payload, MAX_TX_BYTES)
    except WireError as error:
        raise MalformedTx(str(error)) from error
    nonce, kind, body = _checked(pairs)
    return Tx(envelope.kid, nonce, kind, body, envelope.signature, message)


def _checked(pairs: object) -> tuple[int, str, dict[int, object]]:
    if not isinstance(pairs, dict) or set(pairs) != {_NONCE, _KIND, _BODY}:
        raise MalformedTx("payload is not {0: nonce, 1: kind, 2: body}")
    nonce, kind, body = pairs[_NONCE], pairs[_KIND], pairs[_BODY]
    if isinstance(nonce, bool) or not isinstance(nonce, int) or not 0 < nonce <= U48:
        raise MalformedTx(f"nonce is no integer of 1..{U48}")
    if not isinstance(kind, str) or not 1 <= len(kind) <= MAX_KIND_CHARS:
        raise MalformedTx(f"kind is no text of 1..{MAX_KIND_CHARS} characters")
    if not isinstance(body, dict) or not all(isinstance(key, int) for key in body):
        raise MalformedTx("body is no map with integer keys")
    return nonce, kind, body
