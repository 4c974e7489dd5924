"""Bring a release to a board over its cable; the board judges it, and the next start tries it."""

import re
from collections.abc import Callable, Iterator

from gateway.updates.release_file import ReleaseFile
from truewatt.device import errors, slots
from truewatt.device.errors import BoardRefused, DeviceError, NotProvisioned, RolledBack
from truewatt.device.flash import Progress, Say, put, read_manifest
from truewatt.device.link import Link
from truewatt.device.slots import LISTING

PATIENCE_S = 3600.0
_OURS = ("BadRelease", "BadSignature", "ForeignImage", "OldImage", "HalfImage", "NoRoom")
_CONFIRMED = re.compile(r"update: confirmed after (\d+) s")
_BACK = re.compile(
    r"(?:start: back to the firmware before|update: (?:not confirmed|rolled back)), reason (\d+)"
)


def update(link: Link, release: ReleaseFile, say: Say, progress: Progress) -> int:
    """Send what the board lacks and arm the trial; how many bytes were sent.

    Cut at any moment, the board starts the firmware that it had; run again, what is there is not
    sent again. Raises the board's own refusals by name, `NotFlashed`, `CableLost`.
    """
    read_manifest(link)  # from here on the board imports the firmware that it has
    _call(link, "import gc;gc.threshold(4096)\nimport update.cable as u")
    said = _call(link, f"u.offer({release.certificate.hex()!r},{release.signed.hex()!r})")
    folder = said.split("SLOT ")[1].split()[0]
    say(f"accepted by the board; it goes to slot {folder}, {slots.FOLDERS[folder == '/a']} stays")
    put(link, f"{folder}/{LISTING}", release.listing, lambda _: None)
    say("the board compares, and copies what stays the same")
    lines = _call(link, "u.wanted()").splitlines()
    wanted = [line.split()[1] for line in lines if line.startswith("WANT ")]
    total, done = sum(len(release.files[path]) for path in wanted), 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        progress(done, total)

    for path in wanted:
        put(link, f"{folder}/{path}", release.files[path], count)
    say("the board checks every file")
    _call(link, "u.finish()")
    return total


def _call(link: Link, code: str) -> str:
    """Run code on the board; its refusals become errors of the same name."""
    try:
        return link.run(code)
    except BoardRefused as error:
        raise _named(error) from None


def _named(error: BoardRefused) -> DeviceError:
    # "BoardRefused: OldImage: OldImage: what; at where; what to do", as the board prints it.
    for name in _OURS:
        if f": {name}: " in error.what:
            kind: type[DeviceError] = getattr(errors, name)
            what = error.what.rpartition(f"{name}: ")[2]
            return kind(what, error.where, "Nothing that runs was changed.")
    if "config.json" in error.what or "ENOENT" in error.what:
        return NotProvisioned(
            "it knows no operator, so it can trust no release",
            error.where,
            "truewatt device provision, or truewatt device flash for a board without identity.",
        )
    return error


def follow(lines: Iterator[str], say: Callable[[str], None]) -> int:
    """Read a board's console until its trial ends; after how many seconds it was confirmed.

    Raises `RolledBack`.
    """
    for line in lines:
        if "update: " in line or "start: " in line:
            say(line.strip())
        if found := _CONFIRMED.search(line):
            return int(found[1])
        if found := _BACK.search(line):
            raise RolledBack(
                f"the new firmware was not confirmed, reason {found[1]}",
                "the board",
                "Reasons: docs/wire-format.md, roll-back. The firmware before runs.",
            )
    raise RolledBack(
        "no end of the trial was seen", "the board", "truewatt device info tells which slot runs."
    )
