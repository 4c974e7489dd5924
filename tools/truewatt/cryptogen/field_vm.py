"""Write `firmware/crypto/field_vm.py`: partly unrolled arithmetic mod p = 2^255 - 19 for viper.

A field element is 20 limbs of 13 bits, least significant first, each in 16 bits of memory.
Why this shape: viper has 32-bit integers on a board, a product of two such limbs has 26 bits, and
a column of 20 products still fits 32 bits unsigned; and 2^260 = 608 (mod p) folds whole limbs.
No limb, not even one of a sum left uncarried, reaches 2^16.

What is unrolled and what loops is a trade of code size (28 KB for all of the crypto on a board)
against speed; `docs/crypto.md` has the figures and the proof of the bounds.
"""

LIMBS = 20
LIMB_BITS = 13
LIMB_MASK = (1 << LIMB_BITS) - 1
FOLD = 608  # 2^260 mod p
# 64 p = 2 * (2^260 - 608) in limbs that each exceed any tight limb, so that a - b + bias is
# non-negative limb by limb: every limb BIAS but the lowest, which is BIAS + BIAS_START.
BIAS = 2 * LIMB_MASK
BIAS_START = 2 - 2 * FOLD
HALF = LIMBS // 2
REGISTER_BYTES = 2 * LIMBS
UNROLLED = 5  # limbs a pass of the carry loops

OP_END, OP_MUL, OP_SQR, OP_ADD, OP_SUB, OP_LOOSE_ADD = range(6)

TEMPLATE = f'''"""Field arithmetic mod 2^255 - 19 in viper. GENERATED: do not edit.

Regenerate with `python -m truewatt.cryptogen`; the design and its bounds are in `docs/crypto.md`.

Registers are rows of {LIMBS} limbs of {LIMB_BITS} bits, each in 16 bits of one array; the first
four are scratch, 40 columns of 32 bits.
A program is bytes: (operation, destination, first, second) four at a time, ended by {OP_END}.
{OP_MUL}: product; {OP_SQR}: first squared, `second` times over; {OP_ADD}: sum;
{OP_SUB}: difference; {OP_LOOSE_ADD}: sum left uncarried.
No branch and no address depends on a limb: the program alone decides both.
"""

# ruff: noqa: F821  (viper's pointer types)
import micropython


@micropython.viper
def run(x: int, c: ptr32, program: ptr8):  # noqa: C901
    """Run `program` `x` times over the registers at `c`.

    Viper keeps the first two locals in machine registers, hence the odd names: they become the
    multiplier or carry, and the pointer to the columns, of the unrolled code.
    """
    times = x
    base = int(c)
    while times > 0:
        times -= 1
        pc = 0
        op = program[0]
        while op != {OP_END}:
            n = program[pc + 3]
            to = base + program[pc + 1] * {REGISTER_BYTES}
            a = ptr16(base + program[pc + 2] * {REGISTER_BYTES})
            b = ptr16(base + n * {REGISTER_BYTES})
            if op <= {OP_SQR}:
                if op == {OP_MUL}:
                    n = 1
                while n > 0:
                    n -= 1
                    c = ptr32(base)
                    last = base + {4 * LIMBS}
                    if op == {OP_MUL}:
                        # LOAD
                        # CLEAR
                        # Row by row: columns += the second operand * one limb of the first.
                        while int(c) != last:
                            # ROWS
                            a = ptr16(int(a) + {2 * 2})
                            c = ptr32(int(c) + {4 * 2})
                    else:
                        # The squares of both halves, then twice their product, row by row.
                        b = a
                        while int(c) != last + {4 * LIMBS}:
                            # LOAD_HALF
                            # TRIANGLE
                            b = ptr16(int(b) + {2 * HALF})
                            c = ptr32(int(c) + {4 * LIMBS})
                        c = ptr32(base + {4 * HALF})
                        c[{HALF - 1}] = 0
                        while int(c) != last:
                            # CROSS_ROWS
                            a = ptr16(int(a) + {2 * 2})
                            c = ptr32(int(c) + {4 * 2})
                    # Carry the high columns; the highest keeps what is above it.
                    c[{LIMBS - 1}] = 0
                    last = base + {8 * LIMBS}
                    x = 0
                    while int(c) != last:
                        # CARRY_HIGH
                        c = ptr32(int(c) + {4 * UNROLLED})
                    c = ptr32(base)
                    c[{2 * LIMBS - 1}] = (x << {LIMB_BITS}) + c[{2 * LIMBS - 1}]
                    # Fold them by 608 into the low ones, carry those, fold the last carry.
                    last = base + {4 * LIMBS}
                    b = ptr16(to)
                    x = 0
                    while int(c) != last:
                        # CARRY_LOW
                        b = ptr16(int(b) + {2 * UNROLLED})
                        c = ptr32(int(c) + {4 * UNROLLED})
                    a = ptr16(to)
                    x = x * {FOLD} + a[0]
                    a[0] = x & {LIMB_MASK}
                    x = (x >> {LIMB_BITS}) + a[1]
                    a[1] = x & {LIMB_MASK}
                    a[2] = (x >> {LIMB_BITS}) + a[2]
            else:
                d = ptr16(to)
                last = to + {REGISTER_BYTES}
                x = 0
                if op == {OP_SUB}:
                    x = {BIAS_START}
                while int(d) != last:
                    if op == {OP_ADD}:
                        # ADD
                    elif op == {OP_SUB}:
                        # SUBTRACT
                    else:
                        # LOOSE_ADD
                    a = ptr16(int(a) + {2 * UNROLLED})
                    b = ptr16(int(b) + {2 * UNROLLED})
                    d = ptr16(int(d) + {2 * UNROLLED})
                d = ptr16(to)
                d[0] = x * {FOLD} + d[0]
            pc += 4
            op = program[pc]
'''


