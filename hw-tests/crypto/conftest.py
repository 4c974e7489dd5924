"""A board's crypto in a MicroPython process, asked in batches."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from truewatt.mpybuild import compile_package, native_march
from truewatt.toolchain import micropython

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
FIRMWARE = HERE.parents[1] / "firmware"

Request = tuple[str, *tuple[bytes, ...]]


class Board:
    """MicroPython of one word size with our crypto on its path."""

    def __init__(self, command: list[str], modules: Path) -> None:
        self.command = command
        self.modules = modules

    def run(self, *arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self.command, *arguments],
            input=given,
            env={**os.environ, "MICROPYPATH": str(self.modules)},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def ask(self, requests: Iterable[Request]) -> list[bytes]:
        """The answers to a batch of requests, in one process."""
        lines = [" ".join([name, *(a.hex() for a in rest)]) for name, *rest in requests]
        done = self.run(str(HERE / "crypto_board.py"), given="\n".join(lines) + "\n")
        assert done.returncode == 0, done.stdout[-500:] + done.stderr
        answers = [bytes.fromhex(line) for line in done.stdout.splitlines()]
        assert len(answers) == len(lines)
        return answers


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """From a kind of MicroPython to a folder with the crypto package compiled for it."""

    def build(arch: str) -> Path:
        folder = tmp_path_factory.mktemp(f"mpy-{arch}")
        compile_package(FIRMWARE / "crypto", folder, native_march(micropython(arch)))
        return folder

    return build


@pytest.fixture(scope="session")
def small_board(compiled: Callable[[str], Path]) -> Board:
    """32-bit words, as on a real board, and .mpy files, as shipped."""
    return Board(micropython("32bit"), compiled("32bit"))


@pytest.fixture(scope="session")
def native_board() -> Board:
    """The words of this machine, and the sources as they are."""
    return Board(micropython("native"), FIRMWARE)


class CabledCrypto:
    """The crypto of a board at `--device`, asked as the others are."""

    BATCH = 8

    def __init__(self, port: str, may_be_wiped: bool) -> None:
        from cabled import CabledBoard

        self._board = CabledBoard(port, may_be_wiped)
        self.clean = self._board.clean

    def ask(self, requests: Iterable[Request]) -> list[bytes]:
        rows = [(name, *arguments) for name, *arguments in requests]
        answers = []
        for at in range(0, len(rows), self.BATCH):
            said = self._board.execute(
                "from binascii import hexlify\nimport crypto_board\n"
                f"for name, *given in {rows[at : at + self.BATCH]!r}:\n"
                "    print(hexlify(crypto_board.OPERATIONS[name](*given)).decode())\n",
                HERE / "crypto_board.py",
            )
            answers += [bytes.fromhex(line) for line in said.splitlines()]
        assert len(answers) == len(rows)
        return answers


@pytest.fixture(scope="session", params=["small", "native"])
def board(request: pytest.FixtureRequest) -> "Iterator[Board | CabledCrypto]":
    """Both, one after the other; with `--device` the one there."""
    if port := request.config.getoption("--device"):
        if request.param != "small":
            pytest.skip("the board at --device has one word size")
        cabled = CabledCrypto(port, request.config.getoption("--yes-this-board-may-be-wiped"))
        yield cabled
        cabled.clean()
        return
    found: Board = request.getfixturevalue(f"{request.param}_board")
    yield found
