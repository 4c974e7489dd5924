"""``truewatt doctor``: what the project needs of the machine, and what to do where it lacks."""

import argparse
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from truewatt.toolchain import ToolchainError, describe, mpy_cross, qemu_arm
from truewatt.toolchain.paths import cache_dir

_FREE_WANTED_MB = 500


class Missing(Exception):
    """A thing is not there: what was found instead, and what to do."""

    def __init__(self, what: str, todo: str) -> None:
        super().__init__(what)
        self.what = what
        self.todo = todo


@dataclass(frozen=True)
class Check:
    """One thing to look for; ``find`` returns what it found, or raises Missing/ToolchainError."""

    name: str
    purpose: str
    find: Callable[[], str]
    required: bool = True


def main(argv: list[str]) -> int:
    """Print the table; return 1 when something required is missing."""
    parser = argparse.ArgumentParser(
        prog="truewatt doctor",
        description="Check this machine. Fetches MicroPython into the cache if it isn't there.",
    )
    parser.parse_args(argv)
    missing_required = False
    for check in CHECKS:
        try:
            print(f"  ok    {check.name:22} {check.find()}")
        except (Missing, ToolchainError) as error:
            missing_required |= check.required
            print(f"  {'FAIL' if check.required else 'none'}  {check.name:22} {error.what}")
            print(f"        {'':22} needed for {check.purpose}")
            print(f"        {'':22} {error.todo}")
    print("something is missing" if missing_required else "ready", file=sys.stderr)
    return 1 if missing_required else 0


def _python() -> str:
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _packages() -> str:
    names = ("cbor2", "pymodbus", "pynacl", "pyserial")
    try:
        return ", ".join(f"{name} {version(name)}" for name in names)
    except PackageNotFoundError as error:
        raise Missing(
            f"not installed: {error.name}", "Run tools/setup, or: pip install truewatt"
        ) from None


def _micropython(arch: str) -> Callable[[], str]:
    def find() -> str:
        found = describe(arch)
        return f"{found.version[0]}.{found.version[1]}, {found.word_bits}-bit words"

    return find


def _space() -> str:
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < _FREE_WANTED_MB:
        raise Missing(f"{free_mb} MB free in {folder}", f"Free {_FREE_WANTED_MB} MB there.")
    return f"{free_mb} MB free in {folder}"


CHECKS = (
    Check("Python", "everything", _python),
    Check("packages", "gateway and ledger", _packages),
    Check("disk", "fetched tools and the demo's data", _space),
    Check("MicroPython", "the boards of the demo", _micropython("native")),
    Check("MicroPython, 32-bit", "tests at a board's word size", _micropython("32bit")),
    Check("mpy-cross", "firmware images", lambda: " ".join(mpy_cross()), required=False),
    Check(
        "qemu-arm with plugins",
        "truewatt bench crypto",
        lambda: " ".join(qemu_arm(plugins=True)),
        required=False,
    ),
)
