"""Compile firmware modules to `.mpy`, and refuse anything the cross compiler has to say.

`mpy-cross` reports a branch it could not encode ("bccz out of range"), writes a broken file and
exits 0. So silence is the only success here: any byte on either stream fails the build.
"""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from truewatt.toolchain import mpy_cross

# `sys.implementation._mpy >> 10` on the board (py/persistentcode.h), and mpy-cross's name for it.
_ARCHITECTURES = {
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
    11: "rv32imc",
}
_TIMEOUT_S = 60


class MpyBuildError(Exception):
    """A module could not be compiled: what mpy-cross said, which module, what to do."""

    def __init__(self, what: str, where: str, todo: str) -> None:
        super().__init__(f"{what} ({where}). {todo}")
        self.what = what
        self.where = where
        self.todo = todo


def native_march(micropython: list[str]) -> str:
    """The `-march` of the machine code that a MicroPython, given as a command line, loads."""
    asked = "import sys; print(getattr(sys.implementation, '_mpy', 0) >> 10)"
    said = subprocess.run(
        [*micropython, "-c", asked], capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
    ).stdout.strip()
    return march_of(int(said), micropython[-1])


def march_of(architecture: int, where: str = "the board") -> str:
    """The `-march` for what a MicroPython says of itself (`sys.implementation._mpy >> 10`)."""
    if architecture not in _ARCHITECTURES:
        raise MpyBuildError(
            f"it loads no machine code known here (architecture {architecture})",
            where,
            "Use a MicroPython whose port has a native emitter.",
        )
    return _ARCHITECTURES[architecture]


def compile_module(source: Path, target: Path, march: str, compiler: list[str]) -> None:
    """Write `target` from `source` for `march`, without line numbers (-O3 saves flash).

    Raises MpyBuildError if the compiler fails or says anything at all; then there is no `target`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [*compiler, "-O3", f"-march={march}", "-s", source.stem, "-o", str(target)]
    done = subprocess.run(
        [*command, str(source)], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    said = (done.stdout + done.stderr).strip()
    if done.returncode or said:
        target.unlink(missing_ok=True)
        raise MpyBuildError(
            f"mpy-cross: {said or f'exit status {done.returncode}'}",
            f"{source}, -march={march}",
            "Correct the module (shorter branches, fewer locals); its .mpy must not be used.",
        )


def compile_package(
    folder: Path, target: Path, march: str, compiler: Iterable[str] | None = None
) -> list[Path]:
    """Compile every module of a package, sub-packages too, into `target`/its name, sorted."""
    words = list(mpy_cross() if compiler is None else compiler)
    written = []
    for source in sorted(folder.rglob("*.py")):
        output = target / folder.name / source.relative_to(folder).with_suffix(".mpy")
        compile_module(source, output, march, words)
        written.append(output)
    return written
