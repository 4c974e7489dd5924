"""Raw values in 16-bit words, exactly: IEEE 754 singles too are taken apart as integers."""

from collections.abc import Sequence
from fractions import Fraction

from gateway.profiles.errors import ValueOutOfRange
from gateway.profiles.profile import WIDTH_WORDS

WORD_BITS = 16
_FRACTION_BITS, _BIAS, _SPECIAL = 23, 150, 255
"""A single is m x 2**(exponent - 150) with 24 bits in m: IEEE 754-2019, section 3.4."""

_NOT_A_NUMBER = 0x7FC00000


def bits_from(words: Sequence[int], word_order: str, byte_order: str) -> int:
    """Words as they were read, in order of address, to the bits that they stand for."""
    bits = 0
    for word in words if word_order == "high_first" else reversed(words):
        bits = bits << WORD_BITS | _ordered(word, byte_order)
    return bits


def words_from(bits: int, count: int, word_order: str, byte_order: str) -> list[int]:
    """The reverse of `bits_from`."""
    words = [bits >> WORD_BITS * n & 0xFFFF for n in reversed(range(count))]
    if word_order == "low_first":
        words.reverse()
    return [_ordered(word, byte_order) for word in words]


def number(bits: int, kind: str) -> Fraction | None:
    """The number that `bits` are in a register of type `kind`; None: not a number, infinity."""
    if kind == "float32":
        return _single(bits)
    width = WORD_BITS * WIDTH_WORDS[kind]
    if kind[0] == "s" and bits >> width - 1:
        bits -= 1 << width
    return Fraction(bits)


def bits_of(value: Fraction, kind: str) -> int:
    """The nearest bits to `value`, ties to even; raises `ValueOutOfRange`."""
    if kind == "float32":
        return _single_bits(value)
    width = WORD_BITS * WIDTH_WORDS[kind]
    whole = round(value)
    low, high = (-(1 << width - 1), 1 << width - 1) if kind[0] == "s" else (0, 1 << width)
    if not low <= whole < high:
        raise ValueOutOfRange(f"{whole} does not fit into {kind}")
    return whole & (1 << width) - 1


def unavailable_bits(kind: str) -> int:
    """The largest value of the type, which some meters send for "not available"; or NaN."""
    if kind == "float32":
        return _NOT_A_NUMBER
    width = WORD_BITS * WIDTH_WORDS[kind]
    return (1 << (width - 1 if kind[0] == "s" else width)) - 1


def _ordered(word: int, byte_order: str) -> int:
    return word if byte_order == "big" else (word & 0xFF) << 8 | word >> 8


def _single(bits: int) -> Fraction | None:
    exponent = bits >> _FRACTION_BITS & 0xFF
    if exponent == _SPECIAL:
        return None
    mantissa = bits & (1 << _FRACTION_BITS) - 1
    if exponent:
        mantissa |= 1 << _FRACTION_BITS
    value = mantissa * Fraction(2) ** (max(exponent, 1) - _BIAS)
    return -value if bits >> 31 else value


def _single_bits(value: Fraction) -> int:
    sign, size = (1 << 31 if value < 0 else 0), abs(value)
    if not size:
        return 0
    power = size.numerator.bit_length() - size.denominator.bit_length() - _FRACTION_BITS
    if size / Fraction(2) ** power < 1 << _FRACTION_BITS:
        power -= 1
    power = max(power, 1 - _BIAS)
    mantissa = round(size / Fraction(2) ** power)
    if mantissa >> _FRACTION_BITS + 1:
        mantissa, power = mantissa >> 1, power + 1
    if mantissa >> _FRACTION_BITS == 0:
        return sign | mantissa
    if power + _BIAS >= _SPECIAL:
        raise ValueOutOfRange(f"{value} does not fit into float32")
    return sign | power + _BIAS << _FRACTION_BITS | mantissa & (1 << _FRACTION_BITS) - 1
