"""Strict deterministic CBOR (RFC 8949 section 4.2.1), the subset of `wire-format`.

`encode(value) -> bytes` and `decode(data) -> value` over: integers of 64 bits, byte strings,
UTF-8 text, lists, dicts (keys: integers, bytes, text), True, False, None, and `Tag` 18.
Floats, other tags, indefinite lengths, unsorted or repeated keys, longer-than-needed heads,
more than 8 levels and trailing bytes are refused, each by a named `CborError` with its offset.

Small integers, the bulk of a record, take the short way through both directions: a board pays
for each call in garbage, a gateway in time per record.
"""

from wireformat import utf8
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
"""Default cap on an input's length. A board reads records only, so 240 bytes at most."""

COSE_SIGN1_TAG = 18

UINT, NINT, BYTES, TEXT, LIST, MAP, TAG, _SIMPLE = range(8)
"""Major types (RFC 8949 section 3.1), for `put_head`."""

_FALSE, _TRUE, _NULL = 0xF4, 0xF5, 0xF6


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
    """Encode `value`.

    Raises `UnsupportedItem`, `BadText` or `TooDeep` for what the subset lacks.
    """
    out = bytearray()
    put(out, value, 0)
    return bytes(out)


def decode(data: bytes, max_bytes: int = MAX_BYTES) -> object:
    """Decode the one item in `data`, refusing anything that `encode` would not have written.

    Byte strings come back as `bytes`, arrays as `list`, maps as `dict`.
    """
    if len(data) > max_bytes:
        raise TooLong("%d bytes, at most %d" % (len(data), max_bytes), max_bytes)
    reader = Reader(bytes(data))
    value = reader.item(0)
    if reader.at != len(data):
        raise TrailingBytes("%d bytes after the item" % (len(data) - reader.at), reader.at)
    return value


# ---- writing ---------------------------------------------------------------------------------


def put_head(out: bytearray, major: int, number: int) -> None:
    """Append the shortest head of major type `major` with argument `number`."""
    major <<= 5
    if number < 24:
        out.append(major | number)
    elif number < 0x100:
        out.append(major | 24)
        out.append(number)
    elif number < 0x10000:
        out.append(major | 25)
        out.append(number >> 8)
        out.append(number & 0xFF)
    elif number < 0x100000000:
        out.append(major | 26)
        out.extend(number.to_bytes(4, "big"))
    elif number < 0x10000000000000000:
        out.append(major | 27)
        out.extend(number.to_bytes(8, "big"))
    else:
        raise UnsupportedItem("integer of more than 64 bits")


def put(out: bytearray, value: object, depth: int) -> None:
    """Append the encoding of `value`, which lies inside `depth` containers."""
    # By type first: on CPython a bool is an int, on MicroPython it is not.
    if type(value) is int:
        if 0 <= value < 24:
            out.append(value)
        elif value >= 0:
            put_head(out, UINT, value)
        else:
            put_head(out, NINT, -1 - value)
    elif value is None or isinstance(value, bool):
        out.append(_NULL if value is None else _TRUE if value else _FALSE)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        # A view's length counts its elements, which need not be bytes.
        raw = bytes(value) if isinstance(value, memoryview) else value
        put_head(out, BYTES, len(raw))
        out.extend(raw)
    elif isinstance(value, str):
        text = utf8_bytes(value)
        put_head(out, TEXT, len(text))
        out.extend(text)
    else:
        _put_other(out, value, depth + 1)


def utf8_bytes(text: str) -> bytes:
    """`text` in UTF-8; raises `BadText` for lone surrogates, which MicroPython would write."""
    try:
        raw = text.encode()
    except UnicodeError:
        raise BadText("text with a lone surrogate") from None
    if utf8.fault_at(raw) >= 0:
        raise BadText("text with a lone surrogate")
    return raw


def _put_other(out: bytearray, value: object, depth: int) -> None:
    if isinstance(value, int):
        # An enumeration's member.
        put(out, int(value), depth)
        return
    if depth > MAX_DEPTH:
        raise TooDeep("more than %d levels" % MAX_DEPTH)
    if isinstance(value, (list, tuple)):
        put_head(out, LIST, len(value))
        for item in value:
            put(out, item, depth)
    elif isinstance(value, dict):
        _put_map(out, value, depth)
    elif isinstance(value, Tag):
        if value.number != COSE_SIGN1_TAG:
            raise UnsupportedItem("tag %d, only %d is used" % (value.number, COSE_SIGN1_TAG))
        put_head(out, TAG, value.number)
        put(out, value.value, depth)
    else:
        raise UnsupportedItem("a %s" % type(value).__name__)


def _put_map(out: bytearray, value: "dict[object, object]", depth: int) -> None:
    pairs = []
    for key, item in value.items():
        if isinstance(key, bool) or not isinstance(key, (int, str, bytes)):
            raise UnsupportedItem("a map key that is a %s" % type(key).__name__)
        raw = bytearray()
        put(raw, key, depth)
        pairs.append((bytes(raw), item))
    # Keys are unique, so values never take part in the comparison.
    pairs.sort(key=_encoded_key)
    put_head(out, MAP, len(pairs))
    for raw_key, item in pairs:
        out.extend(raw_key)
        put(out, item, depth)


