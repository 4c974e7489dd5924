"""Strict deterministic CBOR (RFC 8949 section 4.2.1), the subset of `wire-format`.

`encode(value) -> bytes` and `decode(data) -> value` over: integers of 64 bits, byte strings,
UTF-8 text, lists, dicts (keys: integers, bytes, text), True, False, None, and `Tag` 18.
Floats, other tags, indefinite lengths, unsorted or repeated keys, longer-than-needed heads,
more than 8 levels and trailing bytes are refused, each by a named `CborError` with its offset.
"""

from wireformat.errors import (
    BadText,
    NotDeterministic,
    TooDeep,
    TooLong,
    TrailingBytes,
    Truncated,
    UnsupportedItem,
)

MAX_DEPTH = 8
MAX_BYTES = 65536
"""Default cap on an input's length; a board passes 1,024 (see `decode`)."""

COSE_SIGN1_TAG = 18

_UINT, _NINT, _BYTES, _TEXT, _LIST, _MAP, _TAG, _SIMPLE = range(8)
_SIMPLES = {20: False, 21: True, 22: None}


class Tag:
    """A tagged item; only COSE_Sign1 (18) occurs on our wire."""

    def __init__(self, number: int, value: object) -> None:
        self.number = number
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tag) and (self.number, self.value) == (other.number, other.value)

    def __hash__(self) -> int:
        return hash(self.number)

    def __repr__(self) -> str:
        return "Tag(%d, %r)" % (self.number, self.value)


def encode(value: object) -> bytes:
    """Encode `value`; raises `UnsupportedItem` or `TooDeep` for what the subset lacks."""
    out = bytearray()
    _put(out, value, 0)
    return bytes(out)


def decode(data: bytes, max_bytes: int = MAX_BYTES) -> object:
    """Decode the one item in `data`, refusing anything that `encode` would not have written.

    Byte strings come back as `bytes`, arrays as `list`, maps as `dict`.
    """
    if len(data) > max_bytes:
        raise TooLong("%d bytes, at most %d" % (len(data), max_bytes), max_bytes)
    value, end = _item(bytes(data), 0, 0)
    if end != len(data):
        raise TrailingBytes("%d bytes after the item" % (len(data) - end), end)
    return value


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes((major << 5 | number,))
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << (8 * size):
            return bytes((major << 5 | code,)) + number.to_bytes(size, "big")
    raise UnsupportedItem("integer of more than 64 bits")


def _put(out: bytearray, value: object, depth: int) -> None:
    # bool first: on CPython a bool is an int, on MicroPython it is not.
    if value is None or isinstance(value, bool):
        out.append(0xF6 if value is None else 0xF5 if value else 0xF4)
    elif isinstance(value, int):
        out.extend(_head(_UINT, value) if value >= 0 else _head(_NINT, -1 - value))
    elif isinstance(value, str):
        raw = value.encode()
        _check_utf8(raw, -1)
        out.extend(_head(_TEXT, len(raw)))
        out.extend(raw)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        out.extend(_head(_BYTES, len(value)))
        out.extend(value)
    else:
        _put_container(out, value, depth + 1)


