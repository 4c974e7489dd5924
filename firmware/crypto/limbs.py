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
def select(x: int, row: ptr32, registers: ptr32, first: int, digits: ptr8, column: int):
    """Registers first .. first+2 = the entry of block `x` of the comb that its digit names.

    digits[26*block + column] is secret: bits 0-3 the entry, bit 4 set if it is to be negated. All 16
    entries are read each time. Negation swaps the first two coordinates and takes the third from
    64 p limb by limb, so that its limbs may reach 16382. `x` and `row` come first to live in
    machine registers; the first two registers of the array are scratch.
    """
    digit = digits[26 * x + column]
    row = ptr32(int(row) + 1920 * x)
    q = ptr32(int(registers))
    i = 0
    while i < 30:
        q[i] = 0
        i += 1
    entry = 0
    while entry < 16:
        x = ((digit & 15 ^ entry) - 1) >> 31
        i = 0
        while i < 3:
            q[0] = row[0] & x | q[0]
            q[1] = row[1] & x | q[1]
            q[2] = row[2] & x | q[2]
            q[3] = row[3] & x | q[3]
            q[4] = row[4] & x | q[4]
            q[5] = row[5] & x | q[5]
            q[6] = row[6] & x | q[6]
            q[7] = row[7] & x | q[7]
            q[8] = row[8] & x | q[8]
            q[9] = row[9] & x | q[9]
            q = ptr32(int(q) + 40)
            row = ptr32(int(row) + 40)
            i += 1
        q = ptr32(int(registers))
        entry += 1
    negative = 0 - (digit >> 4)
    row = ptr32(int(registers) + 80 * first)
    bias = 15168
    i = 0
    while i < 10:
        x = (q[0] ^ q[10]) & negative
        word = q[0] ^ x
        row[0] = word & 8191
        row[10] = word >> 16
        word = q[10] ^ x
        row[20] = word & 8191
        row[30] = word >> 16
        x = q[20] & 8191
        row[40] = ((bias - x) ^ x) & negative ^ x
        x = q[20] >> 16
        row[50] = ((16382 - x) ^ x) & negative ^ x
        bias = 16382
        q = ptr32(int(q) + 4)
        row = ptr32(int(row) + 4)
        i += 1
