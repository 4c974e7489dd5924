"""Find a program of Debian's that the project's checks use, or get it from Debian's packages."""

import platform
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache

from truewatt.toolchain.debian_packages import extract_packages
from truewatt.toolchain.errors import DebianToolError
from truewatt.toolchain.paths import cache_dir, exclusive

# By processor: Debian's name for it, the folder of its libraries, the loader in it.
_HOSTS = {
    "x86_64": ("amd64", "x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
    "aarch64": ("arm64", "aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
    "armv7l": ("armhf", "arm-linux-gnueabihf", "ld-linux-armhf.so.3"),
    "i686": ("i386", "i386-linux-gnu", "ld-linux.so.2"),
}


@dataclass(frozen=True)
class _Tool:
    """Packages with the program and all its libraries, and words that show it to be whole.

    `probe` are arguments that make it say `says` and touch nothing; `folder` is where it lies.
    """

    packages: tuple[str, ...]
    probe: str
    says: str
    folder: str = "usr/bin"
    status: int = 0


_TOOLS = {
    "mbpoll": _Tool(("mbpoll", "libmodbus5", "libc6"), "-h", "usage : mbpoll"),
    "dbus-daemon": _Tool(
        (
            "dbus-daemon",
            "libapparmor1",
            "libaudit1",
            "libc6",
            "libcap-ng0",
            "libcap2",
            "libdbus-1-3",
            "libexpat1",
            "libpcre2-8-0",
            "libselinux1",
            "libsystemd0",
        ),
        "--version",
        "D-Bus Message Bus Daemon",
    ),
    "mosquitto": _Tool(
        (
            "mosquitto",
            "libc6",
            "libcap2",
            "libcjson1",
            "libdlt2",
            "libgcc-s1",
            "libssl3t64",
            "libsystemd0",
            "libwebsockets19t64",
            "libwrap0",
            "libzstd1",
            "zlib1g",
        ),
        "-h",
        "mosquitto is an MQTT",
        "usr/sbin",
        3,
    ),
}


def debian_tool(name: str) -> list[str]:
    """Return the start of a command line for the program ``name``: ``mbpoll``, ``mosquitto``,
    ``dbus-daemon``.

    The machine's own if it has one, else Debian's, unpacked below the project's cache; the first
    call may download about 10 MB. Raises a ToolchainError that says what is missing and how to get
    it.
    """
    if name not in _TOOLS:
        raise DebianToolError(f"no such tool: {name!r}", "debian_tool", f"Use {', '.join(_TOOLS)}.")
    return list(_find(name))


@cache
def _find(name: str) -> tuple[str, ...]:
    path = shutil.which(name)
    if path is not None and _answers((path,), _TOOLS[name]):
        return (path,)
    argv = _from_debian(name)
    if not _answers(argv, _TOOLS[name]):
        raise DebianToolError(
            f"the unpacked {name} does not start",
            " ".join(argv),
            f"Remove .cache/{name} and run the same command again, or: apt install {name}",
        )
    return argv


def _from_debian(name: str) -> tuple[str, ...]:
    host = _HOSTS.get(platform.machine())
    if host is None:
        raise DebianToolError(
            f"no {name} for {platform.machine()}", "PATH", f"Run: apt install {name}"
        )
    arch, triplet, loader = host
    root = cache_dir() / name / arch / "root"
    program = root / _TOOLS[name].folder / name
    with exclusive(root.parent / "lock"):
        if not program.is_file():
            extract_packages(_TOOLS[name].packages, arch, root)
    libraries = root / "usr" / "lib" / triplet
    return (str(libraries / loader), "--library-path", str(libraries), str(program))


def _answers(argv: tuple[str, ...], tool: _Tool) -> bool:
    try:
        done = subprocess.run(
            [*argv, tool.probe], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == tool.status and tool.says in done.stdout + done.stderr
