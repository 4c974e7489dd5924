"""Releases that wait for boards: files in the gateway's data folder, and how far each is.

`updates/NAME.tw`, NAME in hexadecimal, is the release for the board that the configuration calls
so; it goes away when the board runs it, or refuses it. `updates/NAME.json` tells how far it is, and
how it ended. One that has others before it (`before`, in their order) waits until the first of them
runs it and fewer than `at_once` are under way, and is stopped if any of them failed.
"""

import contextlib
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.collect.link import BoardLink
from gateway.collect.status import BoardStatus
from gateway.updates.errors import Stopped, UpdateError
from gateway.updates.push import Push
from gateway.updates.release_file import read
from gateway.updates.ways import OverBus, Way
from ledger.clock import Clock
from wireformat import codes

log = logging.getLogger("gateway")

FOLDER = "updates"
_ORDER = ("before", "at_once")
_TOO_LATE = (codes.UP_ARMED, codes.UP_TRIAL)

Facts = dict[str, Any]


class Updates:
    """The queue of one gateway; `folder` need not exist."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder, self._clock = folder, clock
        self._pushes: dict[str, tuple[int, Push]] = {}

    async def step(self, name: str, link: BoardLink, status: BoardStatus) -> bool:
        """Bring board `name` on a bus a little further, if a release waits for it.

        True if it is worth visiting again at once. Raises `CollectError`.
        """
        return await self.bring(name, OverBus(link, self._clock), status)

    def waiting(self) -> list[str]:
        """Names of the boards for which a release waits."""
        return _names(self._folder, "*.tw")

    def end(self, name: str, error: UpdateError) -> None:
        """Give up a release, and tell why."""
        log.warning("%s: %s", name, error)
        facts = {"state": "failed", "error": error.code, "what": str(error)}
        self._end(name, release_path(self._folder, name), facts)

    async def bring(self, name: str, way: Way, status: BoardStatus) -> bool:
        """As `step`, by any way."""
        path = release_path(self._folder, name)
        try:
            stamp = path.stat().st_mtime_ns
        except OSError:
            self._pushes.pop(name, None)
            return False
        try:
            push = self._push(name, path, stamp, way)
            push.way = way
            if push.state not in _TOO_LATE and not self._may(name):
                return False
            more = await push.step(status)
        except UpdateError as error:
            self.end(name, error)
            return False
        if push.done:
            self._end(name, path, {"state": "done", "sent": push.sent})
            log.info("%s: runs the new firmware, confirmed", name)
        else:
            told = codes.UP_STATES.get(push.state, str(push.state))
            facts = {"state": told, "sent": push.sent, "offered": push.offered}
            write_progress(self._folder, name, facts | self._order(name))
        return more and not push.done

    def _order(self, name: str) -> Facts:
        return {k: v for k, v in read_progress(self._folder, name).items() if k in _ORDER}

    def _may(self, name: str) -> bool:
        """Whether it is this board's turn. Raises `Stopped` once one before it failed."""
        order = self._order(name)
        before = {one: read_progress(self._folder, one).get("state") for one in order["before"]}
        failed = [one for one, state in before.items() if state == "failed"]
        if failed:
            raise Stopped(f"{failed[0]} did not take it", name)
        open_ones = [state for state in before.values() if state != "done"]
        first_runs = not before or next(iter(before.values())) == "done"
        return first_runs and len(open_ones) < order["at_once"]

    def _push(self, name: str, path: Path, stamp: int, way: Way) -> Push:
        known = self._pushes.get(name)
        if known is None or known[0] != stamp:
            release = read(path.read_bytes(), str(path))
            offered = bool(read_progress(self._folder, name).get("offered"))
            log.info("%s: gets firmware %s", name, release.record.version)
            known = self._pushes[name] = (stamp, Push(way, release, offered))
        return known[1]

    def _end(self, name: str, path: Path, facts: Facts) -> None:
        write_progress(self._folder, name, facts)
        self._pushes.pop(name, None)
        with contextlib.suppress(OSError):
            path.unlink()


def release_path(folder: Path, name: str) -> Path:
    """Where the release for board `name` waits."""
    return folder / f"{name.encode().hex()}.tw"


def progress_path(folder: Path, name: str) -> Path:
    """Where it is told how far board `name` is."""
    return folder / f"{name.encode().hex()}.json"


def write_progress(folder: Path, name: str, facts: Facts) -> None:
    """Tell it, in one step."""
    path = progress_path(folder, name)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(facts | {"device": name}), encoding="utf-8")
    os.replace(new, path)


def read_progress(folder: Path, name: str) -> Facts:
    """What was told; of a board of which nothing was, that it waits alone."""
    facts: Facts = {"state": "waiting", "sent": 0, "before": [], "at_once": 1}
    with contextlib.suppress(OSError, ValueError):
        facts |= json.loads(progress_path(folder, name).read_text(encoding="utf-8"))
    return facts


def names_told(folder: Path) -> list[str]:
    """Names of the boards of which something is told."""
    return _names(folder, "*.json")


def _names(folder: Path, pattern: str) -> list[str]:
    paths = sorted(folder.glob(pattern)) if folder.is_dir() else []
    return [bytes.fromhex(path.stem).decode() for path in paths if _is_name(path.stem)]


def _is_name(stem: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(bytes.fromhex(stem).decode())
    return False


def enqueue(
    folder: Path, name: str, data: bytes, before: Sequence[str] = (), at_once: int = 1
) -> None:
    """Have a release brought to board `name`, now or when the gateway runs.

    Not until the first `before` it runs it, and fewer than `at_once` of them are under way.
    """
    folder.mkdir(parents=True, exist_ok=True)
    order = {"before": list(before), "at_once": at_once}
    write_progress(folder, name, {"state": "waiting", "sent": 0} | order)
    path = release_path(folder, name)
    new = path.with_suffix(".new-tw")
    new.write_bytes(data)
    os.replace(new, path)
