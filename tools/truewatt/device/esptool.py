"""MicroPython itself, by Espressif's esptool: a program of its own, run and never imported.

Its version and all that it needs are pinned by hash in esptool.lock; it is installed into a
virtual environment of its own in the project's cache when it is needed first (ADR 136).
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from truewatt.device.chips import Chip
from truewatt.device.errors import BadOption, EsptoolFailed, EsptoolMissing, WrongChip
from truewatt.toolchain.paths import cache_dir, exclusive

_LOCK = Path(__file__).with_name("esptool.lock")
_NAMES = ("esptool", "esptool.py")
_TIMEOUT_S = 600
_INSTALL_TIMEOUT_S = 300
_TAIL_CHARS = 4000
_WRONG_CHIP = re.compile(r"This chip is (\S+), not (\S+?)\. Wrong")
_AGAIN = "Hold BOOT while you press EN, try again."


def find(say: Callable[[str], None]) -> str:
    """The pinned esptool, installed first if need be; else one on the PATH.

    Raises `EsptoolMissing`.
    """
    try:
        return str(pinned(say))
    except EsptoolMissing:
        for name in _NAMES:
            if path := shutil.which(name):
                return path
        raise


def pinned(say: Callable[[str], None]) -> Path:
    """The esptool of esptool.lock. Raises `EsptoolMissing`."""
    try:
        digest = hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise _missing(str(error)) from None
    place = cache_dir() / f"esptool-{digest}"
    program = place / "bin" / "esptool"
    if program.exists():
        return program
    with exclusive(place.with_suffix(".lock")):
        if not program.exists():
            say("installing esptool into the project's cache, once (about 20 s)")
            _install(place)
    return program


def _install(place: Path) -> None:
    """Make the environment; its program comes last, so a half one is made anew."""
    if importlib.util.find_spec("pip") is None:
        raise _missing("this Python has no pip")
    shutil.rmtree(place, ignore_errors=True)
    python = place / "bin" / "python"
    # esptool is published as source: what builds it goes first, pinned as all else.
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    pip += ["install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    build = place / "build.txt"
    _run([sys.executable, "-m", "venv", "--without-pip", str(place)])
    build.write_text(_only("setuptools"), encoding="utf-8")
    _run([*pip, "-r", str(build)])
    _run([*pip, "--no-binary", "esptool", "--no-build-isolation", "-r", str(_LOCK)])


def _only(name: str) -> str:
    """One package's lines of the lock."""
    text = _LOCK.read_text(encoding="utf-8")
    found = re.search(rf"^{name}==(?:.*\\\n)*.*\n", text, re.M)
    return found[0] if found else ""


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, timeout=_INSTALL_TIMEOUT_S, capture_output=True, text=True, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _missing(str(error)) from None
    if done.returncode:
        raise _missing((done.stderr or done.stdout).strip().splitlines()[-1:] or "pip failed")


def _missing(why: object) -> EsptoolMissing:
    return EsptoolMissing(
        f"esptool could not be installed: {why}",
        str(_LOCK),
        "Check the network, or: pipx install esptool; on Debian: apt install esptool",
    )


def commands(program: str, port: str, chip: Chip, image: Path) -> list[list[str]]:
    """Erase the whole chip, then write the image where that chip boots from.

    Commands are spelt as every esptool since 2016 understands them.
    """
    start = [program, "--chip", chip.name, "--port", port]
    return [
        [*start, "erase_flash"],
        [*start, "--baud", "460800", "write_flash", hex(chip.flash_offset), str(image)],
    ]


def erase_and_flash(port: str, chip: Chip, image: Path, say: Callable[[str], None]) -> None:
    """Erase a chip and write MicroPython to it, verified; esptool's progress is shown.

    Raises `BadOption`, `EsptoolMissing`, `WrongChip` (then nothing was changed), `EsptoolFailed`.
    """
    if not image.is_file():
        raise BadOption(
            "no such file",
            str(image),
            "Download the .bin for your board from micropython.org/download.",
        )
    for command in commands(find(say), port, chip, image):
        status, said = _shown(command, port)
        if wrong := _WRONG_CHIP.search(said):
            raise WrongChip(
                f"the chip is an {wrong[1]}, not an {wrong[2]}",
                port,
                "Name the right --board; `truewatt device boards` lists them.",
            )
        if status:
            raise EsptoolFailed(f"exit status {status}", port, _AGAIN)


def _shown(command: list[str], port: str) -> tuple[int, str]:
    """Run esptool in sight of the person; its exit status and the last that it said."""
    tail = ""
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        raise EsptoolFailed(str(error), port, _AGAIN) from None
    end = threading.Timer(_TIMEOUT_S, process.kill)
    end.start()
    with process:
        assert process.stdout is not None
        while data := os.read(process.stdout.fileno(), 256):
            text = data.decode("utf-8", "replace")
            print(text, end="", file=sys.stderr, flush=True)
            tail = (tail + text)[-_TAIL_CHARS:]
    end.cancel()
    return process.returncode, tail
