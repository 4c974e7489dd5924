"""What the emulated chip asks of the machine it runs on: a few calls of the C library.

Signals with their default action stand in for events that no firmware can catch: SIGALRM is the
watchdog's bite, SIGPWR the loss of mains. SIGKILL is a power cut at that very instant.
"""

import socket
import struct
from array import array

import ffi

SIGPWR = 30
EXIT_RETURNED = 0
EXIT_EXCEPTION = 1
EXIT_RESET = 3
EXIT_FLASH_CORRUPT = 4
EXIT_FLASH_BUSY = 5
EXIT_SOFT_RESET = 6
EXIT_SOFT_RESET_RAW = 7

_O_RDWR = 0o2
_O_RDWR_NOCTTY_NONBLOCK = 0o2 | 0o400 | 0o4000
_O_PATH = 0o10000000
_O_ASYNC = 0o20000
_LOCK_EX_NB = 2 | 4
_F_SETFL = 4
_F_SETOWN = 8
_F_SETSIG = 10
_FIONREAD = 0x541B
_MAX_SUN_PATH = 107

_libc = ffi.open("libc.so.6")
_exit = _libc.func("v", "_exit", "i")
_open = _libc.func("i", "open", "si")
_fcntl = _libc.func("i", "fcntl", "iil")
_ioctl = _libc.func("i", "ioctl", "iLp")
_flock = _libc.func("i", "flock", "ii")
_getpid = _libc.func("i", "getpid", "")
_setitimer = _libc.func("i", "setitimer", "ipp")
_rename = _libc.func("i", "rename", "ss")
_tcflush = _libc.func("i", "tcflush", "ii")
_ppoll = _libc.func("i", "ppoll", "pLpp")
_no_timer = array("l", (0, 0, 0, 0))
_count = array("i", (0,))


def leave(code):
    """End the process now: no `finally` runs, as none would at a chip's reset."""
    _exit(code)


def open_tty(path):
    """A non-blocking stream on a serial device; what was received before is dropped."""
    fd = _open(path, _O_RDWR_NOCTTY_NONBLOCK)
    if fd < 0:
        raise OSError("no serial device " + path)
    _tcflush(fd, 0)
    return open(fd, "r+b")


def open_shared(path):
    """A stream on a file that another process has mapped."""
    fd = _open(path, _O_RDWR)
    if fd < 0:
        raise OSError("no file " + path)
    return open(fd, "r+b")


def rename(old, new):
    """Move a file over another in one step (VfsPosix.rename fails below a root of its own)."""
    if _rename(old, new) < 0:
        raise OSError("rename to " + new)


def unread(fd):
    """Bytes received on `fd` and not yet read."""
    _ioctl(fd, _FIONREAD, _count)
    return _count[0]


class Waiter:
    """Waits for descriptors in numbered places: an array of C's `struct pollfd`.

    A place is two ints: the descriptor (negative: none), and what is waited for in the lower half
    of the second, what was seen in the upper.
    """

    def __init__(self):
        self._polled = array("i")
        self._until = array("l", (0, 0))

    def set(self, at, fd, mask):
        """Wait for `mask` on `fd` in place `at`; places are made in order."""
        polled = self._polled
        if 2 * at == len(polled):
            polled.extend(array("i", (fd, mask)))
        else:
            polled[2 * at] = fd
            polled[2 * at + 1] = mask

    def change(self, at, mask):
        """Wait for `mask` in place `at` from now on."""
        self._polled[2 * at + 1] = mask

    def mask(self, at):
        """What place `at` waits for."""
        return self._polled[2 * at + 1] & 0xFFFF

    def event(self, at):
        """What the last wait saw in place `at`."""
        return self._polled[2 * at + 1] >> 16

    def wait(self, count, real_us):
        """Wait in the first `count` places, for ever if `real_us` is negative; whether one is
        ready."""
        until = None
        if real_us >= 0:
            until = self._until
            until[0] = real_us // 1000000
            until[1] = real_us % 1000000 * 1000
        return _ppoll(self._polled, count, until, None) > 0


def lock(fd):
    """Take the file for this process alone; False if another has it."""
    return _flock(fd, _LOCK_EX_NB) == 0


def alarm(real_us):
    """Have SIGALRM end this process in `real_us`, unless called again before."""
    value = array("l", (0, 0, real_us // 1000000, real_us % 1000000))
    _setitimer(0, value, _no_timer)


def connect_unix(path):
    """A connected stream socket; paths longer than sun_path go through their directory's fd."""
    if len(path) > _MAX_SUN_PATH:
        cut = path.rfind("/")
        path = "/proc/self/fd/%d%s" % (_open(path[:cut], _O_PATH), path[cut:])
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.connect(struct.pack("H", socket.AF_UNIX) + path.encode() + b"\0")
    except OSError:
        link.close()
        raise
    return link


def die_with(link):
    """Have SIGPWR end this process when the other end of `link` goes away, or says anything."""
    fd = link.fileno()
    _fcntl(fd, _F_SETOWN, _getpid())
    _fcntl(fd, _F_SETSIG, SIGPWR)
    _fcntl(fd, _F_SETFL, _O_ASYNC)
