"""Field operations against Python's integers, extreme limbs included.

Columns, carries and folds only add and multiply non-negative numbers, so they are largest where the
limbs are: what does not overflow a 32-bit word at the extremes below overflows nowhere.
"""

import random
from typing import Any

from truewatt.cryptogen import field_vm
from truewatt.cryptogen.curve import P

DICE = random.Random(13)
MASK = field_vm.LIMB_MASK
# The invariant of every register but those named loose (docs/crypto.md).
TIGHT = [MASK + 4 * field_vm.FOLD, MASK, MASK + 5] + [MASK] * 17
LOOSE_SUM = [2 * limb for limb in TIGHT]
LOOSE_NEGATED = [field_vm.BIAS + field_vm.BIAS_START] + [field_vm.BIAS] * 19
Limbs = list[int]


def _value(limbs: Limbs) -> int:
    return sum(limb << field_vm.LIMB_BITS * i for i, limb in enumerate(limbs))


def _words(limbs: Limbs) -> bytes:
    return b"".join(limb.to_bytes(2, "little") for limb in limbs)


def _limbs(words: bytes) -> Limbs:
    return [int.from_bytes(words[i : i + 2], "little") for i in range(0, 40, 2)]


def _below(bounds: Limbs) -> Limbs:
    """Limbs within bounds: extreme, zero, or anything, limb by limb."""
    return [DICE.choice((0, bound, DICE.randint(0, bound))) for bound in bounds]


def _pairs(first: Limbs, second: Limbs, count: int = 60) -> list[tuple[Limbs, Limbs]]:
    zero = [0] * 20
    corners = [(first, second), (first, zero), (zero, second), (zero, zero)]
    return corners + [(_below(first), _below(second)) for _ in range(count)]


def _results(board: Any, op: int, pairs: list[tuple[Limbs, Limbs]], last: int = 5) -> list[Limbs]:
    code = bytes((op, 6, 4, last, field_vm.OP_END))
    return [_limbs(a) for a in board.ask(("program", code, _words(x), _words(y)) for x, y in pairs)]


def _is_tight(limbs: Limbs) -> bool:
    return all(limb <= bound for limb, bound in zip(limbs, TIGHT, strict=True))


def test_products(board: Any) -> None:
    pairs = _pairs(TIGHT, TIGHT) + _pairs(LOOSE_SUM, TIGHT) + _pairs(TIGHT, LOOSE_SUM)
    pairs += _pairs(TIGHT, LOOSE_NEGATED)
    for (x, y), result in zip(pairs, _results(board, field_vm.OP_MUL, pairs), strict=True):
        assert _value(result) % P == _value(x) * _value(y) % P
        assert _is_tight(result)


def test_squares(board: Any) -> None:
    for times in (1, 2, 5, 50):
        pairs = _pairs(TIGHT, TIGHT, 25)
        results = _results(board, field_vm.OP_SQR, pairs, times)
        for (x, _), result in zip(pairs, results, strict=True):
            assert _value(result) % P == pow(_value(x), 2**times, P)
            assert _is_tight(result)


def test_sums_and_differences(board: Any) -> None:
    pairs = _pairs(LOOSE_SUM, TIGHT)
    for op, sign in ((field_vm.OP_ADD, 1), (field_vm.OP_SUB, -1)):
        for (x, y), result in zip(pairs, _results(board, op, pairs), strict=True):
            assert _value(result) % P == (_value(x) + sign * _value(y)) % P
            assert _is_tight(result)
    pairs = _pairs(TIGHT, TIGHT)
    for (x, y), result in zip(pairs, _results(board, field_vm.OP_LOOSE_ADD, pairs), strict=True):
        assert result == [a + b for a, b in zip(x, y, strict=True)]


def test_canonical_bytes(board: Any) -> None:
    around = [m * P + d for m in (0, 1, 2, 31) for d in (-20, -19, -1, 0, 1, 18, 19)]
    numbers = [v for v in around if v >= 0] + [DICE.randrange(2**260) for _ in range(100)]
    registers = [
        [n >> field_vm.LIMB_BITS * i & MASK for i in range(20)] for n in [*numbers, 2**260 - 1]
    ]
    registers += [TIGHT] + [_below(TIGHT) for _ in range(100)]
    answers = board.ask(("packed", _words(limbs)) for limbs in registers)
    assert answers == [(_value(limbs) % P).to_bytes(32, "little") for limbs in registers]


def test_no_column_reaches_32_bits_by_computation() -> None:
    """The carry chains of a product with every limb at its largest: each sum on the way."""
    for first, second in ((TIGHT, LOOSE_SUM), (TIGHT, LOOSE_NEGATED)):
        columns = [0] * 40
        for i, x in enumerate(first):
            for j, y in enumerate(second):
                columns[i + j] += x * y
        sums = []
        carry = 0
        for k in range(20, 40):
            sums.append(columns[k] + carry)
            # Whatever the low bits, the digit is at most MASK; the highest keeps all.
            columns[k], carry = MASK, sums[-1] >> field_vm.LIMB_BITS
        columns[39] = sums[-1]
        carry = 0
        for k in range(20):
            sums.append(columns[k + 20] * field_vm.FOLD + columns[k] + carry)
            carry = sums[-1] >> field_vm.LIMB_BITS
        sums.append(carry * field_vm.FOLD + MASK)
        assert max(sums) < 2**32
        assert (sums[-1] >> field_vm.LIMB_BITS) + MASK >> field_vm.LIMB_BITS <= 5
