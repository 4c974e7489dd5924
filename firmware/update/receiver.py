"""An update over a link, while the board works: pieces of a release's files, as it wants them.

The board says in its status word what it wants next (codes.UP_*, and the number of a file: 0 the
listing, then as the listing has them), so a sender that was cut off goes on with that file. Pieces
are unsigned: each file counts only with its hash. A session's pieces are bounded, for whoever
holds the wire could send them for ever and wear flash.
"""

import asyncio
import hashlib
import os

from board import reset
from core.errors import StorageError
from core.log import log
from update.errors import UpdateError
from update.staging import LISTING, Staging, make_folders
from wireformat import codes

_HEAD_BYTES = 4  # file, 1 if it is the last, offset (2)
_TIMES = 4
_LISTING_BYTES = 32768
_RESTART_MS = 5000


class Session:
    """One release on its way into the other slot; `sent`: bytes of pieces since the start."""

    def __init__(self, node: object, accepted: tuple, sent: int) -> None:
        self._node = node
        self.staging = Staging(accepted, node.config.journal_kib)
        self.sent = sent
        self._budget = sent + _TIMES * (self.staging.size + _LISTING_BYTES)
        self._arrived = asyncio.Event()
        self._file: object = None
        self._hasher: object = None
        self._path = ""
        self._wanted = self._size = self._at = 0
        self._digest = b""
        self._say(codes.UP_BUSY)
        self.task = asyncio.create_task(self.run())

    async def run(self) -> None:
        """Until the board restarts into the new firmware, or it can't be."""
        try:
            if not await self._fill():
                self._say(codes.UP_RUNS)
                return
            from update.slots import Slots

            Slots(self._node.store).arm(self.staging.index, True)
        except (UpdateError, StorageError, OSError, MemoryError) as error:
            log("update", error)
            reason = getattr(error, "reason", codes.R_FLASH)
            self._say(codes.UP_FAILED, reason)
            return
        self._say(codes.UP_ARMED)
        log("update", "whole; it is tried after a restart")
        await asyncio.sleep_ms(_RESTART_MS)
        reset()

    async def _fill(self) -> bool:
        """Make the other slot whole; False if the release runs already."""
        staging = self.staging
        if staging.digest(staging.old + "/" + LISTING) == staging.listing:
            return False
        staging.begin()
        while not staging.has_listing():
            path = staging.new + "/" + LISTING
            await self._receive(0, path, _LISTING_BYTES, staging.listing)
        await _slowly(staging.tidy_steps())
        number = 0
        for name, size, digest in staging.entries():
            number += 1
            await asyncio.sleep_ms(0)
            if staging.has(name, size, digest):
                continue
            if not await _slowly(staging.copy_steps(name, size, digest)):
                await self._receive(number, staging.new + "/" + name, size, digest)
                self._say(codes.UP_BUSY)
        await _slowly(staging.finish_steps())
        return True

    async def _receive(self, number: int, path: str, size: int, digest: bytes) -> None:
        self._wanted, self._path, self._size, self._digest = number, path, size, digest
        make_folders(path)
        self._begin()
        self._arrived.clear()
        self._say(codes.UP_WANTS, number)
        await self._arrived.wait()

    def _begin(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = open(self._path + ".new", "wb")
        self._hasher = hashlib.sha256()
        self._at = 0

    def piece(self, data: bytes) -> int:
        """Bytes of the wanted file, in order; from offset 0 it begins anew."""
        if len(data) < _HEAD_BYTES or self._node.update >> 8 != codes.UP_WANTS:
            return codes.R_BUSY
        offset = data[2] << 8 | data[3]
        part = data[_HEAD_BYTES:]
        if data[0] != self._wanted or offset + len(part) > self._size:
            return codes.R_MALFORMED
        self.sent += len(part)
        if self.sent > self._budget:
            return codes.R_REPLAYED
        if offset == 0 and self._at:
            self._begin()
        if offset != self._at:
            return codes.R_MALFORMED
        self._file.write(part)
        self._hasher.update(part)
        self._at += len(part)
        return self._end() if data[1] else codes.R_NONE

    def _end(self) -> int:
        if self._hasher.digest() != self._digest:
            self._begin()
            return codes.R_HALF_IMAGE
        self._file.close()
        self._file = None
        os.rename(self._path + ".new", self._path)
        self._say(codes.UP_BUSY)
        self._arrived.set()
        return codes.R_NONE

    def _say(self, state: int, detail: int = 0) -> None:
        self._node.update = state << 8 | detail


async def _slowly(steps: object) -> object:
    """Run a generator to its end; the board's tasks run between two of its steps."""
    try:
        while True:
            next(steps)
            await asyncio.sleep_ms(0)
    except StopIteration as end:
        return end.value
