"""One board on a bus, spoken to through its register map (`wireformat.modbus_map`)."""

from collections import deque

from gateway.collect.bus import Asked, Bus
from gateway.collect.errors import ModbusRefused, WrongReply
from gateway.collect.line import READ_HOLDING
from gateway.collect.patience import Looks
from gateway.collect.status import BoardStatus
from wireformat import modbus_map as m
from wireformat.schema import MAX_RECORD_BYTES

_ILLEGAL_FUNCTION = 1
_CHUNK_BYTES = 2 * (m.INBOX_MAX_WORDS - m.INBOX_HEAD_WORDS)

_REMEMBERED = 8
_SPARE_WORDS = 1
"""Windows are read as long as the longest of the last records, and a counter's next digit: half of
what a whole one has over a reading is a fifth of a slow bus. The rest of a longer one is asked for.
"""


class BoardLink:
    """Reads and writes of one board. Raises `CollectError`s."""

    def __init__(self, bus: Bus, address: int) -> None:
        self.bus = bus
        self.address = address
        self._has_fc23 = True
        self._frame = 0
        self._lengths: deque[int] = deque([m.WINDOW_WORDS], _REMEMBERED)
        self.verifying = Looks()

    @property
    def look_s(self) -> float:
        """How long the line takes to say what became of a frame, wall seconds."""
        return self.bus.wire_s(Asked(self.address, READ_HOLDING, m.INBOX_STATUS_WORDS))

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.bus.name} address {self.address}"

    async def status(self, probe_s: float | None = None) -> BoardStatus:
        """The board's status block. `probe_s`: ask once and wait no longer than that."""
        words = await self.bus.read(self.address, m.STATUS, m.STATUS_WORDS, probe_s=probe_s)
        status = BoardStatus.parse(words, self.where)
        if not self._frame:
            self._frame = status.last_frame
        return status

    async def record_at(self, epoch: int, seq: int) -> tuple[int, bytes] | None:
        """(type code, signed bytes) of the first record at or after the cursor, if any."""
        cursor = m.uint_words(epoch, 2) + m.uint_words(seq, 2)
        return self._unpacked(await self._window(cursor))

    async def enrolment(self) -> bytes | None:
        """The board's own signed request to join."""
        words = await self.bus.read(self.address, m.ENROLMENT, m.WINDOW_WORDS)
        found = self._unpacked(words)
        return found[1] if found else None

    async def send(self, code: int, data: bytes, urgent: bool = False) -> int:
        """Write a frame into the inbox, in chunks; returns its frame id."""
        # 0 is what an empty slot of the inbox status shows.
        self._frame = self._frame % 0xFFFF + 1
        frame = self._frame
        for offset in range(0, len(data), _CHUNK_BYTES):
            chunk = m.to_words(data[offset : offset + _CHUNK_BYTES])
            head = [frame, code << 8 | len(data), offset]
            await self.bus.write(self.address, m.INBOX, head + chunk, urgent)
        return frame

    async def fate(self, frame: int, urgent: bool = False) -> tuple[int, int] | None:
        """(codes.INBOX_*, codes.R_*) of a frame; None if the board doesn't remember it."""
        words = await self.bus.read(self.address, m.INBOX_STATUS, m.INBOX_STATUS_WORDS, urgent)
        for at in range(0, m.INBOX_STATUS_WORDS, 3):
            if words[at] == frame:
                return words[at + 1], words[at + 2]
        return None

    async def _window(self, cursor: list[int]) -> list[int]:
        count = min(max(self._lengths) + _SPARE_WORDS, m.WINDOW_WORDS)
        words = await self._windowed(cursor, count)
        size = m.WINDOW_HEAD_WORDS + (words[0] + 1) // 2
        if count < size <= m.WINDOW_WORDS:
            words += await self.bus.read(self.address, m.WINDOW + count, size - count)
        if words[0]:
            self._lengths.append(min(size, m.WINDOW_WORDS))
        return words

    async def _windowed(self, cursor: list[int], count: int) -> list[int]:
        if self._has_fc23:
            try:
                return await self.bus.write_read(self.address, m.CURSOR, cursor, m.WINDOW, count)
            except ModbusRefused as error:
                if error.exception != _ILLEGAL_FUNCTION:
                    raise
                self._has_fc23 = False
        await self.bus.write(self.address, m.CURSOR, cursor)
        return await self.bus.read(self.address, m.WINDOW, count)

    def _unpacked(self, words: list[int]) -> tuple[int, bytes] | None:
        size = words[0]
        if size == 0:
            return None
        if size > MAX_RECORD_BYTES:
            raise WrongReply(f"a window of {size} bytes", self.where)
        return words[1], m.from_words(words[m.WINDOW_HEAD_WORDS :], size)
