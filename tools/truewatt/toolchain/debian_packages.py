"""Fetch Debian packages and unpack them into a folder, without touching the system.

apt does the work, with a configuration of its own: signatures and hashes are checked as always,
nothing is installed, no root is needed, and any architecture can be asked for.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from truewatt.toolchain.debian_mirror import archive_keyring, debian_mirrors
from truewatt.toolchain.errors import DebianSourceError, DownloadError

_UPDATE_TIMEOUT_S = 300
_DOWNLOAD_TIMEOUT_S = 900


SUITES = ("trixie", "forky")
"""Debian's stable release, and the next one for as long as a mirror's list of the first is broken
(mirrors that are being updated show a new signature over old lists, for days at worst)."""


def extract_packages(
    names: Sequence[str], arch: str, target: Path, suites: Sequence[str] = SUITES
) -> None:
    """Put the files of packages ``names`` for architecture ``arch`` into ``target``.

    They all come from the first of ``suites`` whose list verifies. ``target`` appears whole or not
    at all. Raises DebianSourceError or DownloadError.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise DebianSourceError(
                f"{tool} is not here, so this is no Debian machine",
                "PATH",
                f"Install {names[0]} yourself and put it on the PATH.",
            )
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".fetch-", dir=target.parent) as scratch:
        workshop = Path(scratch)
        options = _first_that_verifies(arch, suites, workshop)
        packages = _download(names, arch, options, workshop / "deb")
        root = workshop / "root"
        for package in packages:
            _run(["dpkg-deb", "--extract", str(package), str(root)], workshop, _DOWNLOAD_TIMEOUT_S)
        # A leftover that somebody emptied by half would be kept for ever otherwise.
        shutil.rmtree(target, ignore_errors=True)
        root.rename(target)


def _first_that_verifies(arch: str, suites: Sequence[str], workshop: Path) -> list[str]:
    """Return the apt options of the first suite that a mirror has whole."""
    for suite in suites[:-1]:
        try:
            return _refresh_lists(arch, suite, workshop)
        except DownloadError as error:
            print(f"truewatt: {error.what.splitlines()[0]}; trying the next", file=sys.stderr)
    return _refresh_lists(arch, suites[-1], workshop)


def _refresh_lists(arch: str, suite: str, workshop: Path) -> list[str]:
    """Try each mirror until one verifies; return the apt options that use it."""
    reasons = []
    for mirror in debian_mirrors():
        options = _apt_options(mirror, arch, suite, workshop)
        print(f"truewatt: reading Debian {suite}'s package list ({arch})", file=sys.stderr)
        try:
            # Any-error: without it apt only warns when a list can't be had or verified.
            _run(
                ["apt-get", *options, "-qq", "-o", "APT::Update::Error-Mode=any", "update"],
                workshop,
                _UPDATE_TIMEOUT_S,
            )
        except DownloadError as error:
            reasons.append(error)
            continue
        return options
    raise _explain(reasons[-1], suite)


def _explain(error: DownloadError, suite: str) -> DownloadError:
    if "NO_PUBKEY" not in error.what and "Missing key" not in error.what:
        return error
    return DownloadError(
        f"the installed archive keys do not cover Debian {suite}",
        error.where,
        "Run: apt update && apt install --only-upgrade debian-archive-keyring",
    )


def _apt_options(mirror: str, arch: str, suite: str, workshop: Path) -> list[str]:
    for folder in ("lists/partial", "cache/archives/partial", "deb"):
        (workshop / folder).mkdir(parents=True, exist_ok=True)
    (workshop / "status").touch()
    source = workshop / "sources.list"
    source.write_text(f"deb [signed-by={archive_keyring()}] {mirror} {suite} main\n")
    settings = {
        "Dir::Etc::sourcelist": source,
        "Dir::Etc::sourceparts": "-",
        "Dir::State": workshop,
        "Dir::State::lists": workshop / "lists",
        "Dir::State::status": workshop / "status",
        "Dir::Cache": workshop / "cache",
        "Acquire::Languages": "none",
        "Acquire::Retries": 3,
        "APT::Architecture": arch,
        "APT::Architectures": arch,
        # apt run by root drops to a user that may not enter this folder.
        "APT::Sandbox::User": "root",
    }
    return [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]


def _download(names: Sequence[str], arch: str, options: list[str], into: Path) -> list[Path]:
    print(f"truewatt: fetching {', '.join(names)} ({arch})", file=sys.stderr)
    _run(["apt-get", *options, "-qq", "download", *names], into, _DOWNLOAD_TIMEOUT_S)
    packages = sorted(into.glob("*.deb"))
    if len(packages) != len(names):
        raise DownloadError(
            f"{len(packages)} of {len(names)} packages arrived",
            f"Debian packages for {arch}",
            "Run the same command again.",
        )
    return packages


def _run(argv: list[str], folder: Path, timeout_s: int) -> None:
    # C locale: _explain reads apt's words.
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DownloadError(
            f"{argv[0]} {argv[-1]} took more than {timeout_s} s",
            "Debian packages",
            "Check the network (and apt's proxy settings), then run the same command again.",
        ) from None
    if done.returncode != 0:
        raise DownloadError(
            f"{argv[0]} failed: {done.stdout.strip()[-600:]}",
            "Debian packages",
            "Check the network (and apt's proxy settings), then run the same command again.",
        )
