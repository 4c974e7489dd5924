"""The list of a release's files: a CBOR sequence (RFC 8742) of `[path, size, SHA-256]`.

Paths ascend. A board reads it entry by entry and never holds all of it.
"""

from wireformat import cbor
from wireformat.errors import RecordError

PATH_CHARS = 60
ENTRY_BYTES = PATH_CHARS + 45
"""No entry is longer: head, path with its head, size, digest with its head."""
MAX_FILE_BYTES = 65535

_DIGEST_BYTES = 32
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789_-./"


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
