"""Compile a tree of MicroPython sources for the interpreter that will run it.

Boards import .mpy files: they need no compiler's heap, which a chip has not got for the big
modules, and start faster. Results stay in the project's cache, named by what went into them.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from truewatt.toolchain import mpy_cross
from truewatt.toolchain.errors import ToolchainError
from truewatt.toolchain.paths import cache_dir, exclusive

# `sys.implementation._mpy >> 10` of an interpreter -> mpy-cross -march.
_NATIVE_ARCHES = {
    0: "",
    1: "x86",
    2: "x64",
    3: "armv6",
    4: "armv6m",
    5: "armv7m",
    6: "armv7em",
    7: "armv7emsp",
    8: "armv7emdp",
    9: "xtensa",
    10: "xtensawin",
}
# Run by name as a program, so it must stay a source.
_KEPT_AS_SOURCE = frozenset({"main.py", "boot.py"})
_NOT_FOR_BOARDS = frozenset({"tests", "__pycache__"})


class FirmwareBuildError(ToolchainError):
    """mpy-cross refused a file, or said anything at all: its warnings mean broken code."""


@cache
def native_arch(interpreter: tuple[str, ...]) -> str:
    """Return the mpy-cross name of the machine code that `interpreter` loads; "" if none."""
    said = subprocess.run(
        [*interpreter, "-c", "import sys; print(sys.implementation._mpy >> 10)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    return _NATIVE_ARCHES[int(said)]


def build_tree(source: Path, interpreter: tuple[str, ...]) -> Path:
    """Return a folder with every .py below `source` compiled for `interpreter`.

    main.py and boot.py stay sources; folders named tests are left out.
    Raises FirmwareBuildError on any output of mpy-cross.
    """
    arch = native_arch(interpreter)
    files = _sources(source)
    target = cache_dir() / "mpy" / f"{source.name}-{arch or 'bytecode'}-{_digest(source, files)}"
    if target.is_dir():
        return target
    with exclusive(target.parent / "lock"):
        if not target.is_dir():
            _build(source, files, arch, target)
    return target


def _sources(source: Path) -> list[Path]:
    found = (path.relative_to(source) for path in source.rglob("*.py"))
    return sorted(path for path in found if not _NOT_FOR_BOARDS.intersection(path.parts))


def _digest(source: Path, files: list[Path]) -> str:
    digest = hashlib.sha256(" ".join(mpy_cross()).encode())
    for path in files:
        digest.update(f"{path}\0".encode())
        digest.update(hashlib.sha256((source / path).read_bytes()).digest())
    return digest.hexdigest()[:16]


def _build(source: Path, files: list[Path], arch: str, target: Path) -> None:
    scratch = Path(tempfile.mkdtemp(prefix="build-", dir=target.parent))
    try:
        for path in files:
            out = scratch / path
            out.parent.mkdir(parents=True, exist_ok=True)
            if path.name in _KEPT_AS_SOURCE:
                shutil.copyfile(source / path, out)
            else:
                _compile(source, path, arch, out.with_suffix(".mpy"))
        os.replace(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _compile(source: Path, path: Path, arch: str, out: Path) -> None:
    flags = [f"-march={arch}"] if arch else []
    done = subprocess.run(
        [*mpy_cross(), *flags, "-s", str(path), "-o", str(out), str(source / path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode or done.stdout.strip():
        raise FirmwareBuildError(
            f"mpy-cross did not compile the file cleanly: {done.stdout.strip()}",
            str(source / path),
            "Correct the source; every diagnostic counts.",
        )
