"""Points of edwards25519 as register programs for `field_vm`, and multiples of them in slices.

Extended coordinates (X, Y, Z) with T = E * H left undone until an addition needs it, so doublings
skip it. Formulas: Hisil, Wong, Carter, Dawson (2008), a = -1, complete on this curve.
"""

from crypto import tables
from crypto.field_vm import run
from crypto.limbs import move, pack, select, set_small, unpack
from crypto.memory import word_table

# Working point, temporaries, second operand (y + x, y - x, 2dt, 2z).
X, Y, Z, T, A, B, C, D, E, F, G, H, PLUS, MINUS, T2D, Z2 = range(4, 20)
# Verification keeps 1, 3, 5 and 7 times the public key here; other uses borrow the room.
MULTIPLES = 20
TWICE_D = 36
REGISTERS = 37

_MUL, _SQR, _ADD, _SUB, _LOOSE = 1, 2, 3, 4, 5

# A slice ends once this much work was done, in thousands of ARMv7 instructions; what the
# operations take is measured by `truewatt bench crypto`.
SLICE = 560
_DOUBLING_WORK = 34
_ADDITION_WORK = 51
_COLUMN_WORK = 140


def _program(*codes):
    return bytes(codes) + b"\0"


def _addition(operand, affine, negative):
    """Point += (or -=) the operand in four registers, or three if it has z = 1."""
    plus, minus = (operand + 1, operand) if negative else (operand, operand + 1)
    f, g = (_ADD, _SUB) if negative else (_SUB, _ADD)
    codes = [_MUL, T, E, H, _SUB, A, Y, X, _MUL, A, A, minus, _LOOSE, B, Y, X, _MUL, B, B, plus]
    codes += [_MUL, C, T, operand + 2]
    codes += [_LOOSE, D, Z, Z] if affine else [_MUL, D, Z, operand + 3]
    codes += [_SUB, E, B, A, _LOOSE, H, B, A, f, F, D, C, g, G, D, C]
    return _program(*codes, _MUL, X, E, F, _MUL, Y, G, H, _MUL, Z, F, G)


def _as_operand(to):
    """Four registers from `to` = the working point as an operand of `_addition`."""
    codes = [_MUL, T, E, H, _ADD, to, Y, X, _SUB, to + 1, Y, X, _MUL, to + 2, T, TWICE_D]
    return _program(*codes, _ADD, to + 3, Z, Z)


_DOUBLE = _program(
    *(_SQR, A, X, 1, _SQR, B, Y, 1, _SQR, C, Z, 1, _LOOSE, C, C, C, _LOOSE, H, A, B),
    *(_ADD, E, X, Y, _SQR, E, E, 1, _SUB, E, H, E, _SUB, G, A, B, _ADD, F, C, G),
    *(_MUL, X, E, F, _MUL, Y, G, H, _MUL, Z, F, G),
)
_ADD_COMB = _addition(PLUS, True, False)
_ADD_OPERAND = _addition(PLUS, False, False)
_SUBTRACT_OPERAND = _addition(PLUS, False, True)
del _addition  # a board needs its code no more

# A = Z^11, B = Z^(2^50 - 1), C = Z^(2^100 - 1); then B = Z^(2^250 - 1); then T, either
# Z^(p - 2) or Z^((p - 5) / 8).
_POWER_100 = _program(
    *(_SQR, A, Z, 1, _SQR, B, A, 2, _MUL, B, B, Z, _MUL, A, A, B),
    *(_SQR, C, A, 1, _MUL, B, B, C),
    *(_SQR, C, B, 5, _MUL, B, B, C, _SQR, C, B, 10, _MUL, C, C, B),
    *(_SQR, D, C, 20, _MUL, C, C, D, _SQR, C, C, 10, _MUL, B, B, C),
    *(_SQR, C, B, 50, _MUL, C, C, B),
)
_POWER_250 = _program(_SQR, D, C, 100, _MUL, C, C, D, _SQR, C, C, 50, _MUL, B, B, C)
_INVERT_END = _program(_SQR, B, B, 5, _MUL, T, A, B)
_ROOT_END = _program(_SQR, B, B, 2, _MUL, T, B, Z)

_COMB = word_table(tables.COMB)


def set_identity(registers):
    """Working point = the neutral element."""
    for index, value in ((X, 0), (Y, 1), (Z, 1), (E, 0), (H, 1)):
        set_small(registers, index, value)


def _add_comb_column(registers, digits, column):
    for block in (0, 1):
        select(block, registers, PLUS, _COMB, digits, column)
        run(1, registers, _ADD_COMB)


