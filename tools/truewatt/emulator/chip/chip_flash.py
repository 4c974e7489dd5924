"""NOR flash in a file, as a block device for LittleFS.

Bits go from 1 to 0 by programming and back only by erasing a 4 KiB sector. Writes reach the file
in program order, at most a page at a time, so that SIGKILL leaves what a power cut would: the
kernel keeps what was written.
"""

import chip_charges as _charges

BLOCK_BYTES = 4096
_PAGE_BYTES = 256
_ERASED = b"\xff" * BLOCK_BYTES
_IOCTL_BLOCK_COUNT = 4
_IOCTL_BLOCK_SIZE = 5
_IOCTL_BLOCK_ERASE = 6


class Flash:
    """A partition, with the methods of esp32.Partition that a filesystem needs."""

    def __init__(self, file):
        self._file = file
        self.block_count = file.seek(0, 2) // BLOCK_BYTES
        self._old = bytearray(_PAGE_BYTES)

    def readblocks(self, block_num, buf, offset=0):
        """Fill `buf` from `offset` in block `block_num` on."""
        self._file.seek(block_num * BLOCK_BYTES + offset)
        self._file.readinto(buf)

    def writeblocks(self, block_num, buf, offset=None):
        """Program `buf`; without an offset, erase the blocks first."""
        if offset is None:
            offset = 0
            for i in range((len(buf) + BLOCK_BYTES - 1) // BLOCK_BYTES):
                self.ioctl(_IOCTL_BLOCK_ERASE, block_num + i)
        at = block_num * BLOCK_BYTES + offset
        view = memoryview(buf)
        done = 0
        while done < len(buf):
            size = min(_PAGE_BYTES - (at + done) % _PAGE_BYTES, len(buf) - done)
            self._program(at + done, view[done : done + size])
            done += size

    def _program(self, at, data):
        file = self._file
        old = memoryview(self._old)[: len(data)]
        file.seek(at)
        file.readinto(old)
        if old != memoryview(_ERASED)[: len(data)]:
            data = bytes(new & was for new, was in zip(data, old))
        file.seek(at)
        file.write(data)
        _charges.program(len(data))

    def ioctl(self, op, arg):
        """The block device protocol."""
        if op == _IOCTL_BLOCK_COUNT:
            return self.block_count
        if op == _IOCTL_BLOCK_SIZE:
            return BLOCK_BYTES
        if op == _IOCTL_BLOCK_ERASE:
            self._file.seek(arg * BLOCK_BYTES)
            self._file.write(_ERASED)
            _charges.erase(1)
        return 0

    def is_blank(self):
        """Whether the first block was never written."""
        first = bytearray(BLOCK_BYTES)
        self.readblocks(0, first)
        return first == _ERASED
