"""Deterministic protobuf (proto3) writer and strict reader for CometBFT's messages.

Writer: pure functions that return the bytes of one field, or ``b""`` for a default value, as
gogoproto does. Concatenate them in field order. Embedded messages are always written (gogoproto
``nullable = false``); callers leave out the nullable ones.

Reader: pulls fields in ascending order and accepts the one canonical encoding only. Varints must be
minimal, default scalars absent, fields in order, none unknown; call :meth:`Reader.finish` last.

Source: https://protobuf.dev/programming-guides/encoding/ and CometBFT v0.38
``spec/core/encoding.md``.
"""

from __future__ import annotations

from ledger.blocks.errors import DecodingError, EncodingError

_VARINT, _FIXED64, _BYTES = 0, 1, 2
_UINT64_END = 1 << 64
_INT64_MIN, _INT64_END = -(1 << 63), 1 << 63
_MAX_VARINT_BYTES = 10


def varint(value: int) -> bytes:
    """Base-128 varint of ``0 <= value < 2**64``."""
    if not 0 <= value < _UINT64_END:
        raise EncodingError(f"{value} does not fit an unsigned 64-bit varint")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _tag(field: int, wire_type: int) -> bytes:
    return varint(field << 3 | wire_type)


def _signed(value: int) -> int:
    if not _INT64_MIN <= value < _INT64_END:
        raise EncodingError(f"{value} does not fit a signed 64-bit integer")
    return value


def uint_field(field: int, value: int) -> bytes:
    """``uint32``, ``uint64`` or ``enum``."""
    return _tag(field, _VARINT) + varint(value) if value else b""


def int64_field(field: int, value: int) -> bytes:
    """``int32`` or ``int64``; negative values take ten bytes (two's complement)."""
    return _tag(field, _VARINT) + varint(_signed(value) % _UINT64_END) if value else b""


def sfixed64_field(field: int, value: int) -> bytes:
    """``sfixed64``: eight bytes, little-endian."""
    if not value:
        return b""
    return _tag(field, _FIXED64) + _signed(value).to_bytes(8, "little", signed=True)


def bytes_field(field: int, value: bytes) -> bytes:
    """``bytes``."""
    return message_field(field, value) if value else b""


def string_field(field: int, value: str) -> bytes:
    """``string`` in UTF-8."""
    return bytes_field(field, utf8(value))


def utf8(text: str) -> bytes:
    """UTF-8 bytes of ``text``; lone surrogates, which JSON can smuggle in, are refused."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise EncodingError(f"{text!r} is not text that UTF-8 can carry") from None


def message_field(field: int, body: bytes) -> bytes:
    """Embedded message or one element of a repeated field: written even when empty."""
    return _tag(field, _BYTES) + varint(len(body)) + body


def delimited(body: bytes) -> bytes:
    """Message behind its varint length, as CometBFT signs it."""
    return varint(len(body)) + body


class Reader:
    """Strict sequential reader over one message; ``where`` names it in errors."""

    def __init__(self, data: bytes, where: str) -> None:
        self._data = data
        self._where = where
        self._at = 0

    def uint(self, field: int, bits: int = 64) -> int:
        """Next field as unsigned integer of ``bits``, or 0 where it is absent."""
        if not self._take_tag(field, _VARINT):
            return 0
        value = self._nonzero(field, self._varint())
        if value >> bits:
            raise self._error(f"field {field} holds {value}, more than {bits} bits")
        return value

    def int64(self, field: int, bits: int = 64) -> int:
        """Next field as signed integer of ``bits``, or 0 where it is absent."""
        if not self._take_tag(field, _VARINT):
            return 0
        raw = self._nonzero(field, self._varint())
        value = raw - _UINT64_END if raw >= _INT64_END else raw
        if not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise self._error(f"field {field} holds {value}, more than {bits} bits")
        return value

    def blob(self, field: int) -> bytes:
        """Next field as bytes, or ``b""`` where it is absent."""
        if not self._take_tag(field, _BYTES):
            return b""
        value = self._chunk()
        if not value:
            raise self._error(f"field {field} is empty but written")
        return value

    def string(self, field: int) -> str:
        """Next field as text, or ``""`` where it is absent."""
        try:
            return self.blob(field).decode()
        except UnicodeDecodeError:
            raise self._error(f"field {field} is not UTF-8") from None

    def optional_message(self, field: int) -> bytes | None:
        """Body of an embedded message or repeated element, or ``None`` where there is none."""
        return self._chunk() if self._take_tag(field, _BYTES) else None

    def message(self, field: int) -> bytes:
        """Body of an embedded message that must be there."""
        body = self.optional_message(field)
        if body is None:
            raise self._error(f"message field {field} is missing")
        return body

    def repeated(self, field: int) -> list[bytes]:
        """Bodies of all consecutive elements of a repeated field."""
        bodies = []
        while (body := self.optional_message(field)) is not None:
            bodies.append(body)
        return bodies

    def finish(self) -> None:
        """Refuse what is left: an unknown, repeated or misplaced field."""
        if self._at != len(self._data):
            raise self._error(f"unknown or misplaced field at byte {self._at}")

    def _take_tag(self, field: int, wire_type: int) -> bool:
        tag = _tag(field, wire_type)
        if not self._data.startswith(tag, self._at):
            return False
        self._at += len(tag)
        return True

    def _varint(self) -> int:
        value = 0
        for i, byte in enumerate(self._data[self._at : self._at + _MAX_VARINT_BYTES]):
            value |= (byte & 0x7F) << 7 * i
            if byte < 0x80:
                if (i and not byte) or value >= _UINT64_END:
                    raise self._error(f"varint at byte {self._at} is not minimal or over 64 bits")
                self._at += i + 1
                return value
        raise self._error(f"varint at byte {self._at} does not end")

    def _chunk(self) -> bytes:
        length = self._varint()
        chunk = self._data[self._at : self._at + length]
        if len(chunk) != length:
            raise self._error(f"{length} bytes announced at byte {self._at}, {len(chunk)} there")
        self._at += length
        return chunk

    def _nonzero(self, field: int, value: int) -> int:
        if not value:
            raise self._error(f"field {field} is zero but written")
        return value

    def _error(self, what: str) -> DecodingError:
        return DecodingError(f"{self._where}: {what}; expected canonical protobuf")
