"""How one record lies in a segment file.

16 bytes of header, little-endian: size u16, type code u8, layout u8, epoch u32, seq u32,
CRC-32 u32 (over the first 12 bytes and the record); then the signed record.
"""

import binascii
import struct

HEADER_BYTES = 16
_LAYOUT = 1
_HEAD = "<HBBII"
MAX_RECORD_BYTES = 240


def pack(code: int, epoch: int, seq: int, record: bytes) -> bytes:
    """The frame that holds `record`."""
    head = struct.pack(_HEAD, len(record), code, _LAYOUT, epoch, seq)
    crc = binascii.crc32(record, binascii.crc32(head))
    return head + struct.pack("<I", crc) + record


class Frame:
    """A frame's header as read from flash."""

    def __init__(self, head: bytes) -> None:
        self.size, self.code, self.layout, epoch, seq = struct.unpack_from(_HEAD, head)
        self.key = (epoch, seq)
        self._head = head

    def plausible(self) -> bool:
        """Whether this can be a header at all; erased or torn flash is not."""
        return self.layout == _LAYOUT and 0 < self.size <= MAX_RECORD_BYTES

    def matches(self, record: bytes) -> bool:
        """Whether `record` is complete and unharmed."""
        crc = binascii.crc32(record, binascii.crc32(self._head[:12]))
        return len(record) == self.size and crc == struct.unpack_from("<I", self._head, 12)[0]


def read_head(file: object) -> "Frame | None":
    """The header at the file's position, None at its end or where nothing valid follows."""
    head = file.read(HEADER_BYTES)
    if len(head) < HEADER_BYTES:
        return None
    frame = Frame(head)
    return frame if frame.plausible() else None