def _put_container(out: bytearray, value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise TooDeep("more than %d levels" % MAX_DEPTH)
    if isinstance(value, (list, tuple)):
        out.extend(_head(_LIST, len(value)))
        for item in value:
            _put(out, item, depth)
    elif isinstance(value, dict):
        _put_map(out, value, depth)
    elif isinstance(value, Tag):
        if value.number != COSE_SIGN1_TAG:
            raise UnsupportedItem("tag %d, only %d is used" % (value.number, COSE_SIGN1_TAG))
        out.extend(_head(_TAG, value.number))
        _put(out, value.value, depth)
    else:
        raise UnsupportedItem("a %s" % type(value).__name__)


def _put_map(out: bytearray, value: dict[object, object], depth: int) -> None:
    pairs = []
    for key, item in value.items():
        if isinstance(key, bool) or not isinstance(key, (int, str, bytes)):
            raise UnsupportedItem("a map key that is a %s" % type(key).__name__)
        raw = bytearray()
        _put(raw, key, depth)
        pairs.append((bytes(raw), item))
    # Keys are unique, so values never take part in the comparison.
    pairs.sort(key=lambda pair: pair[0])
    out.extend(_head(_MAP, len(pairs)))
    for raw_key, item in pairs:
        out.extend(raw_key)
        _put(out, item, depth)


def _item(data: bytes, at: int, depth: int) -> tuple[object, int]:
    """Decode the item at `at`; returns it with the offset behind it."""
    major, number, body = _read_head(data, at)
    if major == _UINT:
        return number, body
    if major == _NINT:
        return -1 - number, body
    if major == _BYTES or major == _TEXT:
        return _string(data, at, major, number, body)
    if major == _SIMPLE:
        # MicroPython has no assignment-free way to tell "absent" from None here, hence `in`.
        if number in _SIMPLES and body == at + 1:
            return _SIMPLES[number], body
        raise UnsupportedItem("a float or simple value", at)
    if depth >= MAX_DEPTH:
        raise TooDeep("more than %d levels" % MAX_DEPTH, at)
    if major == _LIST:
        return _list(data, at, number, body, depth + 1)
    if major == _MAP:
        return _map(data, at, number, body, depth + 1)
    if number != COSE_SIGN1_TAG:
        raise UnsupportedItem("tag %d, only %d is used" % (number, COSE_SIGN1_TAG), at)
    value, end = _item(data, body, depth + 1)
    return Tag(number, value), end


def _read_head(data: bytes, at: int) -> tuple[int, int, int]:
    if at >= len(data):
        raise Truncated("an item is missing", at)
    first = data[at]
    major, info = first >> 5, first & 31
    if info < 24:
        return major, info, at + 1
    if major == _SIMPLE:
        raise UnsupportedItem("a float or simple value", at)
    if info == 31:
        raise NotDeterministic("indefinite length", at)
    if info > 27:
        raise UnsupportedItem("reserved head %d" % info, at)
    size = 1 << (info - 24)
    end = at + 1 + size
    if end > len(data):
        raise Truncated("head of an item", at)
    number = int.from_bytes(data[at + 1 : end], "big")
    if number < 24 or (size > 1 and number < 1 << (4 * size)):
        raise NotDeterministic("head is longer than needed", at)
    return major, number, end


def _string(data: bytes, at: int, major: int, size: int, body: int) -> tuple[object, int]:
    end = body + size
    if end > len(data):
        raise Truncated("string of %d bytes" % size, at)
    raw = data[body:end]
    if major == _BYTES:
        return raw, end
    _check_utf8(raw, body)
    return raw.decode(), end


def _list(data: bytes, at: int, size: int, body: int, depth: int) -> tuple[object, int]:
    # An item takes a byte at least: refuse a huge count before making room for it.
    if size > len(data) - body:
        raise Truncated("array of %d items" % size, at)
    items = []
    for _ in range(size):
        item, body = _item(data, body, depth)
        items.append(item)
    return items, body


def _map(data: bytes, at: int, size: int, body: int, depth: int) -> tuple[object, int]:
    if 2 * size > len(data) - body:
        raise Truncated("map of %d pairs" % size, at)
    pairs: dict[object, object] = {}
    last = b""
    for _ in range(size):
        start = body
        if data[start : start + 1] and data[start] >> 5 > _TEXT:
            raise UnsupportedItem("a map key that is no integer or string", start)
        key, body = _item(data, start, depth)
        raw = data[start:body]
        # An encoded key is never empty, so b"" sorts before the first.
        if raw <= last:
            raise NotDeterministic("map key repeated or out of order", start)
        last = raw
        pairs[key], body = _item(data, body, depth)
    return pairs, body


def _check_utf8(raw: bytes, offset: int) -> None:
    """Refuse ill-formed UTF-8 (RFC 3629); MicroPython's own check lets some through."""
    at, size = 0, len(raw)
    while at < size:
        first = raw[at]
        if first < 0x80:
            at += 1
            continue
        if 0xC2 <= first <= 0xDF:
            more, low, high = 1, 0x80, 0xBF
        elif 0xE0 <= first <= 0xEF:
            more = 2
            low, high = 0xA0 if first == 0xE0 else 0x80, 0x9F if first == 0xED else 0xBF
        elif 0xF0 <= first <= 0xF4:
            more = 3
            low, high = 0x90 if first == 0xF0 else 0x80, 0x8F if first == 0xF4 else 0xBF
        else:
            raise BadText("not UTF-8", offset if offset < 0 else offset + at)
        tail = raw[at + 1 : at + 1 + more]
        good = len(tail) == more and low <= tail[0] <= high
        if not good or any(byte >> 6 != 2 for byte in tail[1:]):
            raise BadText("not UTF-8", offset if offset < 0 else offset + at)
        at += 1 + more
