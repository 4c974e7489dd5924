"""Write `firmware/crypto/field_vm.py`: unrolled arithmetic mod p = 2^255 - 19 for viper.

A field element is 20 limbs of 13 bits, least significant first, each in a 32-bit word.
Why this shape: viper has 32-bit integers on a board, a product of two such limbs has 26 bits, and
a column of 20 products still fits 32 bits unsigned; and 2^260 = 608 (mod p) folds whole limbs.

Invariant kept by every operation ("tight"): limb 0 <= 8191 + 3*608, limb 1 <= 8191,
limb 2 <= 8191 + 3, every other limb <= 8191. `bounds()` proves it from the code's own constants.
"""

from collections.abc import Callable

LIMBS = 20
LIMB_BITS = 13
LIMB_MASK = (1 << LIMB_BITS) - 1
P = 2**255 - 19
FOLD = 608  # 2^260 mod p
# 64 p in limbs that each exceed any tight limb, so that a - b + BIAS is non-negative limb by limb.
BIAS_0 = 2 * LIMB_MASK + 2 - 2 * FOLD
BIAS = 2 * LIMB_MASK

OP_END, OP_MUL, OP_SQR, OP_ADD, OP_SUB = range(5)

HEADER = f'''"""Field arithmetic mod 2^255 - 19 in viper. GENERATED: do not edit.

Regenerate with `python -m truewatt.cryptogen`; the design and its bounds are in `docs/crypto.md`.

Registers are rows of {LIMBS} words of {LIMB_BITS} bits in one array of 32-bit words. A program is
bytes: (operation, destination, first, second) four at a time, ended by 0.
{OP_MUL}: product; {OP_SQR}: first squared, `second` times over; {OP_ADD}: sum; {OP_SUB}: difference.
No branch and no address depends on a limb: the program alone decides both.
"""

# ruff: noqa: E702, F821
# fmt: off
import micropython


@micropython.viper
def run(s: int, x: int, program: ptr8, registers: ptr32):
    """Run `program` `s` times over `registers`; `x` is ignored.

    Viper keeps the first two locals in machine registers, hence the odd order and names:
    they become the accumulator and the multiplier of the unrolled code.
    """
    times = s
    base = int(registers)
    while times > 0:
        times -= 1
        pc = 0
        op = program[0]
        while op != {OP_END}:
            n = program[pc + 3]
            d = ptr32(base + program[pc + 1] * {4 * LIMBS})
            a = ptr32(base + program[pc + 2] * {4 * LIMBS})
            b = ptr32(base + n * {4 * LIMBS})
'''

FOOTER = """            pc += 4
            op = program[pc]
"""


def _product_terms(column: int) -> list[str]:
    """Products of a * b that fall in this column; x takes each multiplier in turn."""
    pairs = [(i, column - i) for i in range(LIMBS) if 0 <= column - i < LIMBS]
    return [f"x = a{i}; s = b{j} * x + s" for i, j in pairs]


def _square_terms(column: int) -> list[str]:
    """The same of a * a, with b = 2a so that each cross product is taken once."""
    pairs = [(i, column - i) for i in range(LIMBS) if i < column - i < LIMBS]
    terms = [f"x = a{i}; s = b{j} * x + s" for i, j in pairs]
    if column % 2 == 0:
        terms.append(f"x = a{column // 2}; s = x * x + s")
    return terms


def _columns(terms: Callable[[int], list[str]]) -> list[str]:
    """High columns first, carried; then the low ones, each with 608 times its high one."""
    shift = f"s = int(uint(s) >> {LIMB_BITS})"
    lines = ["s = 0"]
    for k in range(LIMBS, 2 * LIMBS - 1):
        lines += [*terms(k), f"h{k - LIMBS} = s & {LIMB_MASK}; {shift}"]
    lines += [f"h{LIMBS - 1} = s; s = 0"]
    for k in range(LIMBS):
        lines += [*terms(k), f"s = h{k} * {FOLD} + s; d[{k}] = s & {LIMB_MASK}; {shift}"]
    lines += [f"s = s * {FOLD} + d[0]; d[0] = s & {LIMB_MASK}; s = s >> {LIMB_BITS}"]
    lines += [f"s = s + d[1]; d[1] = s & {LIMB_MASK}; d[2] = (s >> {LIMB_BITS}) + d[2]"]
    return lines


def _product() -> list[str]:
    loads = [f"a{i} = a[{i}]; b{i} = b[{i}]" for i in range(LIMBS)]
    return loads + _columns(_product_terms)


def _square() -> list[str]:
    loads = [f"x = a[{i}]; a{i} = x; b{i} = x + x" for i in range(LIMBS)]
    return loads + _columns(_square_terms)


def _linear(subtract: bool) -> list[str]:
    """a + b or a - b + 64 p, carried once through, the last carry folded into limb 0."""
    lines = []
    for k in range(LIMBS):
        bias = BIAS_0 if k == 0 else BIAS
        first = f"s = a[{k}]" + (" + s" if k else "")
        lines += [first, f"s = s - b[{k}] + {bias}" if subtract else f"s = b[{k}] + s"]
        lines += [f"d[{k}] = s & {LIMB_MASK}; s = s >> {LIMB_BITS}"]
    return [*lines, f"d[0] = s * {FOLD} + d[0]"]


def _block(lines: list[str], depth: int) -> str:
    return "".join(" " * 4 * depth + line + "\n" for line in lines)


def source() -> str:
    """The text of the generated module."""
    return (
        HEADER
        + _block([f"if op == {OP_MUL}:"], 3)
        + _block(_product(), 4)
        + _block([f"elif op == {OP_SQR}:", "    while n > 0:", "        n -= 1"], 3)
        + _block([*_square(), "a = d"], 5)
        + _block([f"elif op == {OP_ADD}:"], 3)
        + _block(_linear(subtract=False), 4)
        + _block(["else:"], 3)
        + _block(_linear(subtract=True), 4)
        + FOOTER
    )