def base_multiple_steps(registers, digits):
    """Working point = the multiple of the base point that `scalar.comb_digits` recoded."""
    set_identity(registers)
    work = 0
    for column in range(25, -1, -1):
        if work > SLICE:
            yield
            work = 0
        if column != 25:
            run(1, registers, _DOUBLE)
        _add_comb_column(registers, digits, column)
        work += _COLUMN_WORK


def prepare_multiples(registers):
    """Odd multiples 1, 3, 5, 7 of the working point, as operands."""
    twice = MULTIPLES + 12  # until 7 times the point takes its place
    run(1, registers, _as_operand(MULTIPLES))
    run(1, registers, _DOUBLE)
    run(1, registers, _as_operand(twice))
    for i, other in ((1, MULTIPLES), (2, twice), (3, twice)):
        _add_kept(registers, _ADD_OPERAND, other)
        run(1, registers, _as_operand(MULTIPLES + 4 * i))


def _add_kept(registers, program, kept):
    """Run an addition with an operand that was kept elsewhere: a copy costs less than a program."""
    move(registers, PLUS, kept, 4)
    run(1, registers, program)


def double_multiple_steps(registers, digits, naf):
    """Working point = comb multiple of the base point - NAF multiple of the prepared point."""
    set_identity(registers)
    work = 0
    for i in range(253, -1, -1):
        if work > SLICE:
            yield
            work = 0
        run(1, registers, _DOUBLE)
        work += _DOUBLING_WORK
        digit = naf[i] - 8
        if digit:
            program = _SUBTRACT_OPERAND if digit > 0 else _ADD_OPERAND
            _add_kept(registers, program, MULTIPLES + 4 * (abs(digit) >> 1))
            work += _ADDITION_WORK
        if i < 26:
            _add_comb_column(registers, digits, i)
            work += _COLUMN_WORK - _DOUBLING_WORK


def _power_steps(registers, end):
    """T = the power of Z that `end` completes; A to D are overwritten."""
    yield
    run(1, registers, _POWER_100)
    yield
    run(1, registers, _POWER_250)
    run(1, registers, end)
    yield


def invert_steps(registers):
    """T = 1 / Z; A to D are overwritten."""
    yield from _power_steps(registers, _INVERT_END)


def write_affine(out, at, registers, x, y, inverse):
    """RFC 8032 §5.1.2 encoding of (x, y) * inverse, given as registers; A and B are overwritten."""
    run(1, registers, _program(_MUL, A, x, inverse, _MUL, B, y, inverse))
    pack(out, at, registers, A)
    parity = out[at] & 1
    pack(out, at, registers, B)
    out[at + 31] |= parity << 7


def _is_zero(registers, index, scratch):
    pack(scratch, 0, registers, index)
    return not any(scratch)


_U, _V, _V3, _ONE, _D, _ROOT = range(MULTIPLES, MULTIPLES + 6)
_RATIO = _program(
    *(_SQR, A, Y, 1, _SUB, _U, A, _ONE, _MUL, _V, A, _D, _ADD, _V, _V, _ONE),
    *(_SQR, B, _V, 1, _MUL, _V3, B, _V, _SQR, B, _V3, 1, _MUL, B, B, _V, _MUL, Z, B, _U),
)
_CANDIDATE = _program(
    *(_MUL, A, _U, _V3, _MUL, X, A, T, _SQR, A, X, 1, _MUL, A, A, _V),
    *(_SUB, B, A, _U, _ADD, C, A, _U),
)


def decode_steps(registers, data, scratch):
    """Working point = the point that 32 public bytes encode; returns False if none.

    The caller has refused non-canonical y and small order. `scratch`: 32 bytes.
    """
    unpack(registers, Y, data, 0)
    unpack(registers, _D, tables.D, 0)
    unpack(registers, _ROOT, tables.SQRT_M1, 0)
    set_small(registers, _ONE, 1)
    run(1, registers, _RATIO)
    yield from _power_steps(registers, _ROOT_END)
    run(1, registers, _CANDIDATE)
    if not _is_zero(registers, B, scratch):
        if not _is_zero(registers, C, scratch):
            return False
        run(1, registers, _program(_MUL, X, X, _ROOT))
    pack(scratch, 0, registers, X)
    if scratch[0] & 1 != data[31] >> 7:
        set_small(registers, A, 0)
        run(1, registers, _program(_SUB, X, A, X))
    # T = x * y, and Z = 1
    move(registers, E, X, 1)
    move(registers, H, Y, 1)
    set_small(registers, Z, 1)
    return True
