"""A chip in download mode at the end of a cable: the ROM's serial protocol, and the stub's.

Enough of it for esptool to find out the chip, load its stub, erase the flash, write an image and
have it verified (Espressif, "Serial Protocol", esptool documentation). The stub's machine code is
taken and not run: after it the chip answers as the stub does. Flash is NOR: programming only clears
bits.
"""

import contextlib
import hashlib
import os
import pty
import select
import struct
import threading
import time
import tty
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_END, _ESCAPE, _ESCAPED_END = 0xC0, 0xDB, 0xDC
_UNPLUGGED_S = 0.02
_UNKNOWN_COMMAND = 0x05
_BAD_CHECKSUM = 0x07
_CHECKSUM_SEED = 0xEF
_SECTOR = 4096
_FLASH_BYTES = 4 * 1024 * 1024
_FLASH_ID = 0x16_40_EF  # 4 MiB, by Winbond
_MAGIC_REGISTER = 0x40001000
_CLOCK_40_MHZ = 347
"""Divider of the UART's clock that says: 115200 baud from a crystal of 40 MHz."""


@dataclass(frozen=True)
class RomChip:
    """What esptool tells chips by, and where their SPI controller's registers are.

    `magic`: of chips that know no security info; `chip_id`: of those that do.
    """

    name: str
    magic: int
    chip_id: int | None
    spi_data: int
    uart_divider: int


ROM_CHIPS = {
    "esp32": RomChip("esp32", 0x00F01D83, None, 0x3FF42080, 0x3FF40014),
    "esp32c3": RomChip("esp32c3", 0, 5, 0x60002058, 0x60000014),
}


