"""A serial line's end as a pseudo-terminal with a fixed name."""

import array
import fcntl
import os
import pty
import termios
import tty
from pathlib import Path

_READ_BYTES = 4096


class Tty:
    """The world's side of one serial device, found by others at the symlink `path`.

    Holds the device's side open too, so that a program may come and go without hanging it up.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd, self._device = pty.openpty()
        tty.setraw(self._device)
        os.set_blocking(self.fd, False)
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")
        new.unlink(missing_ok=True)
        new.symlink_to(os.ttyname(self._device))
        new.replace(path)

    def read(self) -> bytes:
        """What the program on the device sent; empty if nothing."""
        try:
            return os.read(self.fd, _READ_BYTES)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """Hand bytes to the program on the device; what its buffer cannot take is lost."""
        try:
            os.write(self.fd, data)
        except BlockingIOError:
            return

    def unread(self) -> int:
        """Bytes that the program has not read yet."""
        count = array.array("i", [0])
        fcntl.ioctl(self._device, termios.FIONREAD, count)
        return count[0]

    def close(self) -> None:
        """Hang up."""
        self.path.unlink(missing_ok=True)
        os.close(self.fd)
        os.close(self._device)
