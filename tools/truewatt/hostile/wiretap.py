"""A man in the middle of an RS-485 line: between the gateway's port and the bus with the boards.

It passes frames on, changes or swallows them, answers in a board's place, and puts its own requests
to the boards, as whoever has the cable in hand can.
"""

import contextlib
import os
import pty
import queue
import select
import threading
import time
import tty
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from truewatt.emulator.wires.pzem import crc16

REPLY_S = 0.6
_EXCEPTION_BYTES, _WRITTEN_BYTES = 5, 8
_KEPT_FRAMES = 4000

Frame = bytes
"""Address and PDU, without the CRC."""


def pass_on(frame: Frame) -> Frame | None:
    """The honest tap."""
    return frame


class Wiretap(threading.Thread):
    """`link` becomes the port that the gateway opens; `bus` is the rig's end of the line.

    `on_request(frame)` and `on_reply(request, reply)` give what is passed on, or None to swallow
    it. `impostors` answer for a bus address instead of what is on the bus: each gets the whole
    request with its CRC and gives the whole reply, empty for none. `talker` gives bytes that
    somebody puts on the line all the time, whoever else is talking.
    """

    def __init__(self, bus: Path, link: Path) -> None:
        super().__init__(name="wiretap", daemon=True)
        self._bus = os.open(bus, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._bus)
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        link.symlink_to(os.ttyname(self._slave))
        self._jobs: queue.SimpleQueue[tuple[bytes, Future[bytes]]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._buffer = b""
        self.impostors: dict[int, Callable[[bytes], bytes]] = {}
        self.seen: deque[tuple[Frame, bytes]] = deque(maxlen=_KEPT_FRAMES)
        self.honest()

    def honest(self) -> None:
        """Pass everything on."""
        self.on_request: Callable[[Frame], Frame | None] = pass_on
        self.on_reply: Callable[[Frame, Frame], Frame | None] = lambda _, reply: reply
        self.talker: Callable[[], bytes] | None = None
        self.impostors.clear()

    def ask(self, frame: Frame) -> Frame:
        """Put a request of one's own on the bus; the reply without its CRC. Raises TimeoutError."""
        for _ in range(10):
            reply = self._job(frame + crc16(frame))
            if len(reply) > 3 and crc16(reply[:-2]) == reply[-2:] and _answers(frame, reply):
                return reply[:-2]
        raise TimeoutError(f"no sound reply to {frame[:12].hex()}")

    def throw(self, data: bytes) -> None:
        """Bytes on the bus, whatever they are."""
        self._job(data)

    def stop(self) -> None:
        """End the thread and let go of the line."""
        self._stopping.set()
        self.join()
        for descriptor in (self._bus, self._master, self._slave):
            os.close(descriptor)

    def _job(self, data: bytes) -> bytes:
        done: Future[bytes] = Future()
        self._jobs.put((data, done))
        return done.result(10)

    # ---- the thread ----------------------------------------------------------------------------

    def run(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(queue.Empty):
                data, done = self._jobs.get_nowait()
                done.set_result(self._exchange(data))
            if self.talker is not None:
                self._talk(self.talker())
            ready, _, _ = select.select([self._master, self._bus], [], [], 0.005)
            if self._bus in ready:
                os.write(self._master, self._under(os.read(self._bus, 1024)))
            if self._master in ready:
                data = os.read(self._master, 1024)
                if self.talker is None:
                    self._from_gateway(data)
                else:
                    os.write(self._bus, self._under(data))

    def _under(self, data: bytes) -> bytes:
        """What is left of it while the talker drives the line too."""
        talker, heard = self.talker, b""
        if talker is None:
            return data
        while len(heard) < len(data):
            heard += talker()
        return bytes(byte ^ other for byte, other in zip(data, heard, strict=False))

    def _talk(self, data: bytes) -> None:
        """What both ends hear; an end that does not listen loses it, as on a wire."""
        for end in (self._master, self._bus):
            if select.select([], [end], [], 0)[1]:
                os.write(end, data)

    def _from_gateway(self, data: bytes) -> None:
        self._buffer += data
        while size := request_bytes(self._buffer):
            if len(self._buffer) < size:
                return
            frame, self._buffer = self._buffer[: size - 2], self._buffer[size:]
            passed = self.on_request(frame)
            if passed is not None:
                self._serve(frame, passed)
        self._buffer = b""

    def _serve(self, asked: Frame, frame: Frame) -> None:
        impostor = self.impostors.get(frame[0])
        if impostor is not None:
            reply = impostor(frame + crc16(frame))
        else:
            reply = self._exchange(frame + crc16(frame))
        self.seen.append((asked, reply))
        if len(reply) > 3 and crc16(reply[:-2]) == reply[-2:]:
            body = self.on_reply(asked, reply[:-2])
            reply = b"" if body is None else body + crc16(body)
        os.write(self._master, reply)

    def _exchange(self, data: bytes) -> bytes:
        """Send to the bus; what came back until a frame is whole or nothing more comes."""
        if select.select([self._bus], [], [], 0)[0]:
            os.read(self._bus, 1024)  # came too late for whoever asked
        os.write(self._bus, data)
        reply = b""
        end_s = time.monotonic() + REPLY_S
        while (left_s := end_s - time.monotonic()) > 0:
            ready, _, _ = select.select([self._bus, self._master], [], [], left_s)
            if self._bus in ready:
                reply += os.read(self._bus, 1024)
                if len(reply) >= reply_bytes(reply):
                    break
            elif self._master in ready:
                break  # the gateway has given up on this one
        return reply


def request_bytes(raw: bytes) -> int:
    """Length with CRC of the request that begins `raw`; 0 if it can't be told."""
    if len(raw) < 2:
        return 0
    at = {1: 0, 3: 0, 4: 0, 16: 6, 23: 10}.get(raw[1])
    if at is None:
        return 0
    if at == 0:
        return _WRITTEN_BYTES
    return at + 3 + raw[at] if len(raw) > at else at + 3


def reply_bytes(raw: bytes) -> int:
    """Length with CRC of the reply that begins `raw`."""
    if len(raw) < 3:
        return _EXCEPTION_BYTES
    if raw[1] & 0x80:
        return _EXCEPTION_BYTES
    return _WRITTEN_BYTES if raw[1] in (5, 6, 15, 16) else 5 + raw[2]


def _answers(frame: Frame, reply: bytes) -> bool:
    """Whether a reply is to this request, and not to one before it."""
    if reply[1] & 0x80:
        return reply[1] & 0x7F == frame[1]
    if frame[1] != 3:
        return reply[1] == frame[1]
    return reply[1] == 3 and reply[2] == 2 * int.from_bytes(frame[4:6], "big")
