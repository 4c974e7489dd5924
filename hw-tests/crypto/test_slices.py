"""The generator forms: same results as the calls, in slices, whatever else runs in between."""

from pathlib import Path
from typing import Any

import pytest

from truewatt.bench._figures import ESP32_CYCLES_PER_INSTRUCTION, ESP32_HZ
from truewatt.emulator.board_files import Charges

HERE = Path(__file__).resolve().parent


def test_generators(board: Any) -> None:
    done = board.run(str(HERE / "crypto_slices.py"))
    assert done.stdout == "ok\n", done.stdout + done.stderr


_COUNT = """
from crypto import ed25519

key = ed25519.SigningKey(bytes(32))
message = bytes(100)
signature = key.sign(message)
checks = sum(1 for _ in ed25519.verify_steps(key.public, message, signature))
print(1 + sum(1 for _ in key.sign_steps(message)), 1 + checks)
"""


@pytest.mark.parametrize(
    ("which", "instructions"), [(0, 4_900_000), (1, 15_100_000)], ids=["sign", "verify"]
)
def test_emulated_boards_take_the_time_that_is_estimated(board, which, instructions):
    """The counts are those of `truewatt bench crypto`."""
    done = board.run("-c", _COUNT)
    slices = int(done.stdout.split()[which])
    low, high = (instructions * c / ESP32_HZ for c in ESP32_CYCLES_PER_INSTRUCTION)
    assert low < slices * Charges().crypto_slice_us / 1e6 < 1.2 * high
