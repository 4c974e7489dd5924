"""Frames for the board that arrive in chunks: reassembly, a short queue, a status for each.

A link owns one inbox with its own token bucket. Frame ids are the sender's; the same id with the
same bytes is a repetition of a lost answer and is not processed again unless it was refused.
What is not worth its curve work is refused as it arrives: it takes no place in the queue, and its
status makes room before those of frames that still wait. A frame with a ticket (`codes.TICKETED`)
goes first, finds a place in a full queue, and its status stays until others with a ticket came.
None waits for the check of a lesser one: that begins again behind it.
"""

import asyncio
import binascii

from core.bucket import TokenBucket
from journal.frames import MAX_RECORD_BYTES
from wireformat import codes, modbus_map
from wireformat.control import Command

_QUEUE_FRAMES, _QUEUE_TICKETED = 4, 8
_BUCKET_TOKENS = 8
_BUCKET_REFILL_MS = 500


class Entry:
    """A frame and what became of it."""

    def __init__(self, frame_id: int, code: int, total: int) -> None:
        self.frame_id = frame_id
        self.code = code
        self.total = total
        # What has arrived of it; while it waits, what the gate made of it.
        self.data: object = bytearray()
        self.crc = 0
        # The higher, the sooner it is checked: 2 with a ticket, and 1 for a command.
        self.rank = 0
        self.status = codes.INBOX_PARTIAL
        self.reason = codes.R_NONE


class Inbox:
    """Takes chunks, hands complete frames to `gate`, reports the newest four."""

    def __init__(self, gate: object, liveness: object, name: str = "inbox") -> None:
        self._gate = gate
        self._name = name
        self._liveness = liveness
        self._bucket = TokenBucket(_BUCKET_TOKENS, _BUCKET_REFILL_MS)
        self._entries = []
        self._queue = []
        self._rank = 0
        self._arrived = asyncio.Event()
        self.last_frame = 0
        # Called with each frame that has ended.
        self.finished = lambda entry: None

    def put(self, chunk: bytes) -> int:
        """A chunk as written to the inbox registers; codes.R_NONE, R_MALFORMED or R_BUSY."""
        head = 2 * modbus_map.INBOX_HEAD_WORDS
        if len(chunk) <= head:
            return codes.R_MALFORMED
        frame_id = chunk[0] << 8 | chunk[1]
        code, total = chunk[2], chunk[3]
        offset = chunk[4] << 8 | chunk[5]
        if not 0 < total <= MAX_RECORD_BYTES or offset >= total:
            return codes.R_MALFORMED
        part = chunk[head : head + total - offset]
        entry = self._entry(frame_id, code, total, offset, part)
        if entry is None:
            return codes.R_MALFORMED
        return self._extend(entry, offset, part)

    def status(self) -> bytes:
        """The status registers' bytes: newest first (frame id, INBOX_*, R_*)."""
        out = bytearray()
        for entry in self._entries:
            for word in (entry.frame_id, entry.status, entry.reason):
                out.extend(word.to_bytes(2, "big"))
        return bytes(out) + bytes(2 * modbus_map.INBOX_STATUS_WORDS - len(out))

    async def run(self) -> None:
        """Process complete frames for ever, one at a time, those of the highest rank first."""
        while True:
            if not self._queue:
                self._liveness.rest(self._name)
                self._arrived.clear()
                await self._arrived.wait()
            self._liveness.beat(self._name)
            entry = self._queue.pop(0)
            self._rank = entry.rank
            reason = await self._gate.finish(entry.data, self._outranked)
            if reason is None:
                self._wait(entry)
            else:
                self._ended(entry, reason)

    def _ended(self, entry: Entry, reason: int) -> None:
        entry.data = None
        entry.reason = reason
        entry.status = codes.INBOX_REFUSED if reason else codes.INBOX_ACCEPTED
        self.last_frame = entry.frame_id
        self.finished(entry)

    def _outranked(self) -> bool:
        """Whether a frame waits that is worth more than the one being checked."""
        return bool(self._queue) and self._queue[0].rank > self._rank

    def _wait(self, entry: Entry) -> None:
        at = len(self._queue)
        while at and self._queue[at - 1].rank < entry.rank:
            at -= 1
        self._queue.insert(at, entry)

    def _entry(
        self, frame_id: int, code: int, total: int, offset: int, part: bytes
    ) -> "Entry | None":
        """The frame that a chunk belongs to; a new one begins at offset 0."""
        for entry in self._entries:
            if entry.frame_id == frame_id and entry.total == total:
                repeated = entry.status in (codes.INBOX_PENDING, codes.INBOX_ACCEPTED)
                # Whole in one chunk, it waits for nobody's beginning under its id.
                part_of = offset > 0 or len(part) < total
                same = part_of or binascii.crc32(part) == entry.crc
                if (part_of and entry.status == codes.INBOX_PARTIAL) or (repeated and same):
                    return entry
        if offset:
            return None
        entry = Entry(frame_id, code, total)
        known = self._entries = [
            old
            for old in self._entries
            if old.rank > 1 or (old.status != codes.INBOX_PARTIAL and old.frame_id != frame_id)
        ]
        # Behind those with a ticket, of which one makes room only if there are no others: then the
        # oldest that was refused, else the oldest that has ended, else the oldest.
        most = modbus_map.INBOX_STATUS_FRAMES - 1
        at = 0
        while at < min(len(known), most) and known[at].rank > 1:
            at += 1
        if len(known) > most:
            known.pop(max(range(most, at - 1, -1), key=lambda place: known[place].status))
        known.insert(at, entry)
        return entry

    def _extend(self, entry: Entry, offset: int, part: bytes) -> int:
        if entry.status != codes.INBOX_PARTIAL or offset < len(entry.data):
            return codes.R_NONE  # a repetition
        if offset > len(entry.data):
            return codes.R_MALFORMED
        entry.data.extend(part)
        return self._whole(entry) if len(entry.data) == entry.total else codes.R_NONE

    def _whole(self, entry: Entry) -> int:
        """Judge a frame that is complete, and queue it if it is worth its curve work."""
        data, bucket, room = bytes(entry.data), self._bucket, _QUEUE_FRAMES
        entry.crc = binascii.crc32(data)
        if entry.code == codes.TICKETED and entry.total > codes.TICKET_BYTES:
            ticket, entry.code = data[: codes.TICKET_BYTES], data[codes.TICKET_BYTES]
            data = data[codes.TICKET_BYTES + 1 :]
            if self._gate.redeem(ticket):
                bucket, room, entry.rank = None, _QUEUE_TICKETED, 2
                self._entries.remove(entry)
                self._entries.insert(0, entry)
        entry.rank += entry.code == Command.CODE
        if len(self._queue) >= room:
            self._ended(entry, codes.R_BUSY)
            return codes.R_BUSY
        reason, entry.data = self._gate.admit(entry.code, data, bucket)
        if reason:
            self._ended(entry, reason)
            return codes.R_NONE
        entry.status = codes.INBOX_PENDING
        self._wait(entry)
        self._liveness.beat(self._name)  # from now on it must not be long
        self._arrived.set()
        return codes.R_NONE
