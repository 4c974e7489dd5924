"""A board on a desk: the one at `--device` or `--bus`, else an emulated one in its place."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from truewatt.emulator.board import NO_CHARGES, BoardSpec, EmulatedBoard
from truewatt.emulator.wires.console import Console

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "firmware")]

from cabled import CabledBoard  # noqa: E402
from wired_board import Wired, emulated  # noqa: E402


@pytest.fixture(scope="module")
def cabled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CabledBoard]:
    """A board at its prompt, by the real mpremote; what tests put on it is removed."""
    if port := request.config.getoption("--device"):
        board = CabledBoard(port, request.config.getoption("--yes-this-board-may-be-wiped"))
        yield board
        board.clean()
        return
    folder = tmp_path_factory.mktemp("desk")
    (folder / "nothing").mkdir()
    spec = BoardSpec(
        "d1", arch="32bit", heap_kib=160, charges=NO_CHARGES, firmware=folder / "nothing"
    )
    console = Console(
        EmulatedBoard(folder / "board", spec), folder / "usb", "Emulated board with EMULATED"
    )
    console.plug()
    board = CabledBoard(str(folder / "usb"))
    yield board
    board.clean()
    console.pull()


@pytest.fixture(scope="module")
def wired(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Wired]:
    """The board at `--bus`, else an emulated one that has worked for some seconds."""
    option = request.config.getoption
    if port := option("--bus"):
        yield Wired(port, option("--address"), option("--chain-id"), option("--baud"))
        return
    with emulated(tmp_path_factory.mktemp("wired")) as board:
        yield board
