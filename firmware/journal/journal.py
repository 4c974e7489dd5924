"""Chained records on flash until they are acknowledged, and after that while there is room.

Segments of about 16 KiB on LittleFS, named by a growing number; only their bounds are in RAM.
A record counts as journalled when its segment file was closed: LittleFS then keeps it over a
power cut. A torn tail fails its CRC and is dropped by `recover`.
"""

import os

from core.errors import JournalError, JournalFull
from core.log import log
from journal import frames

SEGMENT_BYTES = 16384
_SUFFIX = ".seg"
_ENOSPC = 28  # MicroPython's errno has no name for it


class Segment:
    """Bounds of one segment file: first and last (epoch, seq), records, bytes that are valid."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.first = self.last = None
        self.count = 0
        self.end = 0

    def extend(self, key: tuple[int, int], size: int) -> None:
        """Take note of a record of `size` bytes under `key` at the end."""
        if self.first is None:
            self.first = key
        self.last = key
        self.count += 1
        self.end += frames.HEADER_BYTES + size


class Journal:
    """Records in the order of their (epoch, seq), which is the order of their signatures."""

    def __init__(self, folder: str, limit_bytes: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._limit_bytes = max(limit_bytes, 2 * segment_bytes)
        self._segment_bytes = segment_bytes
        self._segments = []
        self._sealed = True
        # Where the last look-up ended: a reader that goes forward finds the next one at once.
        self._seek = (-1, 0, (0, 0))
        # Asked for up to four times in a row: by the gateway, and by its ack.
        self._found = None
        self.acked = (0, 0)
        self.unacked = 0
        # Where the head that was walked over last ends, and the newest acknowledged one.
        self._walked = self._acked_end = (-1, 0)

    # ---- start -------------------------------------------------------------------------------

    def recover(self, acked: "tuple[int, int]") -> "bytes | None":
        """Read what the last run left; returns the newest record, if any.

        `acked` is the position of the last acknowledged record, (0, 0) if none.
        """
        try:
            os.mkdir(self._folder)
        except OSError:
            pass  # it is there
        names = sorted(name for name in os.listdir(self._folder) if name.endswith(_SUFFIX))
        for name in names:
            self._scan(int(name[: -len(_SUFFIX)], 16))
        self.acked = acked
        self.unacked = sum(1 for _ in self._heads_after(acked))
        return self.newest_of(None)

    def _scan(self, number: int) -> None:
        segment = Segment(number)
        path = self._path(number)
        with open(path, "rb") as file:
            frame = frames.read_head(file)
            offset = 0
            while frame is not None:
                offset += frames.HEADER_BYTES + frame.size
                # One spoilt record does not hide those behind it.
                if frame.matches(file.read(frame.size)):
                    segment.extend(frame.key, frame.size)
                    segment.end = offset
                frame = frames.read_head(file)
        torn = _size_of(path) != segment.end
        if torn:
            log("journal", "torn tail dropped in %s" % path)
        if segment.count:
            self._segments.append(segment)
            # Never append behind a torn tail.
            self._sealed = torn
        else:
            os.remove(path)

    def newest_of(self, code: "int | None") -> "bytes | None":
        """The newest record of type `code` (None: of any type) on flash."""
        for segment in reversed(self._segments):
            newest = None
            for found, _, record in self._records_in(segment):
                if code is None or found == code:
                    newest = record
            if newest is not None:
                return newest
        return None

    # ---- writing -----------------------------------------------------------------------------

    def append(self, code: int, key: "tuple[int, int]", record: bytes) -> None:
        """Write a record and sync it. Raises `JournalFull` or `JournalError`.

        After an error the record is not journalled; the same bytes may be tried again.
        """
        frame = frames.pack(code, key[0], key[1], record)
        segment = self._tail(len(frame))
        try:
            self._write(self._path(segment.number), frame)
        except OSError as error:
            where = self._path(segment.number)
            self._sealed = _size_of(where) != segment.end
            if error.errno == _ENOSPC:
                raise JournalFull("no room for a record", where, "ack or evict older records")
            raise JournalError("write failed: %s" % error, where, "replace the board's flash")
        if segment.count == 0:
            self._segments.append(segment)
        self._sealed = False
        segment.extend(key, len(record))
        self.unacked += 1

    def _tail(self, size: int) -> Segment:
        """The segment that takes the next frame; a new one is listed once it holds a record."""
        if self._segments:
            tail = self._segments[-1]
            if not self._sealed and tail.end + size <= self._segment_bytes:
                return tail
            return Segment(self._free_number(tail.number + 1))
        return Segment(self._free_number(0))

    def _free_number(self, number: int) -> int:
        """Step over a file that a failed write left behind."""
        while True:
            path = self._path(number)
            try:
                os.stat(path)
            except OSError:
                return number
            try:
                os.remove(path)
            except OSError:
                number += 1

    @staticmethod
    def _write(path: str, frame: bytes) -> None:
        # Closing the file syncs it (lfs2_file_close).
        with open(path, "ab") as file:
            if file.write(frame) != len(frame):
                raise OSError(_ENOSPC)

    # ---- making room -------------------------------------------------------------------------

    def crowded(self) -> bool:
        """Whether the oldest segment must go before another record comes."""
        used = sum(segment.end for segment in self._segments)
        return len(self._segments) > 1 and used + self._segment_bytes > self._limit_bytes

    def unacked_in_oldest(self) -> "list[int] | None":
        """[first epoch, first seq, last epoch, last seq] that an eviction would lose, or None."""
        oldest = self._segments[0]
        if oldest.last <= self.acked:
            return None
        first = oldest.first
        if first <= self.acked:
            first = min(frame.key for frame in self._heads_in(oldest) if frame.key > self.acked)
        return [first[0], first[1], oldest.last[0], oldest.last[1]]

    def evict_oldest(self, tell: object = None) -> None:
        """Delete the oldest segment, after `tell` was called with its `unacked_in_oldest`.

        Raises `JournalFull` if only the segment in use is left.
        """
        if len(self._segments) < 2:
            raise JournalFull("nothing left to evict", self._folder, "free space on the flash")
        if tell is not None:
            tell(self.unacked_in_oldest())
        oldest = self._segments[0]
        self._found = None
        lost_count = sum(1 for frame in self._heads_in(oldest) if frame.key > self.acked)
        try:
            os.remove(self._path(oldest.number))
        except OSError as error:
            raise JournalError("can't evict: %s" % error, self._path(oldest.number), "")
        self._segments.pop(0)
        self.unacked -= lost_count

    def set_acked(self, key: "tuple[int, int]") -> None:
        """Take note that all records up to `key` are held elsewhere."""
        heads = self._heads_after(self.acked)
        for frame in heads:
            if frame.key > key:
                break
            self.unacked -= 1
            self._acked_end = self._walked
        heads.close()
        self.acked = key

    # ---- reading -----------------------------------------------------------------------------

    def find(self, epoch: int, seq: int) -> "tuple[int, tuple[int, int], bytes] | None":
        """The first record at or after (epoch, seq): (code, (epoch, seq), bytes), or None."""
        cursor = (epoch, seq)
        if self._found is not None and self._found[1] == cursor:
            return self._found
        for segment in self._segments:
            if segment.last < cursor:
                continue
            found = _first(self._records_in(segment, self._start(segment, cursor), cursor))
            if found is not None:
                self._found = found
                return found
        return None

    def records(self):
        """All records on flash, oldest first: (code, (epoch, seq), bytes)."""
        for segment in self._segments:
            for item in self._records_in(segment):
                yield item

    def _start(self, segment: Segment, cursor: "tuple[int, int]") -> int:
        number, offset, key = self._seek
        return offset if number == segment.number and key <= cursor else 0

    def _records_in(self, segment: Segment, offset: int = 0, cursor: tuple = (0, 0)):
        with open(self._path(segment.number), "rb") as file:
            file.seek(offset)
            while offset < segment.end:
                frame = frames.read_head(file)
                if frame is None:
                    return
                if frame.key < cursor:
                    file.seek(frame.size, 1)
                else:
                    record = file.read(frame.size)
                    if frame.matches(record):
                        self._seek = (segment.number, offset, frame.key)
                        yield frame.code, frame.key, record
                offset += frames.HEADER_BYTES + frame.size

    def _heads_in(self, segment: Segment, offset: int = 0):
        with open(self._path(segment.number), "rb") as file:
            file.seek(offset)
            while offset < segment.end:
                frame = frames.read_head(file)
                if frame is None:
                    return
                file.seek(frame.size, 1)
                offset += frames.HEADER_BYTES + frame.size
                self._walked = (segment.number, offset)
                yield frame

    def _heads_after(self, key: "tuple[int, int]"):
        """From what was acknowledged on, which is not walked over again."""
        number, offset = self._acked_end
        for segment in self._segments:
            if segment.last > key:
                for frame in self._heads_in(segment, offset if segment.number == number else 0):
                    if frame.key > key:
                        yield frame

    def _path(self, number: int) -> str:
        return "%s/%08x%s" % (self._folder, number, _SUFFIX)


def _first(items: object) -> object:
    """The first of a generator's items, None if there is none; closes it and so its file."""
    try:
        return next(items)
    except StopIteration:
        return None
    finally:
        items.close()


def _size_of(path: str) -> int:
    try:
        return os.stat(path)[6]
    except OSError:
        return 0