class RomLoader:
    """A chip whose BOOT button was held; `flash` is what was written so far.

    `commands` are the codes of the commands that came, in their order. When the computer has
    verified an image and lets go of the port, the chip is reset: `starts` is called, and this end
    of the cable is gone.
    """

    def __init__(self, chip: RomChip, port: Path, starts: Callable[[], None] | None = None) -> None:
        self.chip, self.port, self._starts = chip, port, starts
        self.flash = bytearray(b"\xff" * _FLASH_BYTES)
        self.commands: list[int] = []
        self.stub = False
        self._registers: dict[int, int] = {}
        self._inflate = zlib.decompressobj()
        self._at = 0
        self._verified = self._escaped = False
        self._packet: bytearray | None = None
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        port.symlink_to(os.ttyname(slave))
        # The computer's end alone is open, so that this one notices when it lets go.
        os.close(slave)
        self._running = True
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Pull the cable."""
        self._running = False
        self._thread.join()
        os.close(self._master)

    # ---- frames (SLIP, RFC 1055) -----------------------------------------------------------------

    def _serve(self) -> None:
        while self._running and (data := self._heard()) is not None:
            for byte in data:
                self._byte(byte)
        self.port.unlink(missing_ok=True)
        if self._running and self._starts is not None:
            self._starts()

    def _heard(self) -> bytes | None:
        """Bytes from the computer; None when it has let go of a chip that is to start."""
        if not select.select([self._master], [], [], 0.1)[0]:
            return b""
        try:
            return os.read(self._master, 4096)
        except OSError:
            if self._verified and self._starts is not None:
                return None
            time.sleep(_UNPLUGGED_S)
            return b""

    def _byte(self, byte: int) -> None:
        if byte == _END:
            if self._packet:
                self._take(bytes(self._packet))
            self._packet = None if self._packet else bytearray()
        elif self._packet is not None:
            if self._escaped:
                self._packet.append(_END if byte == _ESCAPED_END else _ESCAPE)
            elif byte != _ESCAPE:
                self._packet.append(byte)
            self._escaped = byte == _ESCAPE and not self._escaped

    def _send(self, packet: bytes) -> None:
        body = packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
        data = b"\xc0" + body + b"\xc0"
        while data:
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(self._master, data) :]

    def _answer(self, command: int, value: int = 0, data: bytes = b"", error: int = 0) -> None:
        status = bytes((1 if error else 0, error))
        # A ROM later than the ESP8266's sends two more bytes, reserved.
        status += b"" if self.stub else bytes(2)
        body = data + status
        self._send(struct.pack("<BBHI", 1, command, len(body), value) + body)

    # ---- commands --------------------------------------------------------------------------------

    def _take(self, packet: bytes) -> None:
        if len(packet) < 8 or packet[0] != 0:
            return
        _, command, size, checksum = struct.unpack("<BBHI", packet[:8])
        data = packet[8 : 8 + size]
        self.commands.append(command)
        action = {
            0x02: self._flash_begin,
            0x03: self._flash_data,
            0x04: self._done,
            0x05: self._done,
            0x06: self._memory_end,
            0x07: self._memory_data,
            0x08: self._sync,
            0x09: self._write_register,
            0x0A: self._read_register,
            0x0B: self._done,
            0x0D: self._done,
            0x0F: self._done,
            0x10: self._deflate_begin,
            0x11: self._deflate_data,
            0x12: self._done,
            0x13: self._md5,
            0x14: self._security_info,
            0xD0: self._erase_all,
        }.get(command, self._unknown)
        action(command, data, checksum)

    def _unknown(self, command: int, data: bytes, checksum: int) -> None:
        self._answer(command, error=_UNKNOWN_COMMAND)

    def _done(self, command: int, data: bytes, checksum: int) -> None:
        self._answer(command)

    def _sync(self, command: int, data: bytes, checksum: int) -> None:
        for _ in range(8):
            # A ROM's value is not 0; a stub's is, by which esptool knows it.
            self._answer(command, value=0 if self.stub else 0x20120707)

    def _security_info(self, command: int, data: bytes, checksum: int) -> None:
        if self.chip.chip_id is None:
            self._answer(0, error=_UNKNOWN_COMMAND)
            return
        self._answer(command, data=struct.pack("<IB7sII", 0, 0, bytes(7), self.chip.chip_id, 0))

    def _read_register(self, command: int, data: bytes, checksum: int) -> None:
        (address,) = struct.unpack("<I", data[:4])
        fixed = {
            _MAGIC_REGISTER: self.chip.magic,
            self.chip.spi_data: _FLASH_ID,
            self.chip.uart_divider: _CLOCK_40_MHZ,
        }
        self._answer(command, value=fixed.get(address, self._registers.get(address, 0)))

    def _write_register(self, command: int, data: bytes, checksum: int) -> None:
        address, value, mask, _ = struct.unpack("<IIII", data[:16])
        # What starts a transfer on SPI ends at once: the bit reads as 0 again.
        self._registers[address] = value & mask & ~(1 << 18)
        self._answer(command)

    def _memory_data(self, command: int, data: bytes, checksum: int) -> None:
        self._answer(command, error=self._fault(data[16:], checksum))

    def _memory_end(self, command: int, data: bytes, checksum: int) -> None:
        self._answer(command)
        stays, _ = struct.unpack("<II", data[:8])
        if not stays:
            self.stub = True
            self._send(b"OHAI")

    # ---- flash -----------------------------------------------------------------------------------

    def _erase_all(self, command: int, data: bytes, checksum: int) -> None:
        if not self.stub:
            self._unknown(command, data, checksum)
            return
        self.flash[:] = b"\xff" * _FLASH_BYTES
        self._answer(command)

    def _flash_begin(self, command: int, data: bytes, checksum: int) -> None:
        size, _, _, self._at = struct.unpack("<IIII", data[:16])
        self._erase(size)
        self._answer(command)

    def _deflate_begin(self, command: int, data: bytes, checksum: int) -> None:
        size, _, _, self._at = struct.unpack("<IIII", data[:16])
        self._inflate = zlib.decompressobj()
        self._erase(size)
        self._answer(command)

    def _erase(self, size: int) -> None:
        end = -(-(self._at + size) // _SECTOR) * _SECTOR
        start = self._at // _SECTOR * _SECTOR
        self.flash[start:end] = b"\xff" * (end - start)

    def _flash_data(self, command: int, data: bytes, checksum: int) -> None:
        fault = self._fault(data[16:], checksum)
        if not fault:
            self._program(data[16:])
        self._answer(command, error=fault)

    def _deflate_data(self, command: int, data: bytes, checksum: int) -> None:
        fault = self._fault(data[16:], checksum)
        if not fault:
            self._program(self._inflate.decompress(data[16:]))
        self._answer(command, error=fault)

    def _program(self, data: bytes) -> None:
        old = self.flash[self._at : self._at + len(data)]
        self.flash[self._at : self._at + len(data)] = bytes(
            new & was for new, was in zip(data, old, strict=True)
        )
        self._at += len(data)

    def _md5(self, command: int, data: bytes, checksum: int) -> None:
        address, size, _, _ = struct.unpack("<IIII", data[:16])
        digest = hashlib.md5(self.flash[address : address + size], usedforsecurity=False)
        said = digest.digest() if self.stub else digest.hexdigest().encode()
        self._verified = True
        self._answer(command, data=said)

    @staticmethod
    def _fault(data: bytes, checksum: int) -> int:
        found = _CHECKSUM_SEED
        for byte in data:
            found ^= byte
        return 0 if found == checksum & 0xFF else _BAD_CHECKSUM
