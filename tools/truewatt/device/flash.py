"""Bring an image to a board: only what differs, verified on the board, the manifest last."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.updates.release_file import entries_of
from truewatt.device import slots
from truewatt.device.errors import BoardFull, NotFlashed, VerifyFailed
from truewatt.device.image import FORMAT, Image
from truewatt.device.link import Link
from truewatt.device.slots import FOLDERS, LISTING, MANIFEST
from wireformat.errors import WireError

Say = Callable[[str], None]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Plan:
    """What differs: files to write, files that don't belong there, sizes of those replaced.

    `slot` is where the image goes: where it is already, or the slot that does not run.
    """

    slot: int
    write: dict[str, bytes]
    stale: list[str]
    replaced: list[int]
    complete: bool

    @property
    def size(self) -> int:
        """How much goes over the cable."""
        return sum(map(len, self.write.values()))


def compare(link: Link, image: Image, say: Say) -> Plan:
    """Hold the board's files against the image's by SHA-256."""
    found = slots.read(link)
    slot = _target(link, image, found)
    folder = FOLDERS[slot]
    ours = {f"{folder}/{path}": data for path, data in image.files.items()}
    ours |= {f"{folder}/{LISTING}": image.listing} | image.stage
    say(f"comparing {len(ours)} files with those in slot {folder}")
    manifest = f"{folder}/{MANIFEST}"
    there = link.digests([*ours, manifest])
    write = {path: data for path, data in ours.items() if there[path] != _digest(data)}
    listed = link.value(f"_d({folder!r})+_d('/lib')+['/firmware.json']")
    stale = sorted(path for path in listed if path not in ours and path != manifest)
    stale = [path for path in stale if path != "/firmware.json" or link.digest(path)]
    same = there[manifest] == _digest(image.manifest)
    replaced = [facts[0] for path in write if (facts := there[path])]
    running = found.current == slot and found.active == slot and not found.on_trial
    return Plan(slot, write, stale, replaced, same and running and not write and not stale)


def _target(link: Link, image: Image, found: slots.Slots) -> int:
    """Where it is already, or was begun; else the slot that does not run."""
    if not any(found.whole):
        return found.active
    data = link.read(f"{found.folder}/{MANIFEST}") or b""
    same = _facts(data).get("listing") == image.facts["listing"]
    return found.current if same else 1 - found.current


def flash(link: Link, image: Image, say: Say, progress: Progress) -> Plan:
    """Make a slot's files those of the image, and have it run; what was done.

    Cut in the middle, the slot is not whole, and a start runs the other one, if that is; run again,
    what is there is not sent again. Raises `BoardFull`, `VerifyFailed`, `CableLost`.
    """
    plan = compare(link, image, say)
    if plan.complete:
        return plan
    _require_space(link, image, plan)
    slots.end_trial(link)
    manifest = f"{FOLDERS[plan.slot]}/{MANIFEST}"
    for path in (manifest, *plan.stale):
        link.run(f"_r({path!r})")
    total, done = plan.size, 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        progress(done, total)

    # The boot stage last: on a new board nothing starts before all is there.
    for path in sorted(plan.write, key=lambda path: path in image.stage):
        put(link, path, plan.write[path], count)
    put(link, manifest, image.manifest, _ignore)
    slots.activate(link, plan.slot)
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
    """The manifest of the firmware that runs, with its `folder`. Raises `NotFlashed`."""
    found = slots.use(link)
    path = f"{found.folder}/{MANIFEST}"
    manifest = _facts(link.read(path) or b"")
    if manifest.get("format") != FORMAT:
        raise NotFlashed(
            "no firmware, or a flash that was cut half-way", path, "truewatt device flash"
        )
    return manifest | {"folder": found.folder}


def _facts(data: bytes) -> dict[str, Any]:
    """A manifest's facts; none if it is no manifest."""
    try:
        facts = json.loads(data)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def listed(link: Link, manifest: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """Path -> size, SHA-256, of the files that the manifest stands for. Raises `NotFlashed`."""
    path = f"{manifest['folder']}/{LISTING}"
    data = link.read(path) or b""
    if hashlib.sha256(data).hexdigest() != manifest["listing"]:
        raise NotFlashed("the list of files isn't what was flashed", path, "truewatt device flash")
    try:
        return {
            f"{manifest['folder']}/{name}": (size, digest.hex())
            for name, size, digest in entries_of(data)
        }
    except WireError as error:
        raise NotFlashed(str(error), path, "truewatt device flash") from None


def damaged(link: Link, files: dict[str, tuple[int, str]]) -> list[str]:
    """Files that aren't as they were listed."""
    found = link.digests(list(files))
    return [path for path, facts in files.items() if found[path] != facts]


def _require_space(link: Link, image: Image, plan: Plan) -> None:
    """A file and its successor are both there for a moment, so the largest counts once more."""
    block, free = link.value("(os.statvfs('/')[1],os.statvfs('/')[3])")
    sizes = [*map(len, plan.write.values()), len(image.manifest)]
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
