"""machine.I2C, and the digital side of an ADE7953 on it.

As on SPI (chip_spi), its registers are a file that the electrical world keeps up to date
(wires/ade7953.py, which has its layout); whoever writes a part of it is alone in doing so.
"""

import errno as _errno
import struct as _struct

import chip_host as _host

_ADDRESS = 0x38
_HEAD_BYTES = 20
_PRODUCED, _CONSUMED = 4, 12  # two 32-bit counts each: channel A, B
_ENERGY = (0x31E, 0x31F)
_LCYCMODE, _CONFIG, _UNLOCK, _OPTIMUM = 0x004, 0x102, 0x0FE, 0x120
_READ_CLEARS, _UNLOCK_BYTE, _SOFT_RESET = 0x40, 0xAD, 0x80
_WRITABLE = (0x000, 0x001, 0x004, 0x007, 0x008, 0x009, 0x0FE, 0x102, 0x108, 0x109, 0x120)
_FIRST_GAIN, _LAST_GAIN = 0x380, 0x397
_path = None  # set at boot
_chip = None


def _plug_in(path):
    global _chip
    _chip = _Chip(path)


class _Chip:
    def __init__(self, path):
        self._file = _host.open_shared(path)
        self._last = 0
        self._open = False

    def _get(self, at):
        self._file.seek(at)
        return _struct.unpack(">I", self._file.read(4))[0]

    def _put(self, at, value):
        self._file.seek(at)
        self._file.write(_struct.pack(">I", value & 0xFFFFFFFF))

    def _powered(self):
        return self._get(0) == 1

    def read(self, register, size):
        """The register's bytes; None: no acknowledge."""
        if not self._powered() or size != _size(register):
            return None
        if register & 0xFF == 0xFF:
            value = self._last
        elif _whole(register) in _ENERGY:
            value = self._taken(_whole(register) - _ENERGY[0])
        else:
            value = self._get(_HEAD_BYTES + 4 * _whole(register))
        self._last = value
        return (value & ((1 << 8 * size) - 1)).to_bytes(size, "big")

    def _taken(self, channel):
        produced = self._get(_PRODUCED + 4 * channel)
        counts = produced - self._get(_CONSUMED + 4 * channel) & 0xFFFFFF
        if self._get(_HEAD_BYTES + 4 * _LCYCMODE) & _READ_CLEARS:
            self._put(_CONSUMED + 4 * channel, produced)
        return counts - (1 << 24) if counts >> 23 else counts

    def write(self, register, data):
        """Take a write; False: no acknowledge."""
        if not self._powered() or len(data) != _size(register):
            return False
        value = int.from_bytes(data, "big")
        self._last = value
        allowed, self._open = self._open, register == _UNLOCK and value == _UNLOCK_BYTE
        register = _whole(register)
        if register == _OPTIMUM and not allowed:
            return True
        if register == _CONFIG and value & _SOFT_RESET:
            self._put(0, 2)  # the world resets it
        elif register in _WRITABLE or _FIRST_GAIN <= register <= _LAST_GAIN:
            self._put(_HEAD_BYTES + 4 * register, value)
        return True


def _size(register):
    return (1, 2, 3, 4)[register >> 8 & 3]


def _whole(register):
    """The same data are at 0x2.. in 24 bits and at 0x3.. in 32."""
    return register + 0x100 if register >> 8 == 2 else register


class I2C:
    """machine.I2C as a controller; what nobody acknowledges raises OSError, as the port does."""

    def __init__(self, id, *, scl=None, sda=None, freq=400000, timeout=50000):
        if id not in (0, 1):
            raise ValueError("I2C(%s) does not exist" % id)
        self.init(scl=scl, sda=sda, freq=freq)

    def init(self, *, scl=None, sda=None, freq=400000):
        """Set the clock; pins change nothing here. The chip follows up to 400 kHz."""
        self._heard = freq <= 400000

    def deinit(self):
        """Release the bus."""
        self._heard = False

    def scan(self):
        """Addresses that acknowledge."""
        return [_ADDRESS] if self._at(_ADDRESS) and _chip._powered() else []

    def _at(self, addr):
        return _chip is not None and self._heard and addr == _ADDRESS

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        """Write the register's address, then read with a repeated start."""
        data = None
        if self._at(addr) and addrsize == 16:
            data = _chip.read(memaddr, nbytes)
        if data is None:
            raise OSError(_errno.ENODEV)
        return data

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        """Like `readfrom_mem`, into `buf`."""
        buf[:] = self.readfrom_mem(addr, memaddr, len(buf), addrsize=addrsize)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        """Write the register's address and `buf`."""
        if not (self._at(addr) and addrsize == 16 and _chip.write(memaddr, bytes(buf))):
            raise OSError(_errno.ENODEV)
