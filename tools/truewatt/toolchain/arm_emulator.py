"""Find qemu's user-mode emulator for 32-bit ARM."""

import platform
import shutil
from functools import cache
from pathlib import Path

from truewatt.toolchain.errors import QemuError

_NAMES = ("qemu-arm", "qemu-arm-static")


@cache
def _find() -> tuple[str, ...]:
    for name in _NAMES:
        path = shutil.which(name)
        if path:
            return (path,)
    raise QemuError("no qemu for ARM programs", "qemu-arm on the PATH", "Run: apt install qemu-user")


def qemu_arm() -> list[str]:
    """Return the start of a command line that runs a 32-bit ARM program. Raises QemuError."""
    return list(_find())
