"""A short way to open well-formed records, for a gateway that takes thousands a second.

`cbor2`, in C, decodes; that its encoding of the result equals the input proves the bytes
deterministic, and the record's own schema is held against every field. Whatever isn't beyond doubt
is left to the strict way (`wireformat.registry`), which names what is wrong: this one accepts
nothing that the strict one would refuse.
"""

from functools import cache
from typing import Any

import cbor2

from wireformat import cose, registry
from wireformat.chained import Chained
from wireformat.schema import MAX_RECORD_BYTES, Record, Uint

_START = b"\xd2\x84\x4d\xa2\x01\x27\x04\x48"  # tag 18, array of four, protected header up to kid
_KID_AT = len(_START)
_MAP_AT = _KID_AT + cose.KID_BYTES
_PAYLOAD_AT = _MAP_AT + 1
_SIGNATURE_HEAD = b"\x58\x40"
_TAIL_BYTES = len(_SIGNATURE_HEAD) + cose.SIGNATURE_BYTES
_CONTEXT = b"\x84\x6aSignature1"
_EMPTY_MAP, _BYTES_8 = 0xA0, 0x58


class Envelope:
    """A record's parts, by their fixed places; nothing of it is checked beyond those."""

    __slots__ = ("kid", "payload", "signature", "to_be_signed")

    def __init__(self, kid: bytes, payload: bytes, signature: bytes, to_be_signed: bytes) -> None:
        self.kid = kid
        self.payload = payload
        self.signature = signature
        self.to_be_signed = to_be_signed


def split(code: int, data: bytes, chain_id: str) -> Envelope | None:
    """The envelope of a chained record; None: take the strict way."""
    body = len(data) - _TAIL_BYTES
    aad = _aad(code, chain_id)
    fits = body > _PAYLOAD_AT + 2 and len(data) <= MAX_RECORD_BYTES
    if aad is None or not fits or not data.startswith(_START):
        return None
    size = data[_PAYLOAD_AT + 1]
    placed = data[_MAP_AT] == _EMPTY_MAP and data[_PAYLOAD_AT] == _BYTES_8 and size >= 24
    if not placed or _PAYLOAD_AT + 2 + size != body or data[body : body + 2] != _SIGNATURE_HEAD:
        return None
    return Envelope(
        data[_KID_AT:_MAP_AT],
        data[_PAYLOAD_AT + 2 : body],
        data[body + 2 :],
        # The signed structure holds the same encodings of header and payload as the envelope.
        _CONTEXT + data[2:_MAP_AT] + aad + data[_PAYLOAD_AT:body],
    )


def record(code: int, payload: bytes) -> Chained | None:
    """The record in a payload; None: take the strict way."""
    cls, keys, checks = _schema(code)
    try:
        pairs = cbor2.loads(payload)
        exact = type(pairs) is dict and tuple(pairs) == keys and cbor2.dumps(pairs) == payload
    except Exception:  # whatever a decoder of all of CBOR makes of it, the strict way names it
        return None
    if not exact:
        return None
    fields = {}
    for key, name, kind, most in checks:
        value = pairs[key]
        # Most fields are unsigned integers; the kind itself is asked about all others.
        if type(value) is int and 0 <= value <= most:
            fields[name] = value
        elif kind.fault(value):
            return None
        else:
            fields[name] = value
    found: Chained = object.__new__(cls)
    found.__dict__ = fields
    return found


def opened(found: Chained, envelope: Envelope) -> registry.Opened:
    """As `registry.open_signed` gives it."""
    result = object.__new__(registry.Opened)
    result.record, result.kid = found, envelope.kid
    result.signature, result.to_be_signed = envelope.signature, envelope.to_be_signed
    return result


@cache
def _aad(code: int, chain_id: str) -> bytes | None:
    """The external_aad's encoding; None for a type that is no link of a chain."""
    cls = registry.BY_CODE.get(code)
    if cls is None or not cls.CHAINED:
        return None
    return bytes(cbor2.dumps(cose.external_aad(cls.TYPE, chain_id)))


@cache
def _schema(code: int) -> tuple[type[Chained], tuple[int, ...], list[tuple[int, str, Any, int]]]:
    """The class, its keys, and per field (key, name, kind, the most of an unsigned one or -1).

    No chained record has a field that may be left out.
    """
    cls: type[Record] = registry.BY_CODE[code]
    assert issubclass(cls, Chained)
    checks = [
        (key, name, kind, kind.high if isinstance(kind, Uint) else -1)
        for key, name, kind, _ in cls.FIELDS
    ]
    return cls, tuple(key for key, _, _, _ in cls.FIELDS), checks
