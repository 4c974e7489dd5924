"""Secrets change no count of instructions: equal to the last one, for any seed and message.

Counted on 32-bit ARM under qemu. Each secret gets a process of its own, so that all meet the same
heap: where a free block is found costs the interpreter some instructions, secrets or not.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from truewatt.bench._instructions import (
    InstructionCountError,
    MeasuredProgramError,
    count_instructions,
)
from truewatt.cryptogen.curve import L
from truewatt.toolchain import ToolchainError

PREPARE = """
import gc, sys
from binascii import unhexlify
from crypto import ed25519, group, limbs, scalar, tables, workspace

marks = open(3, "wb")
secret = unhexlify(sys.argv[1])
ws = workspace.Workspace()


def measure(operation):
    operation()
    gc.collect()
    gc.disable()
    marks.write(b"x")
    operation()
    marks.write(b"x")


"""
OPERATIONS = {
    "sign": """
key = ed25519.SigningKey(secret[:32])
message = bytes(range(100))
measure(lambda: key.sign(message))
""",
    "sign from the seed": "measure(lambda: ed25519.sign(secret[:32], bytes(100)))",
    "message": "key = ed25519.SigningKey(bytes(32))\nmeasure(lambda: key.sign(secret))",
    "public key": "measure(lambda: ed25519.SigningKey(secret[:32]))",
    "reduction": "measure(lambda: scalar.reduce(ws.nonce, 0, secret, ws.limbs))",
    "multiply and add": """
first, second = secret[:32], secret[32:]
measure(lambda: scalar.multiply_add(ws.nonce, 0, first, second, first, ws.limbs))
""",
    "recoding": """
measure(lambda: scalar.comb_digits(ws.digits, ws.scratch, secret, 0, tables.ORDER))
""",
    "look-up": """
ws.digits[3] = secret[0] & 31
measure(lambda: limbs.select(0, ws.registers, group.PLUS, tables.COMB, ws.digits, 3))
""",
    "canonical bytes": """
limbs.unpack(ws.registers, 4, secret, 0)
measure(lambda: limbs.pack(ws.points, 0, ws.registers, 4))
""",
}
# All zeros and ones, the order and its neighbour (where a subtraction happens or not), and others.
SECRETS = [
    bytes(64),
    b"\xff" * 64,
    L.to_bytes(32, "little") * 2,
    (L - 1).to_bytes(64, "little"),
    bytes((i * 37 + 11) & 255 for i in range(64)),
    bytes((i * i * 29 + 0x5A) & 255 for i in range(64)),
]


@pytest.fixture(scope="module")
def arm_modules(compiled: Callable[[str], Path]) -> Path:
    """The package compiled for ARM; skips where instructions can't be counted."""
    try:
        folder = compiled("armhf")
        count_instructions("pass", folder)
    except MeasuredProgramError:
        raise
    except (InstructionCountError, ToolchainError) as error:
        pytest.skip(f"instructions can't be counted here: {error}")
    return folder


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_secret_changes_the_count(operation: str, arm_modules: Path) -> None:
    script = PREPARE + OPERATIONS[operation]
    counts = [count_instructions(script, arm_modules, s.hex()).between_marks for s in SECRETS]
    assert all(len(count) == 1 for count in counts)
    assert min(counts)[0] > 1000
    assert min(counts) == max(counts)


def test_the_measure_would_see_a_branch_on_a_secret(arm_modules: Path) -> None:
    """It is not blind: verification, which need not be constant, is seen to vary."""
    script = PREPARE + (
        "key = ed25519.SigningKey(secret[:32])\n"
        "signature = key.sign(b'm')\n"
        "measure(lambda: ed25519.verify(key.public, b'm', signature))\n"
    )
    counts = [count_instructions(script, arm_modules, s.hex()).between_marks[0] for s in SECRETS]
    assert len(set(counts)) == len(SECRETS)
