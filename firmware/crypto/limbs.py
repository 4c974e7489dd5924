"""Limbs to and from bytes, and constant-time look-up in the comb table.

A register is 20 limbs of 13 bits, each in 16 bits (see `field_vm`); register i starts at byte 40*i.
"""

# ruff: noqa: F821  (viper's pointer types)
import micropython

REGISTER_BYTES = 40


@micropython.viper
def set_small(registers: ptr16, index: int, value: int):
    """Register `index` = value, for 0 <= value <= 8191."""
    v = ptr16(int(registers) + 40 * index)
    i = 0
    while i < 20:
        v[i] = 0
        i += 1
    v[0] = value


@micropython.viper
def move(registers: ptr32, target: int, source: int, count: int):
    """Registers `target` .. = the `count` registers from `source` on."""
    source = int(registers) + 40 * source
    registers = ptr32(int(registers) + 40 * target)
    last = int(registers) + 40 * count
    while int(registers) != last:
        registers[0] = ptr32(source)[0]
        registers = ptr32(int(registers) + 4)
        source += 4


@micropython.viper
def spread(limbs: ptr16, at: int, count: int, width: int, data: ptr8, start: int, size: int):
    """limbs[at : at + count] = `size` little-endian bytes at data[start], `width` bits a limb."""
    window = 0
    bits = 0
    data = ptr8(int(data) + start)
    limbs = ptr16(int(limbs) + 2 * at)
    while count:
        while bits < width:
            if size:
                window = data[0] << bits | window
                data = ptr8(int(data) + 1)
                size -= 1
            bits += 8
        limbs[0] = window & (1 << width) - 1
        limbs = ptr16(int(limbs) + 2)
        window = window >> width
        bits -= width
        count -= 1


@micropython.viper
def gather(out: ptr8, at: int, limbs: ptr16, start: int, width: int):
    """out[at : at + 32] = the low 256 bits of the limbs from `start` on, little-endian."""
    window = 0
    bits = 0
    out = ptr8(int(out) + at)
    limbs = ptr16(int(limbs) + 2 * start)
    count = 32
    while count:
        if bits < 8:
            window = limbs[0] << bits | window
            limbs = ptr16(int(limbs) + 2)
            bits += width
        out[0] = window
        out = ptr8(int(out) + 1)
        window = window >> 8
        bits -= 8
        count -= 1


def unpack(registers, index, data, at):
    """Register `index` = 32 bytes at data[at], little-endian, bit 255 ignored."""
    spread(registers, 20 * index, 20, 13, data, at, 32)
    registers[40 * index + 39] = 0


@micropython.viper
def _canonicalise(registers: ptr16, index: int):
    """Bring a tight register below p: fold bits from 255 up twice, then subtract p if needed."""
    v = ptr16(int(registers) + 40 * index)
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


def pack(out, at, registers, index):
    """Canonical 32 bytes of register `index` into out[at]; the register becomes canonical."""
    _canonicalise(registers, index)
    gather(out, at, registers, 20 * index, 13)


@micropython.viper
def select(x: int, q: ptr32, first: int, table: ptr32, digits: ptr8, column: int):
    """Registers first .. first+2 = the entry of block `x` of the comb that its digit names.

    digits[26*block + column] is secret: bits 0-3 the entry, bit 4 set if it is to be negated.
    All 16 entries are read each time. Negation swaps the first two coordinates and takes the
    third from 64 p limb by limb, so that its limbs may reach 16382. `x` and `q`, the registers,
    come first to live in machine registers; the first registers are scratch.
    """
    digit = digits[26 * x + column]
    row = ptr32(int(table) + 1536 * x)
    registers = int(q)
    i = 0
    while i < 24:
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
            q = ptr32(int(q) + 32)
            row = ptr32(int(row) + 32)
            i += 1
        q = ptr32(registers)
        entry += 1
    negative = 0 - (digit >> 4)
    i = 0
    while i < 8:
        x = (q[i] ^ q[i + 8]) & negative
        q[i] = q[i] ^ x
        q[i + 8] = q[i + 8] ^ x
        i += 1
    to = ptr16(registers + 40 * first)
    i = 0
    while i < 3:
        to[0] = q[0] & 8191
        to[1] = q[0] >> 13 & 8191
        to[2] = (q[0] >> 26 & 63 | q[1] << 6) & 8191
        to[3] = q[1] >> 7 & 8191
        to[4] = (q[1] >> 20 & 4095 | q[2] << 12) & 8191
        to[5] = q[2] >> 1 & 8191
        to[6] = q[2] >> 14 & 8191
        to[7] = (q[2] >> 27 & 31 | q[3] << 5) & 8191
        to[8] = q[3] >> 8 & 8191
        to[9] = (q[3] >> 21 & 2047 | q[4] << 11) & 8191
        to[10] = q[4] >> 2 & 8191
        to[11] = q[4] >> 15 & 8191
        to[12] = (q[4] >> 28 & 15 | q[5] << 4) & 8191
        to[13] = q[5] >> 9 & 8191
        to[14] = (q[5] >> 22 & 1023 | q[6] << 10) & 8191
        to[15] = q[6] >> 3 & 8191
        to[16] = q[6] >> 16 & 8191
        to[17] = (q[6] >> 29 & 7 | q[7] << 3) & 8191
        to[18] = q[7] >> 10 & 8191
        to[19] = q[7] >> 23 & 255
        q = ptr32(int(q) + 32)
        to = ptr16(int(to) + 40)
        i += 1
    to = ptr16(int(to) - 40)
    bias = 15168
    i = 0
    while i < 20:
        x = to[i]
        to[i] = ((bias - x) ^ x) & negative ^ x
        bias = 16382
        i += 1
