"""MicroPython itself, by Espressif's esptool: a program of its own, not in this project's lock."""

import shutil
import subprocess
from pathlib import Path

from truewatt.device.chips import Chip
from truewatt.device.errors import BadOption, EsptoolFailed, EsptoolMissing

_NAMES = ("esptool", "esptool.py")
_TIMEOUT_S = 600


def find() -> str:
    """The installed esptool. Raises `EsptoolMissing`."""
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    raise EsptoolMissing(
        "esptool is not installed",
        "PATH",
        "pipx install esptool, or on Debian: apt install esptool",
    )


def commands(program: str, port: str, chip: Chip, image: Path) -> list[list[str]]:
    """Erase the whole chip, then write the image where that chip boots from."""
    start = [program, "--chip", chip.name, "--port", port]
    return [
        [*start, "erase_flash"],
        [*start, "--baud", "460800", "write_flash", hex(chip.flash_offset), str(image)],
    ]


def erase_and_flash(port: str, chip: Chip, image: Path) -> None:
    """Erase a chip and write MicroPython to it; esptool's progress is shown.

    Raises `BadOption`, `EsptoolMissing`, `EsptoolFailed`.
    """
    if not image.is_file():
        raise BadOption(
            "no such file",
            str(image),
            "Download the .bin for your board from micropython.org/download.",
        )
    for command in commands(find(), port, chip, image):
        try:
            done = subprocess.run(command, timeout=_TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EsptoolFailed(
                str(error), port, "Hold BOOT while you press EN, try again."
            ) from None
        if done.returncode:
            raise EsptoolFailed(
                f"exit status {done.returncode}", port, "Hold BOOT while you press EN, try again."
            )
