"""Field elements to and from bytes, and constant-time look-up in the comb table.

A register is 20 limbs of 13 bits in 32-bit words (see `field_vm`); register i starts at word 20*i.
"""

# ruff: noqa: F821  (viper's pointer types)
import micropython

REGISTER_BYTES = 80


@micropython.viper
def set_small(registers: ptr32, index: int, value: int):
    """Register `index` = value, for 0 <= value <= 8191."""
    v = ptr32(int(registers) + 80 * index)
    i = 0
    while i < 20:
        v[i] = 0
        i += 1
    v[0] = value


@micropython.viper
def unpack(registers: ptr32, index: int, data: ptr8, at: int):
    """Register `index` = 32 bytes at data[at], little-endian, bit 255 ignored."""
    v = ptr32(int(registers) + 80 * index)
    window = 0
    bits = 0
    i = 0
    k = 0
    while k < 32:
        window = data[at + k] << bits | window
        bits += 8
        if bits >= 13:
            v[i] = window & 8191
            window = window >> 13
            bits -= 13
            i += 1
        k += 1
    v[19] = window & 255


@micropython.viper
def _canonicalise(registers: ptr32, index: int):
    """Bring a tight register below p: fold bits from 255 up twice, then subtract p if needed."""
    v = ptr32(int(registers) + 80 * index)
    step = 0
    while step < 3:
        carry = v[19] >> 8
        if step == 2:
            carry = 19
            i = 0
            while i < 19:
                carry = (v[i] + carry) >> 13
                i += 1
            carry = (v[19] + carry) >> 8
        v[19] = v[19] & 255
        carry = 19 * carry
        i = 0
        while i < 20:
            carry = v[i] + carry
            v[i] = carry & 8191
            carry = carry >> 13
            i += 1
        step += 1
    v[19] = v[19] & 255


@micropython.viper
def _write_bytes(out: ptr8, at: int, registers: ptr32, index: int):
    v = ptr32(int(registers) + 80 * index)
    window = 0
    bits = 0
    i = 0
    while i < 20:
        window = v[i] << bits | window
        bits += 13
        while bits >= 8:
            out[at] = window
            window = window >> 8
            bits -= 8
            at += 1
        i += 1


def pack(out, at, registers, index):
    """Canonical 32 bytes of register `index` into out[at]; the register becomes canonical."""
    _canonicalise(registers, index)
    _write_bytes(out, at, registers, index)


@micropython.viper
def select(s: int, x: int, registers: ptr32, first: int, table: ptr32, digits: ptr8, at: int):
    """Registers first, first+1, first+2 = the entry of a comb block that digits[at] names.

    digits[at] is secret: bits 0-3 the entry, bit 4 its sign. All 16 entries are read each time;
    a negative one has its first two coordinates swapped and the third subtracted from p.
    `s` and `x` come first to live in machine registers.
    """
    q = ptr32(int(registers) + 80 * first)
    digit = digits[at]
    x = digit & 15
    m0 = (x - 1) >> 31
    m1 = ((x ^ 1) - 1) >> 31
    m2 = ((x ^ 2) - 1) >> 31
    m3 = ((x ^ 3) - 1) >> 31
    m4 = ((x ^ 4) - 1) >> 31
    m5 = ((x ^ 5) - 1) >> 31
    m6 = ((x ^ 6) - 1) >> 31
    m7 = ((x ^ 7) - 1) >> 31
    m8 = ((x ^ 8) - 1) >> 31
    m9 = ((x ^ 9) - 1) >> 31
    m10 = ((x ^ 10) - 1) >> 31
    m11 = ((x ^ 11) - 1) >> 31
    m12 = ((x ^ 12) - 1) >> 31
    m13 = ((x ^ 13) - 1) >> 31
    m14 = ((x ^ 14) - 1) >> 31
    m15 = ((x ^ 15) - 1) >> 31
    row = ptr32(int(table))
    i = 0
    while i < 50:
        x = row[0]
        s = m0 & x
        x = row[1]
        s = m1 & x | s
        x = row[2]
        s = m2 & x | s
        x = row[3]
        s = m3 & x | s
        x = row[4]
        s = m4 & x | s
        x = row[5]
        s = m5 & x | s
        x = row[6]
        s = m6 & x | s
        x = row[7]
        s = m7 & x | s
        x = row[8]
        s = m8 & x | s
        x = row[9]
        s = m9 & x | s
        x = row[10]
        s = m10 & x | s
        x = row[11]
        s = m11 & x | s
        x = row[12]
        s = m12 & x | s
        x = row[13]
        s = m13 & x | s
        x = row[14]
        s = m14 & x | s
        x = row[15]
        s = m15 & x | s
        q[i] = s & 8191
        q[i + 10] = s >> 16
        row = ptr32(int(row) + 64)
        i += 1
        if i == 10:
            i = 20
        elif i == 30:
            i = 40
    x = 0 - (digit >> 4)
    borrow = 0
    i = 0
    while i < 20:
        s = (q[i] ^ q[i + 20]) & x
        q[i] = q[i] ^ s
        q[i + 20] = q[i + 20] ^ s
        limb = 8191
        if i == 0:
            limb = 8173
        elif i == 19:
            limb = 255
        borrow = borrow + limb - q[i + 40]
        s = (borrow & 8191 ^ q[i + 40]) & x
        q[i + 40] = q[i + 40] ^ s
        borrow = borrow >> 13
        i += 1
