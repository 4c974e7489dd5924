"""Find qemu's user-mode emulator for 32-bit ARM, or get one from Debian.

Counting instructions takes a qemu that loads plugins. Debian 12's does; from Debian 13 on
``qemu-user`` is linked statically and does not, so the one we fetch is Debian 12's.
"""

import platform
import shutil
import subprocess
from functools import cache

from truewatt.toolchain.debian_packages import extract_packages
from truewatt.toolchain.errors import QemuError
from truewatt.toolchain.paths import cache_dir, exclusive

_NAMES = ("qemu-arm", "qemu-arm-static")
_SUITE = "bookworm"
_PACKAGES = (
    "qemu-user",
    "libc6",
    "libcapstone4",
    "libffi8",
    "libgcc-s1",
    "libglib2.0-0",
    "libgmp10",
    "libgnutls30",
    "libhogweed6",
    "libidn2-0",
    "libnettle8",
    "libnuma1",
    "libp11-kit0",
    "libpcre2-8-0",
    "libtasn1-6",
    "libunistring2",
    "liburing2",
    "zlib1g",
)
_HOSTS = {
    "x86_64": ("amd64", "x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
    "aarch64": ("arm64", "aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
}


def qemu_arm(plugins: bool = False) -> list[str]:
    """Return the start of a command line that runs a 32-bit ARM program.

    ``plugins``: it must load TCG plugins (``-plugin FILE``). The first call may download about
    20 MB. Raises a ToolchainError that says what is missing and how to get it.
    """
    return list(_find(plugins))


@cache
def _find(plugins: bool) -> tuple[str, ...]:
    for name in _NAMES:
        path = shutil.which(name)
        if path and _answers((path,), plugins):
            return (path,)
    argv = _from_debian()
    if not _answers(argv, plugins):
        raise QemuError(
            "the unpacked qemu does not start",
            " ".join(argv),
            "Remove .cache/qemu and run the same command again, or: apt install qemu-user",
        )
    return argv


def _from_debian() -> tuple[str, ...]:
    if platform.machine() not in _HOSTS:
        raise QemuError(
            "no qemu for ARM programs", "qemu-arm on the PATH", "Run: apt install qemu-user"
        )
    arch, triplet, loader = _HOSTS[platform.machine()]
    root = cache_dir() / "qemu" / arch / "root"
    program = root / "usr" / "bin" / "qemu-arm"
    with exclusive(root.parent / "lock"):
        if not program.is_file():
            extract_packages(_PACKAGES, arch, root, (_SUITE,))
    # Debian 12 still keeps some libraries under /lib.
    libraries = [root / "lib" / triplet, root / "usr" / "lib" / triplet]
    return (
        str(libraries[0] / loader),
        "--library-path",
        ":".join(map(str, libraries)),
        str(program),
    )


def _answers(argv: tuple[str, ...], plugins: bool) -> bool:
    try:
        said = subprocess.run(
            [*argv, "--help"], capture_output=True, text=True, timeout=30, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    return "qemu-arm" in said and (not plugins or "-plugin" in said)
