"""One release on its way to one board: what its status word asks for is sent, a little a visit.

The board decides and remembers; a gateway that starts anew asks it and goes on. Commands pass
between any two pieces, and other boards between two visits.
"""

from gateway.collect.errors import CollectError, FrameRefused
from gateway.collect.status import BoardStatus
from gateway.updates.errors import FileUnsettled, ReleaseRefused
from gateway.updates.release_file import ReleaseFile
from gateway.updates.ways import Way
from wireformat import codes
from wireformat.control import Certificate

PIECE_BYTES = 236
PIECES_A_VISIT = 16
_TRIES_A_FILE = 8
_LATER = (codes.R_BUSY,)


class Push:
    """`done`: the board runs the release, confirmed. `sent`: bytes of files so far.

    `offered`: the board took the release's signed record; a later gateway is told by its own notes.
    `way`: where the board is met, which may be another at each step.
    """

    def __init__(self, way: Way, release: ReleaseFile, offered: bool = False) -> None:
        self.way, self._release = way, release
        self._contents = [release.listing, *release.files.values()]
        self._file = self._at = self._tries = 0
        self.offered = offered
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
        if self.state == codes.UP_FAILED and self.offered:
            raise ReleaseRefused(self.way.where, detail)
        if self.state in (codes.UP_NONE, codes.UP_FAILED):
            return await self._offer()
        if self.state == codes.UP_RUNS:
            # Of this release, or of one before: the board says so by taking the offer.
            if self.offered:
                self.done = True
                return False
            return await self._offer()
        return self.state == codes.UP_BUSY

    async def _offer(self) -> bool:
        try:
            if self._release.certificate:
                await self.way.deliver(Certificate.CODE, self._release.certificate)
            await self.way.deliver(codes.OFFER, self._release.signed)
        except FrameRefused as error:
            if error.reason in _LATER:
                return False
            raise ReleaseRefused(self.way.where, error.reason) from None
        self.offered = True
        return True

    async def _send(self, number: int) -> bool:
        """Pieces of the file that the board wants."""
        self.offered = True
        if number >= len(self._contents):
            raise FileUnsettled(f"file {number} of {len(self._contents)}", self.way.where)
        self._turn_to(number)
        for _ in range(PIECES_A_VISIT // self.way.window):
            parts = self._next_parts(number)
            try:
                await self.way.pieces([_piece(number, *part) for part in parts])
            except CollectError as error:
                self._begin_anew(number, error)
                raise
            size = sum(len(part) for _, part, _ in parts)
            self._at += size
            self.sent += size
            if parts[-1][2]:
                break
        return True

    def _next_parts(self, number: int) -> list[tuple[int, bytes, bool]]:
        """(offset, bytes, whether it is the file's last) of what goes at once."""
        content, at = self._contents[number], self._at
        parts: list[tuple[int, bytes, bool]] = []
        while len(parts) < self.way.window:
            part = content[at : at + PIECE_BYTES]
            parts.append((at, part, at + len(part) >= len(content)))
            at += len(part)
            if parts[-1][2]:
                break
        return parts

    def _begin_anew(self, number: int, error: CollectError) -> None:
        """A piece that was told as lost or refused: its file goes from its beginning again.

        On a bus nobody tells; there the next piece goes on where this one was.
        """
        if isinstance(error, FrameRefused):
            if error.reason == codes.R_REPLAYED:
                raise ReleaseRefused(self.way.where, error.reason) from error
            if error.reason not in _LATER:
                self._again(number)
        if self.way.told:
            self._at = 0

    def _again(self, number: int) -> None:
        self._tries += 1
        if self._tries > _TRIES_A_FILE:
            raise FileUnsettled(f"file {number}", self.way.where)

    def _turn_to(self, number: int) -> None:
        """Go on with a file, or begin it: anew, if the board wants what it was sent whole."""
        if number != self._file:
            self._file, self._at, self._tries = number, 0, 0
        elif self._at >= len(self._contents[number]):
            self._again(number)
            self._at = 0


def _piece(number: int, offset: int, part: bytes, last: bool) -> bytes:
    return bytes((number, last)) + offset.to_bytes(2, "big") + part
