"""A board's Modbus registers around a journal of signed records, and the lines it may hang on.

What `wireformat.modbus_map` says, in as few words as faults need. Frames whose CRC is wrong get no
answer, and an ack that is not genuine moves nothing.
"""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pymodbus.framer import FramerRTU

from gateway.tickets import unwrapped
from truewatt.bench.faults.oracle import FORGED_SHARE, Device, forgery
from truewatt.emulator.wires.tty import Tty
from wireformat import codes
from wireformat import modbus_map as m
from wireformat.chained import Reading
from wireformat.control import Ack

SERIAL = 3
"""Of the certificates that a board says it has: newer than any it is offered."""

_FRAMES_KEPT = 4


def crc(data: bytes) -> bytes:
    """CRC of Modbus RTU, as it stands on the wire."""
    return FramerRTU.compute_CRC(data).to_bytes(2, "big")


class Panel:
    """One board at one address. `foreign`: acks that were not for its records.

    `forging`: now and then it offers, in place of a record, one that nobody signed.
    """

    def __init__(
        self, device: Device, gateway_key: bytes, forging: random.Random | None = None
    ) -> None:
        self.device, self._gateway_key = device, gateway_key
        self._forging, self.forged = forging, 0
        self._forgery = (-1, b"", 0)
        """(seq, what is offered in its place, how often it still is)"""
        self._cursor = (0, 0)
        self._frames: list[tuple[int, int, int]] = []
        self._parts: dict[int, bytearray] = {}
        self.foreign = 0
        self.progress = 0

    def read(self, register: int, count: int) -> list[int] | None:
        """Holding registers; None where there are none."""
        areas = (
            (m.STATUS, m.STATUS_WORDS, self._status),
            (m.WINDOW, m.WINDOW_WORDS, self._window),
            (m.INBOX_STATUS, m.INBOX_STATUS_WORDS, self._fates),
        )
        for start, words, show in areas:
            if start <= register and register + count <= start + words:
                found = show() + [0] * words
                return found[register - start : register - start + count]
        return None

    def write(self, register: int, words: list[int]) -> bool:
        """False where nothing can be written."""
        if register == m.CURSOR and len(words) == m.CURSOR_WORDS:
            self._cursor = (m.uint(words[:2]), m.uint(words[2:]))
        elif register == m.INBOX and len(words) > m.INBOX_HEAD_WORDS:
            self._take(words)
        else:
            return False
        return True

    def _status(self) -> list[int]:
        journal, last = self.device.journal, self._frames[0][0] if self._frames else 0
        return [
            m.MAGIC, m.MAP_VERSION, *m.to_words(self.device.address), codes.METER, 0,
            *m.uint_words(1, 2), *m.uint_words(len(journal), 2),
            min(len(journal) - 1 - self.device.acked, 0xFFFF), 1, *m.uint_words(7, 4),
            *m.uint_words(0, 3), SERIAL, SERIAL, last, 1, 0,
        ]  # fmt: skip

    def _fates(self) -> list[int]:
        return [word for frame in self._frames for word in frame]

    def _window(self) -> list[int]:
        epoch, seq = self._cursor
        at = seq if epoch == 1 else 0 if epoch == 0 else len(self.device.journal)
        if at >= len(self.device.journal):
            return [0]
        data = self.device.journal[at]
        if self._forging is not None:
            data = self._offered(at, data, self._forging)
        return [len(data), Reading.CODE, *m.to_words(data)]

    def _offered(self, at: int, data: bytes, rng: random.Random) -> bytes:
        """Now and then a forgery in place of `data`, a few times over: the gateway asks again, and
        what reads otherwise the second time it takes for noise."""
        known, forged, left = self._forgery
        if known == at and left:
            self._forgery = (at, forged, left - 1)
            return forged
        if rng.random() >= FORGED_SHARE:
            return data
        self.forged += 1
        forged = forgery(data, rng)
        self._forgery = (at, forged, rng.randint(0, 3))
        return forged

    def _take(self, words: list[int]) -> None:
        """A chunk for the inbox; a whole frame is judged once."""
        frame, code, total, offset = words[0], words[1] >> 8, words[1] & 0xFF, words[2]
        if any(row[0] == frame for row in self._frames):
            return
        data = self._parts.setdefault(frame, bytearray())
        if offset == len(data):
            data += m.from_words(words[3:], min(total - offset, 2 * len(words[3:])))
        if len(data) >= total:
            del self._parts[frame]
            reason = self._judge(*unwrapped(code, bytes(data)))
            state = codes.INBOX_REFUSED if reason else codes.INBOX_ACCEPTED
            self._frames = [(frame, state, reason), *self._frames][:_FRAMES_KEPT]
        for old in list(self._parts)[:-_FRAMES_KEPT]:
            del self._parts[old]

    def _judge(self, code: int, data: bytes) -> int:
        if code != Ack.CODE:
            return codes.R_NONE
        before = self.device.acked
        if not self.device.take_ack(data, self._gateway_key):
            return codes.R_BAD_SIGNATURE
        self.progress += self.device.acked > before
        return codes.R_NONE


def serve(panels: dict[int, Panel], frame: bytes) -> bytes:
    """What the line's boards answer to a whole frame; empty: nobody does."""
    if len(frame) < 8 or crc(frame[:-2]) != frame[-2:] or frame[0] not in panels:
        return b""
    reply = _answer(panels[frame[0]], frame)
    return reply + crc(reply) if reply else b""


def _answer(panel: Panel, frame: bytes) -> bytes:
    address, function, register, count = struct.unpack(">BBHH", frame[:6])
    if function == 16 and len(frame) == 9 + 2 * count:
        written = panel.write(register, list(struct.unpack(f">{count}H", frame[7:-2])))
        return frame[:6] if written else bytes((address, function | 0x80, 2))
    if function == 23:
        to, size = struct.unpack(">HH", frame[6:10])
        if len(frame) == 13 + 2 * size:
            panel.write(to, list(struct.unpack(f">{size}H", frame[11:-2])))
    words = panel.read(register, count) if function in (3, 23) else None
    if words is None:
        return bytes((address, function | 0x80, 2))
    return struct.pack(f">BBB{count}H", address, function, 2 * count & 0xFF, *words)


class Line:
    """Boards on a serial adapter that can be pulled; found under `path` while it is plugged in."""

    def __init__(self, path: Path, panels: Sequence[Panel]) -> None:
        self.path = path
        self.panels = dict(enumerate(panels, 1))
        self._tty: Tty | None = None
        self._buffer = b""

    def plug(self) -> None:
        """It is there, under its name."""
        self._tty, self._buffer = Tty(self.path), b""
        asyncio.get_running_loop().add_reader(self._tty.fd, self._heard)

    def pull(self) -> None:
        """It is gone, whatever was under way."""
        if self._tty is not None:
            asyncio.get_running_loop().remove_reader(self._tty.fd)
            self._tty.close()
            self._tty = None

    def _heard(self) -> None:
        assert self._tty is not None
        with suppress(OSError):
            self._buffer += self._tty.read()
        while (size := _size(self._buffer)) and len(self._buffer) >= size:
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            if reply := serve(self.panels, frame):
                self._tty.write(reply)


def _size(buffer: bytes) -> int:
    """Of the request at the start of `buffer`; 0 while that can't be told."""
    at = {16: 6, 23: 10}.get(buffer[1] if len(buffer) > 1 else 0)
    if at is None:
        return 8 if len(buffer) > 1 else 0
    return at + 3 + buffer[at] if len(buffer) > at else 0
