"""A board on a desk: the one at `--device` or `--bus`, else an emulated one in its place."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "firmware")]

from cabled import CabledBoard  # noqa: E402
from emulated_desk import Wired, at_prompt, at_work  # noqa: E402


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
    with at_prompt(tmp_path_factory.mktemp("desk")) as port:
        board = CabledBoard(str(port))
        yield board
        board.clean()


@pytest.fixture(scope="module")
def wired(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Wired]:
    """The board at `--bus`, else an emulated one that has worked for some seconds."""
    option = request.config.getoption
    if port := option("--bus"):
        yield Wired(port, option("--address"), option("--chain-id"), option("--baud"))
        return
    with at_work(tmp_path_factory.mktemp("wired")) as board:
        yield board
