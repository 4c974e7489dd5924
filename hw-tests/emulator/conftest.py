"""Boards, lines and rigs for the tests beside this file; all are ended with the test."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.clock import Clock
from truewatt.emulator.board import NO_CHARGES, BoardSpec, EmulatedBoard
from truewatt.emulator.rig_control import ask_rig

PATIENCE_S = 30.0
ORIGIN_MS = 1_700_000_000_000

MakeBoard = Callable[..., EmulatedBoard]


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """What `condition` returns once it is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:.0f} s for {what}"
        time.sleep(0.02)
    return value


@pytest.fixture(name="wait_until", scope="session")
def _wait_until() -> Callable[[Callable[[], Any], str], Any]:
    return wait_until


@pytest.fixture
def make_board(tmp_path: Path) -> Iterator[MakeBoard]:
    """`make_board(program, speed=1, **spec)`: a board whose main.py is `program`."""
    boards: list[EmulatedBoard] = []

    def make(program: str, speed: float = 1.0, **spec: Any) -> EmulatedBoard:
        firmware = tmp_path / f"firmware{len(boards)}"
        firmware.mkdir()
        (firmware / "main.py").write_text(program)
        name = f"board{len(boards)}"
        spec = {"charges": NO_CHARGES, "arch": "32bit", "firmware": firmware, **spec}
        clock = Clock.starting_at(ORIGIN_MS, speed).to_env()
        board = EmulatedBoard(tmp_path / name, BoardSpec(name, **spec), {"TRUEWATT_CLOCK": clock})
        boards.append(board)
        return board

    yield make
    for board in boards:
        board.kill()


class RunningRig:
    """A rig in a process of its own."""

    def __init__(self, folder: Path, config: dict[str, Any], clock: Clock) -> None:
        self.out = folder / "rig"
        self.clock = clock
        (folder / "rig.json").write_text(json.dumps(config))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "truewatt.emulator.rig", str(folder / "rig.json")],
            env={**os.environ, "TRUEWATT_CLOCK": clock.to_env()},
        )

    def ready(self) -> bool:
        assert self.process.poll() is None, "the rig ended"
        return (self.out / "ready").exists()

    def ask(self, **request: Any) -> dict[str, Any]:
        return ask_rig(self.out / "control.sock", **request)

    def tty(self, name: str) -> Path:
        return self.out / "tty" / name

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@pytest.fixture
def start_rig(tmp_path: Path) -> Iterator[Callable[..., RunningRig]]:
    """`start_rig(config, speed)`: a rig that is ready."""
    rigs: list[RunningRig] = []

    def start(config: dict[str, Any], speed: float = 60.0) -> RunningRig:
        rig = RunningRig(tmp_path, config, Clock.starting_at(ORIGIN_MS, speed))
        rigs.append(rig)
        wait_until(rig.ready, "the rig")
        return rig

    yield start
    for rig in rigs:
        rig.process.kill()
        rig.process.wait()
