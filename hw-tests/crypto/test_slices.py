"""The generator forms: same results as the calls, in slices, whatever else runs in between."""

from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def test_generators(board: Any) -> None:
    done = board.run(str(HERE / "crypto_slices.py"))
    assert done.stdout == "ok\n", done.stdout + done.stderr
