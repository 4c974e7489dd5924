"""CRC-16/MODBUS (Modbus over Serial Line V1.02, 6.2.2): polynomial 0xA001 reflected, start 0xFFFF.

On the line the low byte comes first.
"""

# ruff: noqa: F821  (viper's pointer types)
import array

import micropython


def _table() -> "array.array":
    table = array.array("H", bytes(512))
    for index in range(256):
        crc = index
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
        table[index] = crc
    return table


_TABLE = _table()


def crc16(data: bytes, start: int = 0, end: int = -1) -> int:
    """CRC of `data[start:end]`, the whole by default."""
    return _run(data, start, len(data) if end < 0 else end)


@micropython.viper
def _run(data: ptr8, start: int, end: int) -> int:
    table = ptr16(_TABLE)
    crc = 0xFFFF
    while start < end:
        crc = crc >> 8 ^ table[(crc ^ data[start]) & 0xFF]
        start += 1
    return crc


def seal(frame: bytes) -> bytes:
    """`frame` with its CRC behind it."""
    crc = crc16(frame)
    return frame + bytes((crc & 0xFF, crc >> 8))


def sealed(data: bytes, start: int, end: int) -> bool:
    """Whether `data[start:end]` ends with its own CRC."""
    crc = crc16(data, start, end - 2)
    return data[end - 2] == crc & 0xFF and data[end - 1] == crc >> 8
