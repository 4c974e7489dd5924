"""Bring an image to a board: only what differs, verified on the board, the manifest last."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from truewatt.device.errors import BoardFull, NotFlashed, VerifyFailed
from truewatt.device.image import MAIN, MANIFEST, Image
from truewatt.device.link import NEW, Link

Say = Callable[[str], None]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Plan:
    """What differs: files to write, files that don't belong there, sizes of those replaced."""

    write: list[str]
    stale: list[str]
    replaced: list[int]
    complete: bool

    def bytes_to_write(self, image: Image) -> int:
        """How much goes over the cable."""
        return sum(len(image.files[path]) for path in self.write)


def compare(link: Link, image: Image, say: Say) -> Plan:
    """Hold the board's files against the image's by SHA-256."""
    say(f"comparing {len(image.files)} files on the board")
    ours = [*image.files, MANIFEST]
    found = link.digests(ours)
    write = [path for path, data in image.files.items() if found[path] != _digest(data)]
    there = link.value("_d('/lib')+['/'+e[0] for e in os.ilistdir('/') if e[1]&0x8000]")
    stale = [p for p in there if p not in ours and (p.startswith("/lib/") or p.endswith(NEW))]
    same = found[MANIFEST] == _digest(image.manifest)
    replaced = [facts[0] for path in write if (facts := found[path])]
    return Plan(write, sorted(stale), replaced, same and not write and not stale)


def flash(link: Link, image: Image, say: Say, progress: Progress) -> Plan:
    """Make the board's files those of the image; what was done.

    Cut in the middle, the board has no main.py and stays at its prompt; run again, what is there is
    not sent again. Raises `BoardFull`, `VerifyFailed`, `CableLost`.
    """
    plan = compare(link, image, say)
    if plan.complete:
        return plan
    _require_space(link, image, plan)
    # From here to the end the board has no whole image, and must not start a half one.
    for path in (MANIFEST, MAIN, *plan.stale):
        link.run(f"_r({path!r})")
    total, done = plan.bytes_to_write(image), 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        progress(done, total)

    for path in [p for p in plan.write if p != MAIN]:
        put(link, path, image.files[path], count)
    put(link, MAIN, image.files[MAIN], count if MAIN in plan.write else _ignore)
    put(link, MANIFEST, image.manifest, _ignore)
    return plan


def put(link: Link, path: str, data: bytes, count: Callable[[int], None]) -> None:
    """Write a file and verify it. Raises `VerifyFailed`; then the old one, if any, is there."""
    if not link.write(path, data, count):
        raise VerifyFailed(
            "the board read back something else",
            path,
            "Try again; if it stays so, the board's flash is worn.",
        )


def read_manifest(link: Link) -> dict[str, Any]:
    """The manifest on the board. Raises `NotFlashed`."""
    data = link.read(MANIFEST)
    try:
        manifest: dict[str, Any] = json.loads(data or b"")
        if not isinstance(manifest["files"], dict):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise NotFlashed(
            "no firmware, or a flash that was cut half-way", MANIFEST, "truewatt device flash"
        ) from None
    return manifest


def damaged(link: Link, manifest: dict[str, Any]) -> list[str]:
    """Files that aren't as the board's manifest has them."""
    listed = {path: tuple(facts) for path, facts in manifest["files"].items()}
    found = link.digests(list(listed))
    return [path for path, facts in listed.items() if found[path] != facts]


def _require_space(link: Link, image: Image, plan: Plan) -> None:
    """A file and its successor are both there for a moment, so the largest counts once more."""
    block, free = link.value("(os.statvfs('/')[1],os.statvfs('/')[3])")
    sizes = [len(image.files[path]) for path in plan.write] + [len(image.manifest)]
    replaced = sum(_blocks(size, block) for size in plan.replaced)
    needed = sum(_blocks(size, block) for size in sizes) + _blocks(max(sizes), block) - replaced
    if needed > free:
        raise BoardFull(
            f"{needed * block // 1024} KiB are needed, {free * block // 1024} KiB are free",
            "the board's filesystem",
            "Remove files that aren't ours (mpremote ls, rm), or erase: --erase-and-flash.",
        )


def _blocks(size: int, block: int) -> int:
    return -(-size // block)


def _digest(data: bytes) -> tuple[int, str]:
    return len(data), hashlib.sha256(data).hexdigest()


def _ignore(_: int) -> None:
    pass