def _encoded_key(pair: "tuple[bytes, object]") -> bytes:
    return pair[0]


# ---- reading ---------------------------------------------------------------------------------


class Reader:
    """One pass over `data`, from the offset `at`, where the next item begins."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.size = len(data)
        self.at = at

    def item(self, depth: int) -> object:
        """The item at `at`, which lies inside `depth` containers."""
        at = self.at
        if at >= self.size:
            raise Truncated("an item is missing", at)
        head = self.data[at]
        if head < 24:
            self.at = at + 1
            return head
        if head == 0x19 and at + 2 < self.size:
            # The commonest of the longer ones; what is wrong with it is said further down.
            number = self.data[at + 1] << 8 | self.data[at + 2]
            if number > 0xFF:
                self.at = at + 3
                return number
        if head >= 0xE0:
            return self.simple(head)
        number = head & 31
        if number < 24:
            self.at = at + 1
        else:
            number = self.argument(number)
        if head < 0x40:
            return number if head < 0x20 else -1 - number
        if head < 0x80:
            return self.string(number, head < 0x60, at)
        return self.container(head, number, depth, at)

    def container(self, head: int, number: int, depth: int, at: int) -> object:
        """The array, map or tagged item whose head, with the argument `number`, stands at `at`."""
        if depth >= MAX_DEPTH:
            raise TooDeep("more than %d levels" % MAX_DEPTH, at)
        if head < 0xA0:
            return self.array(number, depth + 1, at)
        if head < 0xC0:
            return self.map(number, depth + 1, at)
        if number != COSE_SIGN1_TAG:
            raise UnsupportedItem("tag %d, only %d is used" % (number, COSE_SIGN1_TAG), at)
        return Tag(number, self.item(depth + 1))

    def argument(self, info: int) -> int:
        """The argument behind a head whose low five bits are `info`, 24 to 31."""
        start = self.at
        if info > 27:
            if info == 31:
                raise NotDeterministic("indefinite length", start)
            raise UnsupportedItem("reserved head %d" % info, start)
        size = 1 << (info - 24)
        self.at = end = start + 1 + size
        if end > self.size:
            raise Truncated("head of an item", start)
        data = self.data
        if size == 1:
            number = data[start + 1]
        elif size == 2:
            number = data[start + 1] << 8 | data[start + 2]
        else:
            number = int.from_bytes(data[start + 1 : end], "big")
        # The half of it would have been enough (or, for one byte, the head itself).
        if number < (24 if size == 1 else 1 << (4 * size)):
            raise NotDeterministic("head is longer than needed", start)
        return number

    def simple(self, head: int) -> "bool | None":
        """False, True or None; there is nothing else in the subset."""
        if head > _NULL or head < _FALSE:
            raise UnsupportedItem("a float or simple value", self.at)
        self.at += 1
        return None if head == _NULL else head == _TRUE

    def string(self, size: int, binary: bool, start: int) -> object:
        """A string of `size` bytes at `at`; `start` is where its head stands."""
        body = self.at
        end = body + size
        if end > self.size:
            raise Truncated("string of %d bytes" % size, start)
        self.at = end
        raw = self.data[body:end]
        if binary:
            return raw
        fault = utf8.fault_at(raw)
        if fault >= 0:
            raise BadText("not UTF-8", body + fault)
        return raw.decode()

    def array(self, size: int, depth: int, start: int) -> object:
        """A list of `size` items."""
        # An item takes a byte at least: refuse a huge count before making room for it.
        if size > self.size - self.at:
            raise Truncated("array of %d items" % size, start)
        # Room for all at once: grown step by step, a list finds no place in a fragmented heap.
        items: list[object] = [None] * size
        for index in range(size):
            items[index] = self.item(depth)
        return items

    def map(self, size: int, depth: int, start: int) -> object:
        """A dict of `size` pairs, its keys strictly ascending in their encoded form."""
        if size > (self.size - self.at) >> 1:
            raise Truncated("map of %d pairs" % size, start)
        data = self.data
        pairs: dict[object, object] = {}
        last_start = last_end = 0
        last_head = -1
        for _ in range(size):
            start = self.at
            head = data[start] if start < self.size else -1
            if head >= 0x80:
                raise UnsupportedItem("a map key that is no integer or string", start)
            key = self.item(depth)
            end = self.at
            # Heads differ nearly always; only behind equal ones are the keys themselves compared.
            if head < last_head or (
                head == last_head and data[start:end] <= data[last_start:last_end]
            ):
                raise NotDeterministic("map key repeated or out of order", start)
            last_start, last_end, last_head = start, end, head
            pairs[key] = self.item(depth)
        return pairs
