"""What a board has: 64 KB of heap, 28 KB of flash for this, and machine code that is whole."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from truewatt.bench._crypto_scripts import GARBAGE, HEAP
from truewatt.mpybuild import MpyBuildError, compile_module, compile_package
from truewatt.toolchain import mpy_cross

CRYPTO = Path(__file__).resolve().parents[2] / "firmware" / "crypto"


def test_a_heap_of_64_kb_is_enough(small_board: Any) -> None:
    done = small_board.run("-X", "heapsize=64k", "-c", HEAP)
    assert done.returncode == 0, done.stderr
    assert 0 < int(done.stdout) < 64 * 1024


def test_garbage_of_a_signature(small_board: Any) -> None:
    done = small_board.run("-c", GARBAGE)
    assert 0 < int(done.stdout) <= 4096, done.stderr


@pytest.mark.parametrize("march", ["xtensawin", "rv32imc"])
def test_boards_machine_code_compiles_in_silence(march: str, tmp_path: Path) -> None:
    modules = compile_package(CRYPTO, tmp_path, march)
    assert {m.stem for m in modules} == {m.stem for m in CRYPTO.glob("*.py")}
    if march == "xtensawin":
        assert sum(m.stat().st_size for m in modules) <= 28_000


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo ERROR: xtensa bccz out of range; exit 0", "bccz out of range"),
        ("echo a warning >&2; exit 0", "a warning"),
        ("exit 3", "exit status 3"),
    ],
)
def test_a_compiler_that_says_anything_fails_the_build(
    script: str, reason: str, tmp_path: Path
) -> None:
    talker = tmp_path / "mpy-cross"
    talker.write_text(f'#!/bin/sh\nfor last; do :; done\necho x > "{tmp_path}/x.mpy"\n{script}\n')
    talker.chmod(0o755)
    with pytest.raises(MpyBuildError, match=reason) as caught:
        compile_module(CRYPTO / "memory.py", tmp_path / "x.mpy", "xtensawin", [str(talker)])
    assert "memory.py" in caught.value.where
    assert not (tmp_path / "x.mpy").exists()


def test_source_that_does_not_compile_fails_the_build(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("@micropython.viper\ndef f(x: int):\n    y = x\n    y = 'text'\n")
    with pytest.raises(MpyBuildError, match="ViperTypeError"):
        compile_module(bad, tmp_path / "bad.mpy", "xtensawin", mpy_cross())


def test_the_compiled_modules_work_here(compiled: Callable[[str], Path]) -> None:
    assert (compiled("native") / "crypto" / "ed25519.mpy").stat().st_size > 1000
