"""A firmware release: what an operator's release key signs, and the list of files behind it.

The signed record is small, so that it travels as any other; it names the SHA-256 of the listing,
a CBOR sequence (RFC 8742) of `[path, size, SHA-256]` with paths in ascending order, and that names
each file. A board reads the listing entry by entry and never holds all of it.
"""

from wireformat import cbor
from wireformat.errors import RecordError
from wireformat.schema import U8, U32, Bytes, Record, Row, Text, Uint

EVERY_ROLE = 0
PATH_CHARS = 60
ENTRY_BYTES = PATH_CHARS + 45
"""No entry is longer: head, path with its head, size, digest with its head."""
MAX_FILES = 255
MAX_FILE_BYTES = 65536
MAX_BYTES = 512 * 1024
MPY_MASK = 0x3FFF
"""Of `sys.implementation._mpy`: version, sub-version and architecture of machine code."""

_DIGEST_BYTES = 32
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789_-./"


class Release(Record):
    """One release for one kind of board; signed with a key whose certificate says `release`.

    `index` is the roll-back index: a board refuses a lower one than the highest that it has
    confirmed. `role`: codes.METER, codes.MLMD, or EVERY_ROLE.
    """

    TYPE = "release"
    CODE = 13
    FIELDS = (
        (0, "version", Text(16), False),
        (1, "index", Uint(U32), False),
        (2, "role", Uint(U8), False),
        (3, "chip", Text(20), False),  # last word of `sys.implementation._machine`
        (4, "mpy", Uint(MPY_MASK), False),  # `sys.implementation._mpy` & MPY_MASK
        (5, "micropython", Row(Uint(U8), Uint(U8), Uint(U8)), False),  # the oldest that will do
        (6, "files", Uint(MAX_FILES), False),
        (7, "size", Uint(MAX_BYTES), False),  # bytes of all files
        (8, "listing", Bytes(_DIGEST_BYTES), False),  # SHA-256 of the listing
    )
    version: str
    index: int
    role: int
    chip: str
    mpy: int
    micropython: "list[int]"
    files: int
    size: int
    listing: bytes


def pack_entry(path: str, size: int, digest: bytes) -> bytes:
    """A file's entry in the listing. Raises `RecordError`."""
    fault = _fault(path, size, digest)
    if fault:
        raise RecordError(fault)
    return cbor.encode([path, size, digest])


def read_entry(data: bytes) -> "tuple[str, int, bytes, int]":
    """(path, size, SHA-256, length of the entry) of the entry at the start of `data`.

    `data` is the entry and what follows it, ENTRY_BYTES at most. Raises `WireError`.
    """
    reader = cbor.Reader(data)
    entry = reader.item(0)
    if not isinstance(entry, list) or len(entry) != 3:
        raise RecordError("a listing's entry is no [path, size, SHA-256]")
    path, size, digest = entry
    fault = _fault(path, size, digest)
    if fault:
        raise RecordError(fault)
    return path, size, digest, reader.at


def _fault(path: object, size: object, digest: object) -> str:
    if not isinstance(path, str) or not 1 <= len(path) <= PATH_CHARS:
        return "a path is no text of 1 to %d characters" % PATH_CHARS
    if any(char not in _ALPHABET for char in path):
        return "a path has another character than a-z 0-9 _ - . /"
    # Neither out of the slot's folder, nor into a hidden one.
    if any(part == "" or part[0] == "." for part in path.split("/")):
        return "a path is not below its folder"
    # A bool is an int to CPython.
    if type(size) is not int or not 0 <= size <= MAX_FILE_BYTES:
        return "a file's size is outside 0..%d" % MAX_FILE_BYTES
    if not isinstance(digest, bytes) or len(digest) != _DIGEST_BYTES:
        return "a file's SHA-256 is not %d bytes" % _DIGEST_BYTES
    return ""
