"""Emulated devices on one serial line, a pseudo-terminal: Modbus RTU.

A frame ends where its length says, not at a silence, because a loaded machine delays bytes.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from truewatt.emulator.wires.pzem import crc16

_FIXED_BYTES = 8
"""Of a request by functions 01 to 06: address, function, two words, CRC."""

_WRITE_MULTIPLE, _HEAD_BYTES = 16, 7
_SHORTEST_BYTES = 4
_READ_BYTES = 4096


class Server(Protocol):
    """Somebody on the line."""

    address: int

    def answer(self, request: bytes, now_s: float) -> bytes | None:
        """The answer to function and data, without address and checksum; None: silence."""
        ...


class Line(Protocol):
    """One end of a serial line."""

    fd: int

    def read(self) -> bytes: ...

    def write(self, data: bytes) -> None: ...


class PortTty:
    """The program's end of the pseudo-terminal at `path`, for devices that live in this process."""

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def read(self) -> bytes:
        """What came; empty if nothing."""
        try:
            return os.read(self.fd, _READ_BYTES)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """Send; what the line can't take is lost."""
        try:
            os.write(self.fd, data)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Let go of the line."""
        os.close(self.fd)


class MeterLine:
    """Devices that share `line`; `garble` spoils the checksum of so many answers to come."""

    def __init__(self, line: Line, meters: Sequence[Server]) -> None:
        self.line = line
        self.meters = list(meters)
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


def take_requests(received: bytearray, serve: Callable[[bytes], None]) -> None:
    """Hand out each whole request with a valid CRC; drop bytes that cannot begin one."""
    while len(received) >= _SHORTEST_BYTES:
        size = _FIXED_BYTES
        if received[1] == _WRITE_MULTIPLE:
            if len(received) < _HEAD_BYTES:
                return
            size = _HEAD_BYTES + received[_HEAD_BYTES - 1] + 2
        if len(received) < size:
            return
        frame = bytes(received[:size])
        if crc16(frame[:-2]) == frame[-2:]:
            del received[:size]
            serve(frame)
        else:
            del received[:1]
