"""CRC-16/MODBUS (Modbus over Serial Line V1.02, 6.2.2): polynomial 0xA001 reflected, start 0xFFFF.

On the line the low byte comes first.
"""

# ruff: noqa: F821  (viper's pointer types)
import micropython


def crc16(data: bytes, start: int = 0, end: int = -1) -> int:
    """CRC of `data[start:end]`, the whole by default."""
    return _run(data, start, len(data) if end < 0 else end)


@micropython.viper
def _run(data: ptr8, start: int, end: int) -> int:
    """Without a table, which takes 512 bytes: with this polynomial eight steps add up to shifts of
    the byte, and to 0xC001 where its parity is odd."""
    crc = 0xFFFF
    while start < end:
        byte = (crc ^ data[start]) & 0xFF
        odd = byte ^ byte >> 4
        odd = odd ^ odd >> 2
        odd = (odd ^ odd >> 1) & 1
        crc = crc >> 8 ^ byte << 6 ^ byte << 7 ^ 0xC001 * odd
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
