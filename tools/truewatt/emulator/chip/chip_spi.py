"""machine.SPI, and the digital side of an ATM90E32 behind it.

The chip's registers are a file that the electrical world keeps up to date (wires/atm90e32.py, which
has its layout), so that a word costs no switch to another process: a board reads sixteen of them
a poll. Whoever writes a part of it is alone in doing so.
"""

import struct as _struct

import chip_host as _host
import chip_pin as _pin

_HEAD_BYTES = 20
_PRODUCED, _CONSUMED = 4, 12  # two 32-bit counts each: forward, reverse
_COUNTERS = {0x80: 0, 0x84: 4}
_REGISTERS = 256
_METER_EN, _SOFT_RESET, _LAST_DATA, _UNLOCK = 0x00, 0x70, 0x78, 0x7F
_RESET_WORD, _UNLOCK_WORD = 0x789A, 0x55AA
_FIRST_MEASURED = 0x80
_path = None  # set at boot
_chip = None


class _Chip:
    def __init__(self, path):
        self._file = _host.open_shared(path)
        self._last = 0
        self.cs = self._word(0)

    def _word(self, at):
        self._file.seek(at)
        return _struct.unpack(">H", self._file.read(2))[0]

    def _put(self, at, data):
        self._file.seek(at)
        self._file.write(data)

    def transfer(self, address, value):
        """The word that goes out while `address` and `value` come in; None: no supply."""
        if not self._word(2):
            return None
        register = address & 0x3FF
        if address & 0x8000:
            value = self._read(register)
            self._last = value if register != _LAST_DATA else self._last
            return value
        self._last = value
        self._write(register, value)
        return 0

    def _read(self, register):
        if register == _LAST_DATA:
            return self._last
        if register in _COUNTERS:
            return self._taken(_COUNTERS[register])
        if register >= _FIRST_MEASURED and not self._word(_HEAD_BYTES + 2 * _METER_EN):
            return 0
        return self._word(_HEAD_BYTES + 2 * register) if register < _REGISTERS else 0

    def _taken(self, at):
        self._file.seek(_PRODUCED + at)
        produced = self._file.read(4)
        self._file.seek(_CONSUMED + at)
        consumed = self._file.read(4)
        self._put(_CONSUMED + at, produced)
        return _struct.unpack(">I", produced)[0] - _struct.unpack(">I", consumed)[0] & 0xFFFF

    def _write(self, register, value):
        if register == _SOFT_RESET and value == _RESET_WORD:
            self._put(_HEAD_BYTES, bytes(2 * _FIRST_MEASURED))
            self._taken(0)
            self._taken(4)
        elif register == _UNLOCK or (register < _UNLOCK and self._unlocked()):
            self._put(_HEAD_BYTES + 2 * register, _struct.pack(">H", value))

    def _unlocked(self):
        return self._word(_HEAD_BYTES + 2 * _UNLOCK) == _UNLOCK_WORD


def _plug_in(path):
    global _chip
    _chip = _Chip(path)
    _pin._on_board.add(_chip.cs)


class SPI:
    """machine.SPI as a controller of one chip; a transaction is four bytes in one call."""

    MSB = 0
    LSB = 1

    def __init__(self, id, baudrate=1000000, **options):
        if id not in (1, 2):
            raise ValueError("SPI(%s) does not exist" % id)
        self.init(baudrate, **options)

    def init(
        self,
        baudrate=1000000,
        *,
        polarity=0,
        phase=0,
        bits=8,
        firstbit=MSB,
        sck=None,
        mosi=None,
        miso=None,
    ):
        """Set clock and mode; pins change nothing here."""
        self._heard = (polarity, phase, bits, firstbit) == (1, 1, 8, SPI.MSB)

    def deinit(self):
        """Release the bus."""
        self._heard = False

    def write_readinto(self, write_buf, read_buf):
        """Send and receive at once. A line that nobody drives reads as ones."""
        out = None
        # Decoded before the answer goes in: both buffers may be the same.
        if _chip is not None and self._heard and len(write_buf) == 4 and _pin._low(_chip.cs):
            out = _chip.transfer(*_struct.unpack(">HH", write_buf))
        for at in range(len(read_buf)):
            read_buf[at] = 0xFF
        if out is not None:
            _struct.pack_into(">HH", read_buf, 0, 0, out)

    def read(self, nbytes, write=0x00):
        """Receive; without an address no register answers."""
        buf = bytearray(nbytes)
        self.readinto(buf, write)
        return bytes(buf)

    def readinto(self, buf, write=0x00):
        """Receive into `buf` while sending `write`s."""
        self.write_readinto(bytes([write]) * len(buf), buf)

    def write(self, buf):
        """Send; what comes in meanwhile is dropped."""
        self.write_readinto(buf, bytearray(len(buf)))
