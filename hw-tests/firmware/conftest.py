"""Runs MicroPython scripts against the firmware, and makes workbenches with a whole board."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
FIRMWARE = HERE.parents[1] / "firmware"

sys.path[:0] = [str(HERE), str(HERE.parent)]


@pytest.fixture(scope="session")
def on_board(
    micropython_32bit: list[str], request: pytest.FixtureRequest
) -> Iterator[Callable[..., str]]:
    """Run a script of this folder on 32-bit MicroPython; what it printed. Fails if it fails.

    With `--device` on the board there, whose heap is what it is.
    """
    if port := request.config.getoption("--device"):
        from cabled import CabledBoard

        board = CabledBoard(port, request.config.getoption("--yes-this-board-may-be-wiped"))
        yield lambda script, *arguments, heap_kib=0: board.run(HERE / script, *arguments)
        board.clean()
        return

    def run(script: str, *arguments: str, heap_kib: int = 1024) -> str:
        path = ":".join((str(HERE), str(FIRMWARE), str(FIRMWARE / "shared"), ".frozen"))
        done = subprocess.run(
            [*micropython_32bit, "-X", f"heapsize={heap_kib}k", str(HERE / script), *arguments],
            env={**os.environ, "MICROPYPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout[-3000:]
        return done.stdout

    yield run


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that makes a provisioned board with everything around it."""
    from workbench import Workbench

    benches = []

    def make(changes: dict[str, Any] | None = None, **spec: Any) -> Workbench:
        bench = Workbench(tmp_path / str(len(benches)), changes, **spec)
        benches.append(bench)
        bench.provision()
        return bench

    yield make
    for bench in benches:
        bench.close()
