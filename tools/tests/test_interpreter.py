"""The MicroPython that is handed out really is what was asked for; a wrong one is refused."""

import platform
import subprocess
from pathlib import Path

import pytest

from truewatt.toolchain import ToolchainError, describe, micropython, mpy_cross
from truewatt.toolchain.errors import MicropythonError, UnsupportedArchError
from truewatt.toolchain.probe import probe


def run(argv: list[str], code: str) -> str:
    return subprocess.run(
        [*argv, "-c", code], capture_output=True, text=True, timeout=60, check=True
    ).stdout.strip()


def test_native_runs_and_is_micropython(micropython_native: list[str]) -> None:
    assert run(micropython_native, "import sys; print(sys.implementation.name)") == "micropython"


def test_32bit_has_a_boards_words_and_a_bounded_heap(micropython_32bit: list[str]) -> None:
    assert describe("32bit").word_bits == 32
    assert run(micropython_32bit, "import struct; print(struct.calcsize('P'))") == "4"
    bounded = [*micropython_32bit, "-X", "heapsize=100k"]
    assert int(run(bounded, "import gc; print(gc.mem_free() + gc.mem_alloc())")) <= 100 * 1024


def test_each_call_returns_a_list_of_its_own() -> None:
    micropython("native").append("spoiled")
    assert micropython("native")[-1] != "spoiled"


def test_unknown_arch_is_a_named_error() -> None:
    with pytest.raises(UnsupportedArchError, match="sparc"):
        micropython("sparc")


def test_an_arch_that_cannot_run_here_is_a_named_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    describe.cache_clear()
    try:
        with pytest.raises(UnsupportedArchError, match="riscv64"):
            describe("32bit")
    finally:
        describe.cache_clear()


@pytest.fixture
def impostor(tmp_path: Path):
    def make(prints: str, status: int = 0) -> list[str]:
        program = tmp_path / "micropython"
        program.write_text(f"#!/bin/sh\necho '{prints}'\nexit {status}\n")
        program.chmod(0o755)
        return [str(program)]

    return make


def test_an_old_micropython_is_refused_with_its_version(impostor) -> None:
    with pytest.raises(MicropythonError, match=r"1\.19 is older than 1\.25"):
        probe(impostor("1 19 64 42"))


def test_a_micropython_without_viper_is_refused(impostor) -> None:
    with pytest.raises(MicropythonError, match="invalid micropython decorator"):
        probe(impostor("SyntaxError: invalid micropython decorator", status=1))


def test_a_program_that_does_not_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MicropythonError, match="does not start"):
        probe([str(tmp_path / "absent")])


def test_mpy_cross_compiles_viper_for_the_boards_processor(tmp_path: Path) -> None:
    source = tmp_path / "f.py"
    source.write_text("@micropython.viper\ndef f(a: int) -> int:\n    return a + 1\n")
    done = subprocess.run(
        [*mpy_cross(), "-march=xtensawin", str(source)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert source.with_suffix(".mpy").read_bytes()[:1] == b"M"


def test_errors_say_what_where_and_what_to_do() -> None:
    error = ToolchainError("no qemu", "PATH", "Run: apt install qemu-user")
    assert str(error) == "no qemu (PATH). Run: apt install qemu-user"
