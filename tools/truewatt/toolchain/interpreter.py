"""Find a MicroPython for the emulated boards, or get one from Debian.

Order: the machine's own ``micropython`` when a native one is asked for, then the tree that an
earlier run unpacked, then Debian's packages. Every one is run once before it is handed out.
"""

import platform
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from truewatt.toolchain.arm_emulator import qemu_arm
from truewatt.toolchain.debian_packages import extract_packages
from truewatt.toolchain.errors import MicropythonError, UnsupportedArchError
from truewatt.toolchain.paths import cache_dir, exclusive
from truewatt.toolchain.probe import Micropython, probe

# The first release of Debian with MicroPython 1.25.
_PACKAGES = ("micropython", "libc6", "libffi8", "libmbedcrypto16", "libmbedtls21", "libmbedx509-7")
# The unix port raises exceptions through libgcc's unwinder on 32-bit targets.
_PACKAGES_32BIT = (*_PACKAGES, "libgcc-s1", "libstdc++6")


@dataclass(frozen=True)
class DebianTree:
    """How one Debian architecture's tree is laid out and what its words are."""

    arch: str
    triplet: str
    loader: str
    word_bits: int

    @property
    def packages(self) -> tuple[str, ...]:
        """Return the packages that make a complete tree."""
        return _PACKAGES if self.word_bits == 64 else _PACKAGES_32BIT

    def argv(self, root: Path) -> list[str]:
        """Return the start of a command line that runs the tree at ``root``."""
        libraries = root / "usr" / "lib" / self.triplet
        program = root / "usr" / "bin" / "micropython"
        return [str(libraries / self.loader), "--library-path", str(libraries), str(program)]


_TREES = {
    tree.arch: tree
    for tree in (
        DebianTree("amd64", "x86_64-linux-gnu", "ld-linux-x86-64.so.2", 64),
        DebianTree("i386", "i386-linux-gnu", "ld-linux.so.2", 32),
        DebianTree("armhf", "arm-linux-gnueabihf", "ld-linux-armhf.so.3", 32),
    )
}
# Debian's arm64 build has no viper, so 64-bit ARM takes the 32-bit one.
_NATIVE = {"x86_64": "amd64", "aarch64": "armhf", "armv7l": "armhf", "i686": "i386"}
_RUNS_HERE = {
    "x86_64": ("amd64", "i386"),
    "aarch64": ("armhf",),
    "armv7l": ("armhf",),
    "i686": ("i386",),
}
# Fastest first; some kernels for 64-bit PCs run no 32-bit programs, qemu always does.
_BOARD_WORDS = {
    "x86_64": ("i386", "armhf"),
    "aarch64": ("armhf",),
    "armv7l": ("armhf",),
    "i686": ("i386",),
}


def micropython(arch: str = "native") -> list[str]:
    """Return the start of a command line that runs MicroPython >= 1.25.

    ``arch``: ``native`` (the fastest this machine has, of any word size), ``32bit`` (the words of
    an ESP32, the fastest way this machine has), or a Debian architecture: ``amd64``, ``i386``,
    ``armhf`` (under qemu on a PC). The first call may download about 10 MB.
    Raises a ToolchainError that says what is missing and how to get it.
    """
    return list(describe(arch).argv)


@cache
def describe(arch: str = "native") -> Micropython:
    """Return the MicroPython that :func:`micropython` starts, with its version and word size."""
    machine = platform.machine()
    if arch == "native":
        return _system() or _from_debian(_native_arch(machine), machine)
    if arch == "32bit":
        return _first_that_runs(_BOARD_WORDS[_known(machine)], machine)
    if arch not in _TREES:
        raise UnsupportedArchError(
            f"no such MicroPython: {arch!r}", "arch", f"Use native, 32bit, {', '.join(_TREES)}."
        )
    return _from_debian(arch, machine)


def _known(machine: str) -> str:
    if machine in _NATIVE:
        return machine
    raise UnsupportedArchError(
        f"no Debian MicroPython is known to run on {machine}",
        "the processor of this machine",
        f"Use one of: {', '.join(sorted(_NATIVE))}.",
    )


def _native_arch(machine: str) -> str:
    return _NATIVE[_known(machine)]


def _first_that_runs(arches: tuple[str, ...], machine: str) -> Micropython:
    for arch in arches[:-1]:
        try:
            return _from_debian(arch, machine)
        except MicropythonError as error:
            print(f"truewatt: {error.what}; trying {arches[-1]}", file=sys.stderr)
    return _from_debian(arches[-1], machine)


def _system() -> Micropython | None:
    path = shutil.which("micropython")
    if path is None:
        return None
    try:
        return probe([path])
    except MicropythonError:
        # Debian 12's is 1.19; ours comes beside it.
        return None


def _from_debian(arch: str, machine: str) -> Micropython:
    tree = _TREES[arch]
    root = cache_dir() / "micropython" / arch / "root"
    if not Path(tree.argv(root)[-1]).is_file():
        with exclusive(root.parent / "lock"):
            if not Path(tree.argv(root)[-1]).is_file():
                extract_packages(tree.packages, arch, root)
    found = _probe_here(tree, root, machine)
    if found.word_bits != tree.word_bits:
        raise MicropythonError(
            f"{arch} MicroPython has {found.word_bits}-bit words",
            str(root),
            "Remove that folder and run the same command again.",
        )
    return found


def _probe_here(tree: DebianTree, root: Path, machine: str) -> Micropython:
    """Run the tree directly where the processor can, under qemu where it can't."""
    argv = tree.argv(root)
    direct = tree.arch in _RUNS_HERE.get(machine, ())
    if tree.arch != "armhf":
        if not direct:
            raise UnsupportedArchError(
                f"{tree.arch} MicroPython does not run on {machine}", str(root), "Use native."
            )
        return probe(argv)
    if direct:
        try:
            return probe(argv)
        except MicropythonError:
            # Some 64-bit ARM processors and kernels run no 32-bit programs.
            pass
    return probe([*qemu_arm(), *argv])
