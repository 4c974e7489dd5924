"""Inputs that claim or nest more than they hold cost no more than their bytes."""

import contextlib
import sys
import time
import tracemalloc

import pytest

from wireformat import cbor, errors
from wireformat.errors import WireError

_BOMBS = {
    "array of 2**64-1": b"\x9b" + b"\xff" * 8,
    "map of 2**63": b"\xbb\x80" + bytes(7) + bytes(65_000),
    "bytes of 4 GiB": b"\x5a\xff\xff\xff\xff" + bytes(60_000),
    "65,536 nested arrays": b"\x81" * 65_536,
    "65,536 nested tags": b"\xd2" * 65_536,
    "65,533 empty arrays": b"\x99\xff\xfd" + b"\x80" * 65_533,
    "65,533 empty maps": b"\x99\xff\xfd" + b"\xa0" * 65_533,
    "arrays of arrays, each claiming the rest": (b"\x99\xff\x00" * 8 + bytes(65_000))[:65_536],
    "64 KiB of text": b"\x79\xff\x00" + "\U0001f4a1".encode() * 16_320,
    "keys that share a hash": b"\xb9\x19\x99"
    + b"".join(
        b"\x1b" + ((1 << 63) + (number << 44)).to_bytes(8, "big") + b"\x00"
        for number in range(0x1999)
    ),
}


@pytest.mark.parametrize("data", _BOMBS.values(), ids=_BOMBS.keys())
def test_a_bomb_costs_no_more_than_its_bytes(data: bytes) -> None:
    assert len(data) <= cbor.MAX_BYTES
    tracemalloc.start()
    started = time.process_time()
    try:
        _decode(data)
        used_s = time.process_time() - started
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # An empty dict of CPython takes 64 bytes, and one byte makes it.
    assert peak < 200 * cbor.MAX_BYTES
    assert used_s < 20, "a bound on runaway cost, far above the 0.2 s it takes"


def _decode(data: bytes) -> None:
    with contextlib.suppress(WireError):
        cbor.decode(data)


def test_depth_is_bounded_far_below_the_stack() -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    try:
        with pytest.raises(errors.TooDeep):
            cbor.decode(b"\xa1\x00" * 30_000)
    finally:
        sys.setrecursionlimit(limit)
