"""One release on its way to one board: what its status word asks for is sent, a little a visit.

The board decides and remembers; a gateway that starts anew asks it and goes on. Commands pass
between any two pieces, and other boards between two visits.
"""

import asyncio

from gateway.collect.errors import FrameRefused, ModbusRefused
from gateway.collect.inbox import deliver
from gateway.collect.link import BoardLink
from gateway.collect.status import BoardStatus
from gateway.updates.errors import FileUnsettled, ReleaseRefused
from gateway.updates.release_file import ReleaseFile
from ledger.clock import Clock
from wireformat import codes
from wireformat.control import Certificate

PIECE_BYTES = 236
PIECES_A_VISIT = 16
_BUSY_EXCEPTION = 6
_QUEUE_PATIENCE = 100
_QUEUE_PAUSE_S = 0.02
_TRIES_A_FILE = 8
_LATER = (codes.R_BUSY,)


class Push:
    """`done`: the board runs the release, confirmed. `sent`: bytes of files so far."""

    def __init__(self, link: BoardLink, clock: Clock, release: ReleaseFile) -> None:
        self._link, self._clock, self._release = link, clock, release
        self._contents = [release.listing, *release.files.values()]
        self._file = self._at = self._tries = 0
        self._offered = False
        self.sent = 0
        self.state = codes.UP_NONE
        self.done = False

    async def step(self, status: BoardStatus) -> bool:
        """Do what the board's status asks for; True if it is worth asking again at once.

        Raises `UpdateError` for good, `CollectError` for now.
        """
        self.state, detail = status.update >> 8, status.update & 0xFF
        if self.state == codes.UP_WANTS:
            return await self._send(detail)
        if self.state == codes.UP_FAILED and self._offered:
            raise ReleaseRefused(self._link.where, detail)
        if self.state in (codes.UP_NONE, codes.UP_FAILED):
            return await self._offer()
        if self.state == codes.UP_RUNS:
            # Of this release, or of one before: the board says so by taking the offer.
            if self._offered:
                self.done = True
                return False
            return await self._offer()
        return self.state == codes.UP_BUSY

    async def _offer(self) -> bool:
        try:
            if self._release.certificate:
                await deliver(self._link, self._clock, Certificate.CODE, self._release.certificate)
            await deliver(self._link, self._clock, codes.OFFER, self._release.signed)
        except FrameRefused as error:
            if error.reason in _LATER:
                return False
            raise ReleaseRefused(self._link.where, error.reason) from None
        self._offered = True
        return True

    async def _send(self, number: int) -> bool:
        """Pieces of the file that the board wants."""
        self._offered = True
        if number >= len(self._contents):
            raise FileUnsettled(f"file {number} of {len(self._contents)}", self._link.where)
        self._turn_to(number)
        content = self._contents[number]
        for _ in range(PIECES_A_VISIT):
            part = content[self._at : self._at + PIECE_BYTES]
            last = self._at + len(part) >= len(content)
            head = bytes((number, last)) + self._at.to_bytes(2, "big")
            await self._put(head + part)
            self._at += len(part)
            self.sent += len(part)
            if last:
                break
        return True

    def _turn_to(self, number: int) -> None:
        """Go on with a file, or begin it: anew, if the board wants what it was sent whole."""
        again = number == self._file and self._at >= len(self._contents[number])
        if number == self._file and not again:
            return
        self._tries = self._tries + 1 if again else 0
        if self._tries > _TRIES_A_FILE:
            raise FileUnsettled(f"file {number}", self._link.where)
        self._file, self._at = number, 0

    async def _put(self, piece: bytes) -> None:
        for _ in range(_QUEUE_PATIENCE):
            try:
                await self._link.send(codes.PIECE, piece)
                return
            except ModbusRefused as error:
                # Its queue takes four frames.
                if error.exception != _BUSY_EXCEPTION:
                    raise
            await asyncio.sleep(_QUEUE_PAUSE_S)
