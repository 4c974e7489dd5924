"""The slot that does not run, on its way to a whole release.

Its manifest goes first and comes last, so that the boot stage never takes it for whole before it
is. Long work is in generators that yield after each piece of a file: a board at its cable drains
them, one at work lets its tasks run in between.
"""

import binascii
import hashlib
import os
import sys

from core import paths
from update.errors import UpdateError
from wireformat.errors import WireError
from wireformat.listing import ENTRY_BYTES, read_entry

MANIFEST = "firmware.json"
LISTING = "files.cbor"

_PIECE_BYTES = 512
_RESERVE_BLOCKS = 32
"""Folders take two blocks each, and a file and its successor are both there for a moment."""


class Staging:
    """The slot beside the running one, for the release whose `update.offer.Offer.facts` these are.

    `journal_kib`: the journal's share of the flash, which is not for an update.
    """

    def __init__(self, accepted: tuple, journal_kib: int) -> None:
        self.index, self.listing, self.files, self.size, self.manifest = accepted
        self._journal_kib = journal_kib
        # The folder that this code came from is first on the path (stage/start.py).
        self.old, self.new = ("/b", "/a") if sys.path[0] == "/b" else ("/a", "/b")
        self._buffer = bytearray(_PIECE_BYTES)

    # ---- the listing ---------------------------------------------------------------------------

    def begin(self) -> None:
        """From here on that slot is not whole; a trial of it was cancelled before."""
        remove(self._path(MANIFEST))
        make_folders(self._path(MANIFEST))

    def has_listing(self) -> bool:
        """Whether the listing is there, and the one that was signed."""
        return self.digest(self._path(LISTING)) == self.listing

    def entries(self) -> object:
        """(path, size, SHA-256) of each file, in order. Raises `UpdateError` (HalfImage)."""
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
        if (count, total) != (self.files, self.size):
            raise _half("%d files with %d bytes" % (count, total), path)

    # ---- files ---------------------------------------------------------------------------------

    def tidy_steps(self) -> object:
        """Remove what the listing does not name, after making sure that all fits.

        Raises `UpdateError` (NoRoom, HalfImage).
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
        free = os.statvfs("/")[3] - max(0, _blocks(self._journal_kib * 1024, block) - used)
        if blocks > free:
            raise UpdateError(
                "NoRoom",
                "%d KiB are needed, %d are free" % (blocks * block // 1024, free * block // 1024),
                "the board's filesystem",
                "give it a smaller journal_kib, or remove other files",
            )

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
        """Check every file, then write the manifest: the slot is whole. Raises `UpdateError`."""
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
        if sum(1 for _ in _files(self.new)) != self.files + 1:
            raise _half("a file that is not listed", self.new)
        self._write_manifest()

    def _write_manifest(self) -> None:
        path = self._path(MANIFEST)
        with open(path + ".new", "wb") as file:
            file.write(self.manifest)
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


def _half(what: str, where: str) -> UpdateError:
    return UpdateError("HalfImage", what, where, "send it again")


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
