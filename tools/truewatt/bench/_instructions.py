"""Count the ARMv7 instructions of a MicroPython program, under qemu with our TCG plugin."""

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from truewatt.toolchain import micropython, qemu_arm
from truewatt.toolchain.paths import cache_dir, exclusive

_SOURCE = Path(__file__).with_name("insn_count.c")
# QEMU refuses plugins of an API it dropped; what the plugin calls is in all of these.
_API_VERSIONS = (1, 2, 3, 4, 5)
_TIMEOUT_S = 300


class InstructionCountError(Exception):
    """Instructions can't be counted on this machine: what is missing, where, what to do."""

    def __init__(self, what: str, where: str, todo: str) -> None:
        super().__init__(f"{what} ({where}). {todo}")
        self.what = what
        self.where = where
        self.todo = todo


class MeasuredProgramError(InstructionCountError):
    """The program whose instructions were to be counted failed."""


@dataclass(frozen=True)
class Count:
    """Instructions of a whole run, the totals at its marks, and what it printed."""

    total: int
    marks: tuple[int, ...]
    output: str

    @property
    def between_marks(self) -> list[int]:
        """Instructions from each mark to the next."""
        return [after - before for before, after in zip(self.marks, self.marks[1:], strict=False)]


def count_instructions(script: str, module_path: Path, *arguments: str) -> Count:
    """Run a MicroPython script on 32-bit ARM; a write to file descriptor 3 is a mark.

    Raises InstructionCountError, or a ToolchainError if qemu or MicroPython can't be had.
    """
    command = [*qemu_arm(plugins=True), "-plugin", str(_plugin()), *_guest(), "-c", script]
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" 3>/dev/null', "sh", *command, *arguments],
        env={**os.environ, "MICROPYPATH": str(module_path)},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise MeasuredProgramError(
            f"the measured program failed: {done.stderr.strip()[-400:] or done.returncode}",
            command[0],
            "Run hw-tests/crypto first: they say what is wrong with the code.",
        )
    return _parse(done.stderr, done.stdout)


def _guest() -> list[str]:
    """The ARM program itself: loader, its option, the libraries, MicroPython."""
    return micropython("armhf")[-4:]


def _parse(report: str, output: str) -> Count:
    values: dict[str, list[int]] = {"mark": [], "total": []}
    for line in report.splitlines():
        word, _, number = line.partition(" ")
        if word in values and number.isdigit():
            values[word].append(int(number))
    return Count(values["total"][-1], tuple(values["mark"]), output)


@cache
def _plugin() -> Path:
    """The built plugin for this qemu, from the cache if its source has not changed."""
    digest = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:12]
    folder = cache_dir() / "bench"
    with exclusive(folder / "lock"):
        for version in _API_VERSIONS:
            plugin = folder / f"insn_count-{digest}-api{version}.so"
            if not plugin.exists():
                _compile(plugin, version)
            if _loads(plugin):
                return plugin
    raise InstructionCountError(
        "this qemu loads our plugin with none of the API versions we know",
        f"{qemu_arm(plugins=True)[-1]}, API {_API_VERSIONS[0]} to {_API_VERSIONS[-1]}",
        "Install Debian 12's: apt-get install qemu-user; or add its version to _API_VERSIONS.",
    )


def _compile(plugin: Path, api_version: int) -> None:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise InstructionCountError(
            "no C compiler for the instruction counter", "gcc on the PATH", "apt-get install gcc"
        )
    options = ["-O2", "-shared", "-fPIC", f"-DAPI_VERSION={api_version}", "-o", str(plugin)]
    done = subprocess.run(
        [compiler, *options, str(_SOURCE)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise InstructionCountError(
            f"the C compiler failed: {done.stderr.strip()[-400:]}",
            str(_SOURCE),
            "apt-get install gcc libc6-dev",
        )


def _loads(plugin: Path) -> bool:
    command = [*qemu_arm(plugins=True), "-plugin", str(plugin), *_guest(), "-c", "pass"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    return done.returncode == 0 and "total " in done.stderr
