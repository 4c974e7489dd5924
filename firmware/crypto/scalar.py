"""Arithmetic mod L = 2^252 + c, the order of the base point, in constant time.

Numbers are limbs of 12 bits, least significant first, each in 16 bits, because 252 = 21 * 12: what
lies from limb 21 up is the multiple of 2^252, and 2^252 = -c (mod L). Column sums stay below
22 * 2^24 + 2^25 < 2^30, so 32-bit viper holds them signed; memory holds only digits 0..4095.
"""

# ruff: noqa: F821  (viper's pointer types)
import micropython

from crypto.limbs import gather, spread
from crypto.tables import ORDER

SCALAR_BYTES = 32
LIMB_BUFFER_BYTES = 2 * 44


@micropython.viper
def _convolve(
    x: int,
    p: ptr16,
    out: ptr16,
    count: int,
    a: ptr16,
    a_count: int,
    b: ptr16,
    b_count: int,
    addend: ptr16,
    addend_count: int,
    sign: int,
    order: ptr16,
    shift: int,
):
    """out (`count` limbs) = addend + (L << 12*shift) + sign * a * b, which must not be negative.

    `p` = a on entry, `a` is read from limb `x` on; they come first to live in machine registers.
    """
    a = ptr16(int(a) + 2 * x)
    total = 0
    i = 0
    while i < count:
        j = i - b_count + 1
        if j < 0:
            j = 0
        if j > a_count:
            j = a_count
        end = i + 1
        if end > a_count:
            end = a_count
        end = int(a) + 2 * end
        p = ptr16(int(a) + 2 * j)
        q = ptr16(int(b) + 2 * (i - j))
        x = 0
        while int(p) != end:
            x = p[0] * q[0] + x
            p = ptr16(int(p) + 2)
            q = ptr16(int(q) - 2)
        total = sign * x + total
        if i < addend_count:
            total += addend[i]
        j = i - shift
        if j >= 0:
            if j < 22:
                total += order[j]
        out[i] = total & 4095
        total = total >> 12
        i += 1


@micropython.viper
def _subtract_order_once(x: ptr16, order: ptr16):
    """x (22 limbs) -= L if x >= L, by mask."""
    total = 0
    i = 0
    while i < 22:
        total = (total + x[i] - order[i]) >> 12
        i += 1
    keep = total >> 31
    total = 0
    i = 0
    while i < 22:
        total = total + x[i] - (order[i] & (keep ^ -1))
        x[i] = total & 4095
        total = total >> 12
        i += 1


_ORDER = bytearray(2 * 22)
spread(_ORDER, 0, 22, 12, ORDER, 0, 32)


def _fold(out, count, x, high, shift):
    """out = x mod 2^252 + (L << 12*shift) - c * (x >> 252), the same mod L.

    `high` is the number of limbs of x from limb 21 up. The shifted L exceeds the product.
    """
    _convolve(21, x, out, count, x, high, _ORDER, 11, x, 21, -1, _ORDER, shift)


def _reduce_limbs(x, spare):
    """43 limbs in x mod L, into 22 limbs of `spare`; bounds in docs/crypto.md."""
    _fold(spare, 34, x, 22, 12)
    _fold(x, 24, spare, 13, 2)
    _fold(spare, 22, x, 3, 0)
    _subtract_order_once(spare, _ORDER)


def reduce(out, at, wide, limbs):
    """out[at:at+32] = the 64 bytes of `wide` mod L. `limbs`: two buffers of 44 limbs."""
    spread(limbs[0], 0, 43, 12, wide, 0, 64)
    _reduce_limbs(limbs[0], limbs[1])
    gather(out, at, limbs[1], 0, 12)


def multiply_add(out, at, a, b, c, limbs):
    """out[at:at+32] = a * b + c mod L for 32-byte a, b, c. `limbs`: four buffers of 44 limbs."""
    for i, factor in enumerate((a, b, c)):
        spread(limbs[i], 0, 22, 12, factor, 0, 32)
    x, y, z, product = limbs
    _convolve(0, x, product, 44, x, 22, y, 22, z, 22, 1, _ORDER, 44)
    _reduce_limbs(limbs[3], limbs[0])
    gather(out, at, limbs[0], 0, 12)


@micropython.viper
def comb_digits(digits: ptr8, odd: ptr8, scalar: ptr8, start: int, order: ptr8):
    """Recode a 256-bit scalar for the signed comb: digits[26*block + column], secret.

    The scalar, made odd by adding L if it is even, is sum of (+1 or -1) * 2^i over 260 digits;
    digit i is +1 where bit i of (scalar >> 1) + 2^259 is set. A comb digit has bit t set where
    tooth t has the sign of tooth 4, and bit 4 where tooth 4 is negative. `odd`: 33 bytes.
    """
    even = (scalar[start] & 1) - 1
    carry = 0
    i = 0
    while i < 32:
        carry = scalar[start + i] + (order[i] & even) + carry
        odd[i] = carry
        carry = carry >> 8
        i += 1
    odd[32] = carry | 16
    i = 0
    while i < 52:
        j = i + 209
        top = odd[j >> 3] >> (j & 7) & 1
        digit = (top ^ 1) << 4
        tooth = 0
        while tooth < 4:
            j = 52 * tooth + i + 1
            digit = ((odd[j >> 3] >> (j & 7) & 1) ^ top ^ 1) << tooth | digit
            tooth += 1
        digits[i] = digit
        i += 1


@micropython.viper
def naf_digits(digits: ptr8, scalar: ptr8):
    """Width-4 non-adjacent form of a public 32-byte scalar < 2^253: digits[i] - 8, odd or 0."""
    i = 0
    while i < 256:
        digits[i] = 8
        i += 1
    carry = 0
    i = 0
    while i < 254:
        k = i >> 3
        pair = scalar[k]
        if k < 31:
            pair = scalar[k + 1] << 8 | pair
        window = (pair >> (i & 7) & 15) + carry
        if window & 1:
            carry = window >> 3
            digits[i] = window + 8 - (carry << 4)
            i += 4
        else:
            i += 1
