"""The pattern of a payload says yes exactly where the strict reader does."""

import itertools

import cbor2
import pytest

from gateway.admit import fast
from gateway.tests.signing import SigningBoard
from wireformat import cose, registry
from wireformat.errors import WireError
from wireformat.schema import Bytes, Many, Row

EDGES = sorted(
    edge + off
    for bits in (0, 8, 16, 32, 48, 63)
    for edge in (1 << bits, -(1 << bits), 23, -24)
    for off in (-2, -1, 0, 1)
)
CHAINED = [registry.BY_CODE[code] for code in registry.CHAINED_CODES]


def heads(value):
    """Every encoding of an integer, the shortest one first."""
    major, number = (0, value) if value >= 0 else (0x20, -1 - value)
    forms = [bytes((major | number,))] if number < 24 else []
    for extra, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            forms.append(bytes((major | extra,)) + number.to_bytes(size, "big"))
    return forms


def example(kind):
    if isinstance(kind, Bytes):
        return cbor2.dumps(bytes(kind.size))
    if isinstance(kind, Many):
        return bytes((0x80 | max(kind.least, 1),)) + example(kind.kind) * max(kind.least, 1)
    if isinstance(kind, Row):
        return bytes((0x80 | len(kind.kinds),)) + b"".join(map(example, kind.kinds))
    return b"\1"


def variants(kind):
    """Good and bad encodings in the place of a field of `kind`."""
    yield example(kind)
    yield from (
        b"",
        b"\xf5",
        b"\xf6",
        b"\xf9\0\0",
        b"\x60",
        b"\xc2\x41\x01",
        b"\x9f\1\xff",
        b"\xa0",
    )
    if isinstance(kind, Bytes):
        yield from (cbor2.dumps(bytes(size)) for size in (0, kind.size - 1, kind.size + 1))
        yield b"\x5f" + cbor2.dumps(bytes(kind.size)) + b"\xff"
    elif isinstance(kind, Many):
        for count in range(8):
            yield bytes((0x80 | count,)) + example(kind.kind) * count
            yield bytes((0x80 | count,)) + example(kind.kind) * (count + 1)
            yield bytes((0x98, count)) + example(kind.kind) * count
        yield from (b"\x81" + one for one in variants(kind.kind))
    elif isinstance(kind, Row):
        parts = [example(one) for one in kind.kinds]
        head = bytes((0x80 | len(parts),))
        for at, one in enumerate(kind.kinds):
            for other in variants(one):
                yield head + b"".join(parts[:at]) + other + b"".join(parts[at + 1 :])
    else:
        yield from itertools.chain.from_iterable(map(heads, EDGES))


@pytest.mark.parametrize("cls", CHAINED, ids=lambda cls: cls.TYPE)
def test_the_pattern_agrees_with_the_strict_reader_at_every_edge(cls):
    fields = [(bytes((key,)), kind) for key, _, kind, _ in cls.FIELDS]
    parts = [key + example(kind) for key, kind in fields]
    head, seen = bytes((0xA0 | len(parts),)), {True: 0, False: 0}
    for at, (key, kind) in enumerate(fields):
        for value in variants(kind):
            payload = head + b"".join(parts[:at]) + key + value + b"".join(parts[at + 1 :])
            try:
                strict = cls.from_payload(payload)
            except WireError:
                strict = None
            found = fast.record(cls.CODE, payload)
            assert found == strict, payload.hex()
            seen[strict is not None] += 1
    assert seen[True] > len(fields)
    assert seen[False] > 20 * len(fields)


@pytest.mark.parametrize("change", [b"", b"\0", b"\xff"], ids=["swapped", "trailing", "break"])
def test_order_of_keys_and_what_follows_are_the_patterns_matter_too(change):
    payload = cose.split(SigningBoard().add()[1]).payload
    assert fast.record(1, payload) is not None
    cut = payload.index(b"\1", 1)
    swapped = payload[:1] + payload[cut : cut + 2] + payload[1:cut] + payload[cut + 2 :]
    assert fast.record(1, payload + change if change else swapped) is None
