"""Bits of registers, against Python's own IEEE 754 and integers."""

import math
import random
import struct
from fractions import Fraction

import pytest

from gateway.profiles.errors import ValueOutOfRange
from gateway.profiles.words import bits_from, bits_of, number, unavailable_bits, words_from


def test_every_kind_of_single_decodes_as_struct_does():
    draw = random.Random(1)
    edges = [0, 1, 0x007FFFFF, 0x00800000, 0x7F7FFFFF, 0x80000000, 0x80000001, 0xBF800000]
    for bits in edges + [draw.getrandbits(32) for _ in range(1500)]:
        (expected,) = struct.unpack(">f", bits.to_bytes(4, "big"))
        if math.isfinite(expected):
            assert number(bits, "float32") == Fraction(expected)
        else:
            assert number(bits, "float32") is None


def test_numbers_become_the_nearest_single_as_struct_rounds():
    draw = random.Random(2)
    values = [draw.uniform(-1, 1) * 10 ** draw.randint(-44, 38) for _ in range(1500)]
    for value in [*values, 1e-46, 16777217.0, 16777219.0, 33554431.0, 1.1754943e-38]:
        expected = int.from_bytes(struct.pack(">f", value), "big")
        if expected in (0, 1 << 31):
            assert bits_of(Fraction(value), "float32") & 0x7FFFFFFF == 0
        else:
            assert bits_of(Fraction(value), "float32") == expected


@pytest.mark.parametrize("value", [2**128, -(2**128), 2**128 - 2**103])
def test_what_is_too_large_for_a_single_is_refused(value):
    with pytest.raises(ValueOutOfRange):
        bits_of(Fraction(value), "float32")


@pytest.mark.parametrize(
    ("kind", "code", "low", "high"),
    [
        ("u16", ">H", 0, 2**16 - 1),
        ("s16", ">h", -(2**15), 2**15 - 1),
        ("u32", ">I", 0, 2**32 - 1),
        ("s32", ">i", -(2**31), 2**31 - 1),
        ("u64", ">Q", 0, 2**64 - 1),
        ("s64", ">q", -(2**63), 2**63 - 1),
    ],
)
def test_integers_keep_their_ends(kind, code, low, high):
    for value in (low, low + 1, 0, 1, high - 1, high):
        raw = bits_of(Fraction(value), kind)
        assert raw.to_bytes(struct.calcsize(code), "big") == struct.pack(code, value)
        assert number(raw, kind) == value
    for value in (low - 1, high + 1):
        with pytest.raises(ValueOutOfRange):
            bits_of(Fraction(value), kind)
    assert number(unavailable_bits(kind), kind) == high


@pytest.mark.parametrize(
    ("word_order", "byte_order", "words"),
    [
        ("high_first", "big", [0x1122, 0x3344, 0x5566, 0x7788]),
        ("low_first", "big", [0x7788, 0x5566, 0x3344, 0x1122]),
        ("high_first", "little", [0x2211, 0x4433, 0x6655, 0x8877]),
        ("low_first", "little", [0x8877, 0x6655, 0x4433, 0x2211]),
    ],
)
def test_the_four_orders(word_order, byte_order, words):
    assert bits_from(words, word_order, byte_order) == 0x1122334455667788
    assert words_from(0x1122334455667788, 4, word_order, byte_order) == words
