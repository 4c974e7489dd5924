"""A short way to open well-formed records, for a gateway that takes thousands a second.

One pattern, built from the record's own schema, proves a payload deterministic and all its fields
in their bounds (`shape`); then `cbor2`, in C, decodes it. Whatever isn't beyond doubt is left to
the strict way (`wireformat.registry`), which names what is wrong: this one accepts nothing that
the strict one would refuse.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import cbor2

from gateway.admit.shape import Bound, shape
from wireformat import cose, registry
from wireformat.chained import Chained
from wireformat.schema import MAX_RECORD_BYTES

_START = b"\xd2\x84\x4d\xa2\x01\x27\x04\x48"  # tag 18, array of four, protected header up to kid
_KID_AT = len(_START)
_MAP_AT = _KID_AT + cose.KID_BYTES
_PAYLOAD_AT = _MAP_AT + 1
_SIGNATURE_HEAD = b"\x58\x40"
_TAIL_BYTES = len(_SIGNATURE_HEAD) + cose.SIGNATURE_BYTES
_CONTEXT = b"\x84\x6aSignature1"
_EMPTY_MAP, _BYTES_8 = 0xA0, 0x58


class Envelope:
    """A record's parts, by their fixed places; nothing of it is checked beyond those.

    `signed`: the signature, then the bytes that it covers.
    """

    __slots__ = ("kid", "payload", "signed")

    def __init__(self, kid: bytes, payload: bytes, signed: bytes) -> None:
        self.kid = kid
        self.payload = payload
        self.signed = signed

    @property
    def to_be_signed(self) -> bytes:
        """What the signature covers (RFC 9052 section 4.4)."""
        return self.signed[cose.SIGNATURE_BYTES :]


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
        # The signed structure holds the same encodings of header and payload as the envelope.
        data[body + 2 :] + _CONTEXT + data[2:_MAP_AT] + aad + data[_PAYLOAD_AT:body],
    )


def record(code: int, payload: bytes) -> Chained | None:
    """The record in a payload; None: take the strict way."""
    form = _form(code)
    if form.match(payload) is None:
        return None
    fields = dict(zip(form.names, cbor2.loads(payload).values(), strict=True))
    for name, most in form.bounds:
        if fields[name] > most:
            return None
    found: Chained = object.__new__(form.cls)
    found.__dict__ = fields
    return found


@cache
def _aad(code: int, chain_id: str) -> bytes | None:
    """The external_aad's encoding; None for a type that is no link of a chain."""
    cls = registry.BY_CODE.get(code)
    if cls is None or not cls.CHAINED:
        return None
    return bytes(cbor2.dumps(cose.external_aad(cls.TYPE, chain_id)))


class _Form(NamedTuple):
    """`names`: the fields in the order of their keys; the rest as `shape` gives it."""

    cls: type[Chained]
    names: tuple[str, ...]
    match: Callable[[bytes], object]
    bounds: list[Bound]


@cache
def _form(code: int) -> _Form:
    cls: Any = registry.BY_CODE[code]
    assert issubclass(cls, Chained)
    return _Form(cls, tuple(name for _, name, _, _ in cls.FIELDS), *shape(cls))
