"""The kernel's own driver enable: a UART whose RTS switches an RS-485 transceiver between its ways.

`struct serial_rs485` of linux/serial.h, 32 bytes: flags, delay before and after sending in ms, and
five words that must be 0. USB adapters and most HATs switch by themselves and need none of it.
"""

import fcntl
import struct

from gateway.collect.errors import NoDriverEnable
from gateway.driver_enable import Rs485Config

TIOCGRS485, TIOCSRS485 = 0x542E, 0x542F
ENABLED, RTS_ON_SEND, RTS_AFTER_SEND = 1 << 0, 1 << 1, 1 << 2

_LAYOUT = struct.Struct("=8I")
_CHECKED = ENABLED | RTS_ON_SEND | RTS_AFTER_SEND


def packed(config: Rs485Config) -> bytes:
    """The kernel's structure. RTS has one level while sending, the other at all other times."""
    flags = ENABLED | (RTS_ON_SEND if config.rts_on_send else RTS_AFTER_SEND)
    return _LAYOUT.pack(flags, config.delay_before_ms, config.delay_after_ms, *[0] * 5)


def enable(fd: int, config: Rs485Config, where: str) -> None:
    """Let the kernel switch. Raises `NoDriverEnable` if this port's driver can't, or doesn't.

    A driver may take the request and leave out what it can't do: it is asked what it does.
    """
    wanted = packed(config)
    try:
        fcntl.ioctl(fd, TIOCSRS485, wanted)
        found = fcntl.ioctl(fd, TIOCGRS485, bytes(_LAYOUT.size))
    except OSError as error:
        raise NoDriverEnable(f"its driver has no RS-485 mode: {error.strerror}", where) from error
    check(wanted, found, where)


def check(wanted: bytes, found: bytes, where: str) -> None:
    """Raise `NoDriverEnable` unless the port does what was asked; longer delays are as good."""
    flags, before_ms, after_ms = _LAYOUT.unpack(wanted)[:3]
    has, has_before_ms, has_after_ms = _LAYOUT.unpack(found)[:3]
    if flags != has & _CHECKED:
        raise NoDriverEnable(f"flags {has:#x} where {flags:#x} was asked", where)
    if has_before_ms < before_ms or has_after_ms < after_ms:
        text = f"delays {has_before_ms} and {has_after_ms} ms, not {before_ms} and {after_ms}"
        raise NoDriverEnable(text, where)
