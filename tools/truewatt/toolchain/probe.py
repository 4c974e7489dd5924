"""Ask a MicroPython what it is, by running it."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from truewatt.toolchain.errors import MicropythonError

MINIMUM_VERSION = (1, 25)
_PROBE_TIMEOUT_S = 60
# The viper function does not compile on a build without the native emitter.
_PROBE = """
import sys
@micropython.viper
def add(a: int, b: int) -> int:
    return a + b
v = sys.implementation.version
print(v[0], v[1], 64 if sys.maxsize > 0x7FFFFFFF else 32, add(40, 2))
"""


@dataclass(frozen=True)
class Micropython:
    """What a probe found: its version, the bits of its machine word, and how to start it."""

    argv: tuple[str, ...]
    version: tuple[int, int]
    word_bits: int


def probe(argv: Sequence[str]) -> Micropython:
    """Run ``argv`` and return what it is; MicropythonError if it can't run the firmware."""
    command = " ".join(argv)
    try:
        done = subprocess.run(
            [*argv, "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MicropythonError(f"MicroPython does not start: {error}", command, _TODO) from error
    words = done.stdout.split()
    if done.returncode != 0 or len(words) != 4 or words[3] != "42":
        said = (done.stderr or done.stdout).strip()[-300:]
        raise MicropythonError(f"MicroPython fails the viper check: {said}", command, _TODO)
    found = Micropython(tuple(argv), (int(words[0]), int(words[1])), int(words[2]))
    if found.version < MINIMUM_VERSION:
        version = ".".join(map(str, found.version))
        raise MicropythonError(f"MicroPython {version} is older than 1.25", command, _TODO)
    return found


_TODO = "Remove it, or its folder under .cache/micropython, and run the same command again."
