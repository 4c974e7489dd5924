"""Starts MicroPython with the firmware's drivers on lines with emulated chips."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from bench import MODULES, MeteringBoard  # noqa: E402

from truewatt.emulator.wires.tty import Tty  # noqa: E402


@pytest.fixture
def tty(tmp_path: Path) -> Iterator[Tty]:
    line = Tty(tmp_path / "uart2")
    yield line
    line.close()


@pytest.fixture
def start(
    micropython_32bit: list[str], tty: Tty
) -> Iterator[Callable[..., Callable[..., MeteringBoard]]]:
    """`start(driver, serve)(**setup)`: a board's metering whose UART is the line `tty`."""
    boards: list[MeteringBoard] = []

    def make(driver: str, serve: Callable[[], None]) -> Callable[..., MeteringBoard]:
        def boot(**setup: Any) -> MeteringBoard:
            setup["driver"] = driver
            boards.append(MeteringBoard(micropython_32bit, tty, serve, setup))
            return boards[-1]

        return boot

    yield make
    for board in boards:
        board.kill()


@pytest.fixture(scope="session")
def on_board(micropython_32bit: list[str]) -> Callable[[str], str]:
    """Run a script of this folder on 32-bit MicroPython; what it printed. Fails if it fails."""

    def run(script: str) -> str:
        done = subprocess.run(
            [*micropython_32bit, "-X", "heapsize=1024k", str(HERE / script)],
            env={**os.environ, "MICROPYPATH": ":".join(str(path) for path in MODULES)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout[-3000:]
        return done.stdout

    return run
