"""A firmware release: what an operator's release key signs.

The signed record is small, so that it travels as any other; it names the SHA-256 of the listing
(`wireformat.listing`), and that names each file.
"""

from wireformat.schema import U8, U32, Bytes, Record, Row, Text, Uint

EVERY_ROLE = 0
MAX_FILES = 255
MAX_BYTES = 512 * 1024
MPY_MASK = 0x3FFF
"""Of `sys.implementation._mpy`: version, sub-version and architecture of machine code."""


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
        (8, "listing", Bytes(32), False),  # SHA-256 of the listing
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
