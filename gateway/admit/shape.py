"""Schemas as patterns over bytes: one match proves a payload deterministic and in its schema.

RFC 8949 4.2.1 leaves one encoding for each value: the shortest head, definite lengths, keys in
order. So the payloads of a record type are a regular language, and its pattern is built from the
very `FIELDS` that the strict reader holds every value against. `re` matches in under a microsecond
what takes a decoder, an encoder and a comparison fifteen.
"""

import re
from collections.abc import Callable

from wireformat.schema import Bytes, Many, Record, Row, Sint, Uint

Bound = tuple[str, int]
"""(field, its highest value) where the pattern can't tell."""

_FULL = (0xFF, 0xFFFF, 0xFFFFFFFF, (1 << 48) - 1)
_UINT, _NINT, _BYTES, _, _LIST, _MAP = range(6)
"""Major types (RFC 8949 section 3.1)."""

_DIRECT = 24
"""Values and lengths below it stand in the head itself."""


def shape(cls: type[Record]) -> tuple[Callable[[bytes], object], list[Bound]]:
    """A matcher of `cls`'s payloads, and what must be asked of their values besides."""
    pattern = _head(_MAP, len(cls.FIELDS))
    bounds: list[Bound] = []
    for key, name, kind, optional in cls.FIELDS:
        assert not optional
        assert key < _DIRECT
        pattern += _byte(key) + _kind(kind)
        if isinstance(kind, Uint) and kind.high >= _DIRECT and kind.high not in _FULL:
            bounds.append((name, kind.high))
    return re.compile(pattern, re.DOTALL).fullmatch, bounds


def _kind(kind: object) -> bytes:
    if isinstance(kind, Uint):
        return _integer(_UINT, kind.high)
    if isinstance(kind, Sint):
        # -1 - n: the most negative has n = high - 1.
        return b"(?:%b|%b)" % (_integer(_UINT, kind.high), _integer(_NINT, kind.high - 1))
    if isinstance(kind, Bytes) and kind.least == kind.size:
        return _head(_BYTES, kind.size) + b".{%d}" % kind.size
    if isinstance(kind, Row):
        return _head(_LIST, len(kind.kinds)) + b"".join(_kind(one) for one in kind.kinds)
    if isinstance(kind, Many):
        item, counts = _kind(kind.kind), range(kind.least, kind.most + 1)
        lists = [_head(_LIST, count) + b"(?:%b){%d}" % (item, count) for count in counts]
        return b"(?:%b)" % b"|".join(lists)
    raise NotImplementedError(f"no pattern for {type(kind).__name__}")


def _integer(major: int, high: int) -> bytes:
    """Shortest heads of 0 to `high`, or to the next higher full width."""
    if high < _DIRECT:
        return b"[%b-%b]" % (_byte(major << 5), _byte(major << 5 | high))
    forms = [b"[%b-%b]" % (_byte(major << 5), _byte(major << 5 | 23))]
    forms.append(_byte(major << 5 | 24) + rb"[\x18-\xff]")
    if high > 0xFF:
        forms.append(_byte(major << 5 | 25) + rb"[\x01-\xff].")
    if high > 0xFFFF:
        most = b"|\xff\xff\xff\xff" if high == 0xFFFFFFFE else b""
        forms.append(_byte(major << 5 | 26) + rb"(?!\x00\x00" + most + b").{4}")
    if high > 0xFFFFFFFF:
        forms.append(_byte(major << 5 | 27) + rb"\x00\x00(?!\x00\x00).{6}")
    return b"(?:%b)" % b"|".join(forms)


def _head(major: int, count: int) -> bytes:
    assert count < _DIRECT
    return _byte(major << 5 | count)


def _byte(value: int) -> bytes:
    return re.escape(bytes((value,)))
