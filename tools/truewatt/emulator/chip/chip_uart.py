"""machine.UART over a serial device of the machine; asyncio polls its file descriptor."""

import io as _io
import select as _select

import chip_clock as _clock
import chip_host as _host
import utime as _utime

_STREAM_POLL = 3
_STREAM_GET_FILENO = 10
_devices = {}
_open_files = {}
# On a paced bus `flush` lasts as long as the bits take; set at boot.
_paced = False


def _file(id):
    if id not in _devices:
        raise ValueError("UART(%s) does not exist" % id)
    if id not in _open_files:
        _open_files[id] = _host.open_tty(_devices[id])
    return _open_files[id]


class UART(_io.IOBase):
    """machine.UART."""

    INV_TX = 32
    INV_RX = 4

    def __init__(self, id, baudrate=9600, bits=8, parity=None, stop=1, **options):
        self._id = id
        self._stream = _file(id)
        self._sent_us = _clock.ticks_us()
        self._timeout_ms = 0
        self.init(baudrate, bits, parity, stop, **options)

    def init(
        self,
        baudrate=9600,
        bits=8,
        parity=None,
        stop=1,
        *,
        tx=None,
        rx=None,
        txbuf=256,
        rxbuf=256,
        timeout=0,
        timeout_char=0,
        invert=0,
    ):
        """Set the line's format; pins, buffers and inversion change nothing here."""
        if baudrate <= 0 or bits not in (7, 8) or parity not in (None, 0, 1) or stop not in (1, 2):
            raise ValueError("invalid UART format")
        bits_per_char = 1 + bits + (0 if parity is None else 1) + stop
        self._char_us = bits_per_char * 1000000 // baudrate if _paced else 0
        self._timeout_ms = timeout

    def deinit(self):
        """Close the line."""
        self._stream.close()
        _open_files.pop(self._id, None)

    def ioctl(self, request, arg):
        """The stream protocol: hands out the descriptor, so that polling is the kernel's."""
        if request == _STREAM_GET_FILENO:
            return self._stream.fileno()
        if request == _STREAM_POLL:
            ready = arg & _select.POLLOUT
            return ready | (arg & _select.POLLIN if self.any() else 0)
        return 0

    def _descriptor(self):
        return self._stream.fileno()

    def any(self):
        """Bytes that can be read without waiting."""
        return _host.unread(self._stream.fileno())

    def _wait(self):
        start = _clock.ticks_ms()
        while not self.any():
            if _utime.ticks_diff(_clock.ticks_ms(), start) >= self._timeout_ms:
                return
            _clock.sleep_us(1000)

    def read(self, nbytes=-1):
        """Up to `nbytes` received bytes; None if there are none within `timeout`."""
        if self._timeout_ms:
            self._wait()
        data = self._stream.read(self.any() if nbytes < 0 else nbytes)
        return data or None

    def readinto(self, buf, nbytes=-1):
        """Like `read`, into `buf`; the count or None."""
        self._wait()
        into = buf if nbytes < 0 else memoryview(buf)[:nbytes]
        return self._stream.readinto(into) or None

    def readline(self):
        """Received bytes up to a newline; None if there are none within `timeout`."""
        self._wait()
        return self._stream.readline() or None

    def write(self, buf):
        """Queue bytes for sending; the count, or None if the line takes none."""
        count = self._stream.write(buf)
        if count and self._char_us:
            now = _clock.ticks_us()
            if _utime.ticks_diff(self._sent_us, now) < 0:
                self._sent_us = now
            self._sent_us = _utime.ticks_add(self._sent_us, count * self._char_us)
        return count

    def txdone(self):
        """Whether the last bit has left."""
        return _utime.ticks_diff(self._sent_us, _clock.ticks_us()) <= 0

    def flush(self):
        """Wait until the last bit has left."""
        _clock.sleep_us(_utime.ticks_diff(self._sent_us, _clock.ticks_us()))
