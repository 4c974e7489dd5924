"""The one canonical protobuf encoding, and everything else refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.blocks import Block, BlockError, proto
from ledger.blocks.errors import DecodingError, EncodingError
from ledger.blocks.proto import Reader
from ledger.tests.chain_builder import ChainBuilder

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
UINT64 = st.integers(0, (1 << 64) - 1)


@given(UINT64, INT64, st.binary(max_size=300), st.text(max_size=50))
def test_what_is_written_is_read(unsigned: int, signed: int, data: bytes, text: str) -> None:
    body = (
        proto.uint_field(1, unsigned)
        + proto.int64_field(2, signed)
        + proto.bytes_field(3, data)
        + proto.string_field(4, text)
        + proto.message_field(5, data)
        + proto.message_field(6, b"")
        + proto.message_field(6, data)
    )
    reader = Reader(body, "test")
    assert (reader.uint(1), reader.int64(2), reader.blob(3)) == (unsigned, signed, data)
    assert (reader.string(4), reader.message(5), reader.repeated(6)) == (text, data, [b"", data])
    reader.finish()


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b"\x08\x00", lambda r: r.uint(1)),  # default written
        (b"\x0a\x00", lambda r: r.blob(1)),  # default written
        (b"\x08\x81\x00", lambda r: r.uint(1)),  # varint not minimal
        (b"\x08" + b"\xff" * 9 + b"\x02", lambda r: r.uint(1)),  # over 64 bits
        (b"\x08" + b"\x80" * 10 + b"\x01", lambda r: r.uint(1)),  # eleven bytes
        (b"\x08\x80", lambda r: r.uint(1)),  # truncated
        (b"\x0a\x05abc", lambda r: r.blob(1)),  # truncated
        (b"\x0a\x01\xff", lambda r: r.string(1)),  # not UTF-8
        (b"\x08\x80\x80\x80\x80\x10", lambda r: r.uint(1, bits=32)),  # over 32 bits
        (b"\x08\x80\x80\x80\x80\x08", lambda r: r.int64(1, bits=32)),  # over 31 bits
        (b"\x08\x01\x08\x01", lambda r: r.uint(1)),  # repeated
        (b"\x10\x01", lambda r: r.uint(1)),  # unknown
        (b"\x10\x01\x08\x01", lambda r: (r.uint(1), r.uint(2))),  # out of order
        (b"\x0a\x01a", lambda r: r.uint(1)),  # wrong wire type
        (b"\x88\x00\x01", lambda r: r.uint(1)),  # tag not minimal
        (b"", lambda r: r.message(1)),  # missing
    ],
)
def test_other_encodings_are_refused(body: bytes, read: Callable[[Reader], object]) -> None:
    reader = Reader(body, "test")
    with pytest.raises(DecodingError, match="test: "):
        _read_to_the_end(reader, read)


def _read_to_the_end(reader: Reader, read: Callable[[Reader], object]) -> None:
    read(reader)
    reader.finish()


@pytest.mark.parametrize(
    "write",
    [
        lambda: proto.varint(-1),
        lambda: proto.varint(1 << 64),
        lambda: proto.int64_field(1, 1 << 63),
        lambda: proto.sfixed64_field(1, -(1 << 63) - 1),
        lambda: proto.string_field(1, "\ud800"),
    ],
)
def test_values_that_do_not_fit_are_refused(write: Callable[[], bytes]) -> None:
    with pytest.raises(EncodingError):
        write()


def test_damaged_blocks_are_refused_or_different() -> None:
    builder = ChainBuilder([[1, 2]])
    builder.grow()
    builder.grow([b"a transaction", b""], absent=[2])
    encoded = builder.blocks[1].encode()
    assert Block.decode(encoded) == builder.blocks[1]
    for at in range(len(encoded)):
        damaged = encoded[:at] + bytes([encoded[at] ^ 0x01]) + encoded[at + 1 :]
        for data in (damaged, encoded[:at]):
            try:
                block = Block.decode(data)
            except BlockError:
                continue
            assert block.encode() == data, "two encodings of one block"
