"""Releases that wait for boards: files in the gateway's data folder, and how far each is.

`updates/NAME.tw`, NAME in hexadecimal, is the release for the board that the configuration calls
so; it goes away when the board runs it, or refuses it. `updates/NAME.json` tells how far it is, and
how it ended.
"""

import contextlib
import json
import logging
import os
from pathlib import Path

from gateway.collect.link import BoardLink
from gateway.collect.status import BoardStatus
from gateway.updates.errors import UpdateError
from gateway.updates.push import Push
from gateway.updates.release_file import read
from ledger.clock import Clock
from wireformat import codes

log = logging.getLogger("gateway")

FOLDER = "updates"


class Updates:
    """The queue of one gateway; `folder` need not exist."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder, self._clock = folder, clock
        self._pushes: dict[str, tuple[int, Push]] = {}

    async def step(self, name: str, link: BoardLink, status: BoardStatus) -> bool:
        """Bring board `name` a little further, if a release waits for it.

        True if it is worth visiting again at once. Raises `CollectError`.
        """
        path = release_path(self._folder, name)
        try:
            stamp = path.stat().st_mtime_ns
        except OSError:
            self._pushes.pop(name, None)
            return False
        try:
            push = self._push(name, path, stamp, link)
            more = await push.step(status)
        except UpdateError as error:
            log.warning("%s: %s", name, error)
            self._end(name, path, {"state": "failed", "error": error.code, "what": str(error)})
            return False
        if push.done:
            self._end(name, path, {"state": "done", "sent": push.sent})
            log.info("%s: runs the new firmware, confirmed", name)
        else:
            told = codes.UP_STATES.get(push.state, str(push.state))
            write_progress(self._folder, name, {"state": told, "sent": push.sent})
        return more and not push.done

    def _push(self, name: str, path: Path, stamp: int, link: BoardLink) -> Push:
        known = self._pushes.get(name)
        if known is None or known[0] != stamp:
            release = read(path.read_bytes(), str(path))
            log.info("%s: gets firmware %s", name, release.record.version)
            known = self._pushes[name] = (stamp, Push(link, self._clock, release))
        return known[1]

    def _end(self, name: str, path: Path, facts: dict[str, object]) -> None:
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


def write_progress(folder: Path, name: str, facts: dict[str, object]) -> None:
    """Tell it, in one step."""
    path = progress_path(folder, name)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(facts | {"device": name}), encoding="utf-8")
    os.replace(new, path)


def enqueue(folder: Path, name: str, data: bytes) -> None:
    """Have a release brought to board `name`, now or when the gateway runs."""
    folder.mkdir(parents=True, exist_ok=True)
    write_progress(folder, name, {"state": "waiting", "sent": 0})
    path = release_path(folder, name)
    new = path.with_suffix(".new-tw")
    new.write_bytes(data)
    os.replace(new, path)
