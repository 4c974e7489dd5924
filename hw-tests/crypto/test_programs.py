"""The point formulas keep to the bounds: no operation gets limbs larger than it can take."""

from typing import Any

from truewatt.cryptogen import field_vm

LIST_PROGRAMS = """
from crypto import group

constants = group.__dict__.items()
programs = {n: p for n, p in constants if isinstance(p, bytes) and len(p) % 4 == 1}
for i in range(4):
    programs["_as_operand" + str(i)] = group._as_operand(group.MULTIPLES + 4 * i)
# These follow one another in one order only.
power = programs.pop("_POWER_100")[:-1] + programs.pop("_POWER_250")[:-1]
programs["invert"] = power + programs.pop("_INVERT_END")
root = programs.pop("_RATIO")[:-1] + power + programs.pop("_ROOT_END")[:-1]
programs["decode"] = root + programs.pop("_CANDIDATE")
programs["_as_operand"] = group._as_operand(group.PLUS)
for name, program in programs.items():
    print(name, program.hex())
print("T2D", "%02x" % group.T2D)
"""
# Which of (first, second) operand may have loose limbs; a product takes one of them, not both.
TAKES_LOOSE = {
    field_vm.OP_ADD: (True, False),
    field_vm.OP_SUB: (True, False),
    field_vm.OP_LOOSE_ADD: (False, False),
    field_vm.OP_SQR: (False, True),  # the second operand of a square is a count
}


def _walk(name: str, program: bytes, loose: set[int]) -> set[int]:
    """The registers that may be loose after a program, given those that may be before."""
    loose = set(loose)
    for at in range(0, len(program) - 1, 4):
        op, to, first, second = program[at : at + 4]
        if op == field_vm.OP_MUL:
            assert not (first in loose and second in loose), f"{name}, byte {at}"
        else:
            for register, allowed in zip((first, second), TAKES_LOOSE[op], strict=True):
                assert allowed or register not in loose, f"{name}, byte {at}"
        loose = loose | {to} if op == field_vm.OP_LOOSE_ADD else loose - {to}
    return loose


def test_loose_limbs_go_only_where_they_fit(native_board: Any) -> None:
    done = native_board.run("-c", LIST_PROGRAMS)
    listed = dict(line.split() for line in done.stdout.splitlines())
    t2d = int(listed.pop("T2D"), 16)
    programs = {name: bytes.fromhex(text) for name, text in listed.items()}
    assert {"_DOUBLE", "_ADD_COMB", "_SUBTRACT_OPERAND", "invert", "decode"} <= programs.keys()
    # A look-up in the comb leaves T2D loose. Any program may follow any other.
    loose: set[int] = set()
    while True:
        after = [_walk(name, program, loose | {t2d}) for name, program in programs.items()]
        grown = loose.union(*after)
        if grown == loose:
            break
        loose = grown
