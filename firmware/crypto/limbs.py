"""Limbs to and from bytes, and constant-time look-up in the comb table.

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
def move(registers: ptr32, target: int, source: int, count: int):
    """Registers `target` .. = the `count` registers from `source` on."""
    source = int(registers) + 80 * source
    registers = ptr32(int(registers) + 80 * target)
    last = int(registers) + 80 * count
    while int(registers) != last:
        registers[0] = ptr32(source)[0]
        registers = ptr32(int(registers) + 4)
        source += 4


@micropython.viper
def spread(limbs: ptr32, at: int, count: int, width: int, data: ptr8, start: int, size: int):
    """limbs[at : at + count] = `size` little-endian bytes at data[start], `width` bits a limb."""
    window = 0
    bits = 0
    data = ptr8(int(data) + start)
    limbs = ptr32(int(limbs) + 4 * at)
    while count:
        while bits < width:
            if size:
                window = data[0] << bits | window
                data = ptr8(int(data) + 1)
                size -= 1
            bits += 8
        limbs[0] = window & (1 << width) - 1
        limbs = ptr32(int(limbs) + 4)
        window = window >> width
        bits -= width
        count -= 1


@micropython.viper
def gather(out: ptr8, at: int, limbs: ptr32, start: int, width: int):
    """out[at : at + 32] = the low 256 bits of the limbs from `start` on, little-endian."""
    window = 0
    bits = 0
    out = ptr8(int(out) + at)
    limbs = ptr32(int(limbs) + 4 * start)
    count = 32
    while count:
        if bits < 8:
            window = limbs[0] << bits | window
            limbs = ptr32(int(limbs) + 4)
            bits += width
        out[0] = window
        out = ptr8(int(out) + 1)
        window = window >> 8
        bits -= 8
        count -= 1


def unpack(registers, index, data, at):
    """Register `index` = 32 bytes at data[at], little-endian, bit 255 ignored."""
    spread(registers, 20 * index, 20, 13, data, at, 32)
    registers[80 * index + 77] = 0


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
    come first to live in machine registers; the first two registers are scratch.
    """
    digit = digits[26 * x + column]
    row = ptr32(int(table) + 1920 * x)
    registers = int(q)
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
        q = ptr32(registers)
        entry += 1
    negative = 0 - (digit >> 4)
    row = ptr32(registers + 80 * first)
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