def _accumulate(column: int, product: str, seen: set[int]) -> str:
    """Add `product` to a column, or set the column if this is its first product."""
    if column in seen:
        return f"c[{column}] = {product} + c[{column}]"
    seen.add(column)
    return f"c[{column}] = {product}"


def _triangle() -> list[str]:
    """Square of the half in b; 19 columns."""
    seen: set[int] = set()
    lines = []
    for i in range(HALF):
        lines += [f"x = b{i}", _accumulate(2 * i, f"b{i} * x", seen)]
        if i + 1 < HALF:
            lines.append("x = x + x")
        lines += [_accumulate(i + j, f"b{j} * x", seen) for j in range(i + 1, HALF)]
    return lines


def _rows() -> list[str]:
    """Two rows; the highest column of a row is new, the others have a value."""
    lines = []
    for i in range(2):
        lines.append(f"x = a[{i}]")
        lines += [f"c[{i + j}] = b{j} * x + c[{i + j}]" for j in range(LIMBS - 1)]
        lines.append(f"c[{i + LIMBS - 1}] = b{LIMBS - 1} * x")
    return lines


def _cross_rows() -> list[str]:
    """Two rows of twice the low half (at a) times the high half (in b)."""
    lines = []
    for i in range(2):
        lines += [f"x = a[{i}]", "x = x + x"]
        lines += [f"c[{i + j}] = b{j} * x + c[{i + j}]" for j in range(HALF)]
    return lines


def _carry_high() -> list[str]:
    lines = []
    for k in range(UNROLLED):
        lines += [f"x = c[{k}] + x", f"c[{k}] = x & {LIMB_MASK}"]
        lines.append(f"x = int(uint(x) >> {LIMB_BITS})")
    return lines


def _carry_low() -> list[str]:
    lines = []
    for k in range(UNROLLED):
        lines += [f"x = c[{k + LIMBS}] * {FOLD} + x", f"x = c[{k}] + x"]
        lines += [f"b[{k}] = x & {LIMB_MASK}", f"x = int(uint(x) >> {LIMB_BITS})"]
    return lines


def _linear(second: str) -> list[str]:
    """One pass of a + b or a - b + bias; the carry stays in x."""
    lines = []
    for k in range(UNROLLED):
        lines += [f"x = a[{k}] + x", second.format(k), f"d[{k}] = x & {LIMB_MASK}"]
        lines.append(f"x = x >> {LIMB_BITS}")
    return lines


def source() -> str:
    """The text of the generated module."""
    parts = {
        "LOAD": [f"b{j} = b[{j}]" for j in range(LIMBS)],
        "LOAD_HALF": [f"b{j} = b[{j}]" for j in range(HALF)],
        "CROSS_ROWS": _cross_rows(),
        "CLEAR": [f"c[{k}] = 0" for k in range(LIMBS - 1)],
        "TRIANGLE": _triangle(),
        "ROWS": _rows(),
        "CARRY_HIGH": _carry_high(),
        "CARRY_LOW": _carry_low(),
        "ADD": _linear("x = b[{}] + x"),
        "LOOSE_ADD": [f"d[{k}] = a[{k}] + b[{k}]" for k in range(UNROLLED)],
        "SUBTRACT": _linear(f"x = x - b[{{}}] + {BIAS}"),
    }
    out = []
    for line in TEMPLATE.splitlines():
        name = line.strip().removeprefix("# ")
        indent = line[: len(line) - len(line.lstrip())]
        out += [indent + part for part in parts[name]] if name in parts else [line]
    return "\n".join(out) + "\n"
