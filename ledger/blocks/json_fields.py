"""Scalars and objects of CometBFT's RPC JSON, read strictly; every error names the path.

Spelling (CometBFT v0.38 ``libs/json``, ``libs/bytes``): 64-bit integers are decimal strings,
smaller ones numbers; hashes and addresses upper-case hex; keys, signatures and transactions base64.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from ledger.blocks.errors import InvalidTime, JsonError
from ledger.blocks.times import parse_rfc3339

_DECIMAL = re.compile(r"0|-?[1-9][0-9]{0,19}", re.ASCII)
_HEX = re.compile(r"(?:[0-9A-F]{2})*", re.ASCII)


def hex_text(data: bytes) -> str:
    """Upper-case hex."""
    return data.hex().upper()


def base64_text(data: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(data).decode()


class Object:
    """One JSON object with exactly the ``required`` keys and, at most, the ``optional`` ones."""

    def __init__(
        self,
        document: object,
        path: str,
        required: tuple[str, ...],
        optional: tuple[str, ...] = (),
    ) -> None:
        if not isinstance(document, Mapping):
            raise _mismatch(path, "an object", document)
        missing = [key for key in required if key not in document]
        unknown = [key for key in document if key not in required + optional]
        if missing or unknown:
            raise JsonError(f"{path}: missing keys {missing}, unknown keys {unknown}")
        self._document = document
        self._path = path

    def value(self, key: str) -> object:
        """Raw value under ``key``, or ``None``."""
        return self._document.get(key)

    def path(self, key: str) -> str:
        """Path of ``key`` for error texts."""
        return f"{self._path}.{key}"

    def text(self, key: str) -> str:
        """A string."""
        value = self.value(key)
        if not isinstance(value, str):
            raise _mismatch(self.path(key), "a string", value)
        return value

    def int64(self, key: str) -> int:
        """A 64-bit integer as decimal string."""
        value = self.text(key)
        if not _DECIMAL.fullmatch(value) or not -(1 << 63) <= int(value) < 1 << 63:
            raise _mismatch(self.path(key), "a 64-bit integer as decimal string", value)
        return int(value)

    def uint64(self, key: str) -> int:
        """An unsigned 64-bit integer as decimal string."""
        value = self.text(key)
        if not _DECIMAL.fullmatch(value) or not 0 <= int(value) < 1 << 64:
            raise _mismatch(self.path(key), "an unsigned 64-bit integer as string", value)
        return int(value)

    def number(self, key: str, end: int) -> int:
        """A JSON number, integer, ``0 <= number < end``."""
        value = self.value(key)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < end:
            raise _mismatch(self.path(key), f"an integer in 0..{end - 1}", value)
        return value

    def hex(self, key: str) -> bytes:
        """Bytes as upper-case hex."""
        value = self.text(key)
        if not _HEX.fullmatch(value):
            raise _mismatch(self.path(key), "upper-case hex", value)
        return bytes.fromhex(value)

    def base64(self, key: str) -> bytes:
        """Bytes as base64; ``null`` is no bytes."""
        return b"" if self.value(key) is None else read_base64(self.value(key), self.path(key))

    def time_ns(self, key: str) -> int:
        """Nanoseconds of an RFC 3339 time."""
        try:
            return parse_rfc3339(self.text(key))
        except InvalidTime as error:
            raise JsonError(f"{self.path(key)}: {error}") from None

    def items(self, key: str) -> list[object]:
        """An array; ``null`` is an empty one, as Go writes a nil slice."""
        value = self.value(key)
        if value is not None and not isinstance(value, list):
            raise _mismatch(self.path(key), "an array", value)
        return list(value or [])


def read_base64(value: object, path: str) -> bytes:
    """Bytes of a canonical base64 string."""
    if isinstance(value, str):
        try:
            data = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            data = b""
        if base64_text(data) == value:
            return data
    raise _mismatch(path, "base64", value)


def _mismatch(path: str, expected: str, found: object) -> JsonError:
    return JsonError(f"{path}: expected {expected}, found {found!r:.80}")
