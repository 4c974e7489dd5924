"""Times on a serial line, by its baud rate and parity. Pure arithmetic, in seconds.

A byte takes 10 bits, or 11 with parity. Frames are parted by at least 3.5 characters of silence, or
1.75 ms above 19200 baud (Modbus over serial line V1.02, section 2.5.1.1).
"""

from gateway.config import BusConfig, tcp_address

SILENT_CHARS = 3.5
FAST_BAUD, FAST_SILENCE_S = 19_200, 0.001_75

READ_HOLDING, READ_INPUT, READ_WRITE, WRITE_MULTIPLE = 3, 4, 23, 16
READ_COILS, WRITE_COIL = 1, 5
READ_REQUEST_BYTES, READ_HEAD_BYTES = 8, 5
WRITE_HEAD_BYTES, WRITE_REPLY_BYTES, READ_WRITE_HEAD_BYTES = 9, 8, 13


def byte_s(config: BusConfig) -> float:
    """One byte on the wire; none on TCP, whose bytes are not what takes time."""
    if tcp_address(config.port) is not None:
        return 0.0
    return (10 if config.parity == "N" else 11) / config.baud


def silence_s(config: BusConfig) -> float:
    """The least silence between two frames."""
    if tcp_address(config.port) is not None:
        return 0.0
    return FAST_SILENCE_S if config.baud > FAST_BAUD else SILENT_CHARS * byte_s(config)


def gap_s(config: BusConfig) -> float:
    """From a reply's end to the next request: the line's silence, or more where configured."""
    return max(silence_s(config), config.gap_ms / 1000)


def request_bytes(function: int, written: int) -> int:
    """Length of a request that writes `written` registers."""
    if function == READ_WRITE:
        return READ_WRITE_HEAD_BYTES + 2 * written
    return WRITE_HEAD_BYTES + 2 * written if function == WRITE_MULTIPLE else READ_REQUEST_BYTES


def reply_bytes(function: int, read: int) -> int:
    """Length of a whole reply with `read` registers or coils, from the address to the CRC."""
    if function == READ_COILS:
        return READ_HEAD_BYTES + (read + 7) // 8
    wrote = function in (WRITE_MULTIPLE, WRITE_COIL)
    return WRITE_REPLY_BYTES if wrote else READ_HEAD_BYTES + 2 * read
