"""Write `firmware/crypto/tables.py`: the comb table of the base point and the curve's constants.

Signed comb of 5 teeth in 2 blocks over a 260-digit scalar with digits +1 and -1:
digit i = 52*tooth + 26*block + column. Entry j of a block is
    2^(26*block) * (2^208 + sum over teeth t < 4 of (+ if bit t of j, else -) 2^(52*t)) * B,
kept as (y + x, y - x, 2*d*x*y), each canonical in 32 bytes, little-endian.
"""

from functools import cache

from truewatt.cryptogen import curve
from truewatt.cryptogen.curve import D, L, P, Point
from truewatt.cryptogen.literal import bytes_literal

TEETH, BLOCKS = 5, 2
SPACING = 52
COLUMNS = SPACING // BLOCKS
ENTRIES = 1 << (TEETH - 1)


@cache
def _doubled(times: int) -> Point:
    """2^times * B."""
    if times == 0:
        return curve.BASE
    half = _doubled(times - 1)
    return curve.add(half, half)


@cache
def comb_point(block: int, entry: int) -> Point:
    """One entry of the comb, by the formula above."""
    point = _doubled(SPACING * (TEETH - 1) + COLUMNS * block)
    for tooth in range(TEETH - 1):
        term = _doubled(SPACING * tooth + COLUMNS * block)
        point = curve.add(point, term if entry >> tooth & 1 else curve.negate(term))
    return point


def comb_table() -> bytes:
    """Blocks of 16 entries of 96 bytes."""
    out = bytearray()
    for block in range(BLOCKS):
        for entry in range(ENTRIES):
            x, y = comb_point(block, entry)
            for value in ((y + x) % P, (y - x) % P, 2 * D * x * y % P):
                out += value.to_bytes(32, "little")
    return bytes(out)


def small_order_ys() -> list[bytes]:
    """The canonical y coordinates of the eight points of small order, encoded."""
    ys = {point[1] for point in curve.small_order_points()}
    return [y.to_bytes(32, "little") for y in sorted(ys)]


HEADER = '''"""Constants of Ed25519. GENERATED: do not edit.

Regenerate with `python -m truewatt.cryptogen`, where the layout is described (`tables.py`).
"""

'''


def source() -> str:
    """The text of the generated module."""
    scalars = {"ORDER": L, "D": D, "D2": 2 * D % P, "SQRT_M1": curve.SQRT_M1}
    parts = [bytes_literal(name, value.to_bytes(32, "little")) for name, value in scalars.items()]
    parts.append(bytes_literal("SMALL_ORDER_Y", b"".join(small_order_ys())))
    parts.append(bytes_literal("COMB", comb_table()))
    return HEADER + "".join(parts)
