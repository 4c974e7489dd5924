"""The slot that does not run, on its way to a whole release.

Its manifest goes first and comes last, so that the boot stage never takes it for whole before it
is. Long work is in generators that yield after each piece of a file: a board at its cable drains
them, one at work lets its tasks run in between.
"""

import binascii
import hashlib
import json
import os

from core import paths
from update.errors import HalfImage, NoRoom
from update.slots import LISTING, MANIFEST, folder, running
from wireformat.errors import WireError
from wireformat.release import ENTRY_BYTES, read_entry

_PIECE_BYTES = 512
_RESERVE_BLOCKS = 32
"""Folders take two blocks each, and a file and its successor are both there for a moment."""


class Staging:
    """The slot beside the running one, for `release` (a wireformat Release)."""

    def __init__(self, release: object, slots: object) -> None:
        self.release = release
        self.slots = slots
        self.old = folder(running())
        self.new = folder(1 - running())
        self._buffer = bytearray(_PIECE_BYTES)

    # ---- the listing ---------------------------------------------------------------------------

    def begin(self) -> None:
        """From here on that slot is not whole. Raises `StorageError`."""
        self.slots.cancel()
        remove(self._path(MANIFEST))
        make_folders(self._path(MANIFEST))

    def has_listing(self) -> bool:
        """Whether the listing is there, and the one that was signed."""
        return self.digest(self._path(LISTING)) == self.release.listing

    def entries(self) -> object:
        """(path, size, SHA-256) of each file, in order. Raises `HalfImage`."""
        path = self._path(LISTING)
        at = count = total = 0
        last = ""
        with open(path, "rb") as file:
            while True:
                file.seek(at)
                data = file.read(ENTRY_BYTES)
                if not data:
                    break
                try:
                    name, size, digest, used = read_entry(data)
                except WireError as error:
                    raise _half(str(error), path)
                if name <= last or name in (MANIFEST, LISTING):
                    raise _half("%s is out of order or not to be listed" % name, path)
                at += used
                count += 1
                total += size
                last = name
                yield name, size, digest
        if (count, total) != (self.release.files, self.release.size):
            raise _half("%d files with %d bytes" % (count, total), path)

    # ---- files ---------------------------------------------------------------------------------

    def tidy_steps(self) -> object:
        """Remove what the listing does not name, after making sure that all fits.

        Raises `NoRoom`, `HalfImage`.
        """
        known = set()
        needed = 0
        block = os.statvfs("/")[1]
        for name, size, _ in self.entries():
            known.add(_mark(name))
            there = _size_of(self._path(name)) or 0
            needed += max(0, _blocks(size, block) - _blocks(there, block))
            yield
        for path in list(_files(self.new)):
            name = path[len(self.new) + 1 :]
            if name != LISTING and _mark(name) not in known:
                os.remove(path)
            yield
        self._require_room(needed + _RESERVE_BLOCKS, block)

    def _require_room(self, blocks: int, block: int) -> None:
        used = 0
        for path in _files(paths.JOURNAL):
            used += _blocks(_size_of(path) or 0, block)
        # The journal's own share is not for us: an update must not make it evict records.
        free = os.statvfs("/")[3] - max(0, self._journal_blocks(block) - used)
        if blocks > free:
            raise NoRoom(
                "%d KiB are needed, %d are free" % (blocks * block // 1024, free * block // 1024),
                "the board's filesystem",
                "give it a smaller journal_kib, or remove other files",
            )

    journal_kib = 0

    def _journal_blocks(self, block: int) -> int:
        return _blocks(self.journal_kib * 1024, block)

    def has(self, name: str, size: int, digest: bytes) -> bool:
        """Whether the new slot holds that file."""
        path = self._path(name)
        return _size_of(path) == size and self.digest(path) == digest

    def copy_steps(self, name: str, size: int, digest: bytes) -> object:
        """Take the file from the running slot if it is the same there; returns whether it was."""
        old = self.old + "/" + name
        if _size_of(old) != size or self.digest(old) != digest:
            return False
        new = self._path(name)
        make_folders(new)
        with open(old, "rb") as source, open(new + ".new", "wb") as target:
            while True:
                count = source.readinto(self._buffer)
                if not count:
                    break
                target.write(memoryview(self._buffer)[:count])
                yield
        os.rename(new + ".new", new)
        return True

    def finish_steps(self) -> object:
        """Check every file, then write the manifest: the slot is whole. Raises `HalfImage`."""
        if not self.has_listing():
            raise _half("the listing is not the one that was signed", self._path(LISTING))
        main = False
        for name, size, digest in self.entries():
            main = main or name == "main.py"
            if not self.has(name, size, digest):
                raise _half("missing, or not what was signed", self._path(name))
            yield
        if not main:
            raise _half("it has no main.py", self._path(LISTING))
        # All that are listed are there: one more is a stranger.
        if sum(1 for _ in _files(self.new)) != self.release.files + 1:
            raise _half("a file that is not listed", self.new)
        self._write_manifest()

    def _write_manifest(self) -> None:
        release = self.release
        listing = binascii.hexlify(release.listing).decode()
        facts = {
            "format": 2,
            "firmware": release.version,
            "index": release.index,
            "build": listing[:16],
            "listing": listing,
            "chip": release.chip,
            "role": release.role,
            "signed": True,
        }
        path = self._path(MANIFEST)
        with open(path + ".new", "wb") as file:
            file.write(json.dumps(facts).encode())
        os.rename(path + ".new", path)

    # ---- bytes ---------------------------------------------------------------------------------

    def digest(self, path: str) -> bytes:
        """SHA-256 of a file; nothing if it isn't there."""
        try:
            file = open(path, "rb")
        except OSError:
            return b""
        hasher = hashlib.sha256()
        view = memoryview(self._buffer)
        with file:
            while True:
                count = file.readinto(self._buffer)
                if not count:
                    return hasher.digest()
                hasher.update(view[:count])

    def _path(self, name: str) -> str:
        return self.new + "/" + name


def _mark(name: str) -> int:
    """A name as a small integer: a set of names would not fit beside a board at work."""
    return binascii.crc32(name.encode()) & 0x3FFFFFFF


def _half(what: str, where: str) -> HalfImage:
    return HalfImage(what, where, "send it again")


def make_folders(path: str) -> None:
    """The folders above `path`."""
    at = path.find("/", 1)
    while at > 0:
        try:
            os.mkdir(path[:at])
        except OSError:
            pass  # it is there
        at = path.find("/", at + 1)


def remove(path: str) -> None:
    """Remove a file, if it is there."""
    try:
        os.remove(path)
    except OSError:
        pass


def _files(top: str) -> object:
    """Paths of all files below a folder."""
    try:
        entries = list(os.ilistdir(top))
    except OSError:
        return
    for entry in entries:
        path = top + "/" + entry[0]
        if entry[1] & 0x4000:
            yield from _files(path)
        else:
            yield path


def _size_of(path: str) -> "int | None":
    try:
        return os.stat(path)[6]
    except OSError:
        return None


def _blocks(size: int, block: int) -> int:
    return -(-size // block)
