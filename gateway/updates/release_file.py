"""Release files, taken apart: a CBOR sequence (docs/wire-format.md, "Firmware releases")."""

import hashlib
from dataclasses import dataclass

from gateway.updates.errors import BadReleaseFile
from wireformat import cbor, cose, registry
from wireformat.errors import WireError
from wireformat.listing import ENTRY_BYTES, read_entry
from wireformat.release import Release

MAGIC = "truewatt release 1"
MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True)
class ReleaseFile:
    """A release; `files`: path below a slot -> bytes, in the listing's order."""

    certificate: bytes
    signed: bytes
    record: Release
    listing: bytes
    files: dict[str, bytes]


def read(data: bytes, where: str) -> ReleaseFile:
    """Take a release file apart and check its hashes; the signature is the board's to judge.

    Raises `BadReleaseFile`.
    """
    try:
        return _read(data, where)
    except WireError as error:
        raise BadReleaseFile(str(error), where) from None


def entries_of(listing: bytes) -> list[tuple[str, int, bytes]]:
    """(path, size, SHA-256) of a listing's entries. Raises `WireError`."""
    found, at = [], 0
    while at < len(listing):
        name, size, digest, used = read_entry(listing[at : at + ENTRY_BYTES])
        found.append((name, size, digest))
        at += used
    return found


def _read(data: bytes, where: str) -> ReleaseFile:
    if len(data) > MAX_FILE_BYTES:
        raise BadReleaseFile(f"{len(data)} bytes are no release", where)
    items = cbor.Reader(data)
    if items.item(0) != MAGIC:
        raise BadReleaseFile("no release file of this version", where)
    certificate, signed, listing = (_bytes(items, where) for _ in range(3))
    envelope = cose.split(signed, registry.MAX_RECORD_BYTES)
    record = Release.from_payload(envelope.payload)
    if hashlib.sha256(listing).digest() != record.listing:
        raise BadReleaseFile("its list of files was altered", where)
    files = {}
    for path, size, digest in entries_of(listing):
        files[path] = content = _bytes(items, where)
        if len(content) != size or hashlib.sha256(content).digest() != digest:
            raise BadReleaseFile(f"{path} was altered", where)
    if items.at != len(data):
        raise BadReleaseFile("bytes follow its last file", where)
    return ReleaseFile(certificate, signed, record, listing, files)


def _bytes(items: cbor.Reader, where: str) -> bytes:
    item = items.item(0)
    if not isinstance(item, bytes):
        raise BadReleaseFile("something else where bytes should be", where)
    return item
