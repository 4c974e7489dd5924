"""Emulated meters on one serial line, a pseudo-terminal: Modbus RTU.

A frame ends where its length says, not at a silence, because a loaded machine delays bytes.
"""

import asyncio

from truewatt.emulator.commercial.meter import EmulatedMeter
from truewatt.emulator.wires.pzem import crc16, take_requests
from truewatt.emulator.wires.tty import Tty


class MeterLine:
    """Meters that share `line`; `garble` spoils the checksum of so many answers to come."""

    def __init__(self, line: Tty, meters: list[EmulatedMeter]) -> None:
        self.line = line
        self.meters = meters
        self.garble = 0
        self._received = bytearray()

    def attach(self) -> None:
        """Start listening; needs a running event loop."""
        asyncio.get_running_loop().add_reader(self.line.fd, self._on_readable)

    def detach(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self.line.fd)

    def _on_readable(self) -> None:
        self._received += self.line.read()
        take_requests(self._received, self._serve)

    def _serve(self, frame: bytes) -> None:
        now_s = asyncio.get_running_loop().time()
        for meter in self.meters:
            if meter.address == frame[0]:
                answer = meter.answer(frame[1:-2], now_s)
                if answer is not None:
                    self._send(bytes((meter.address,)) + answer)

    def _send(self, body: bytes) -> None:
        check = crc16(body)
        if self.garble:
            self.garble -= 1
            check = bytes(byte ^ 0x55 for byte in check)
        self.line.write(body + check)
