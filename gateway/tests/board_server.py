"""A board as `wireformat.modbus_map` describes it, in CPython, on a PTY: for tests below firmware.

It signs with PyNaCl, verifies what it is sent, keeps acked records, and executes commands. `PtyBus`
is the line: several boards on one PTY, with faults on request.
"""

import asyncio
import contextlib
import os
import pty
import random
import struct
import tty
from collections.abc import Callable
from pathlib import Path

from gateway.tests.signing import CHAIN, SigningBoard
from ledger.clock import Clock
from ledger.tx import signature_holds
from wireformat import codes, identity
from wireformat import modbus_map as m
from wireformat.control import Ack, Beacon, Certificate, Command
from wireformat.registry import open_signed


def crc16(data: bytes) -> bytes:
    """CRC of Modbus RTU, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return struct.pack("<H", crc)


class BoardServer(SigningBoard):
    """One board's registers and what is behind them."""

    def __init__(self, number: int, root: bytes, clock: Clock, **kwargs) -> None:
        super().__init__(number, **kwargs)
        self.root, self.clock = root, clock
        self.time_s = clock.unix_ms() // 1000 - 86_400  # so that a long journal ends in the past
        self.cursor = (0, 0)
        self.acked: tuple[int, int] = (-1, -1)
        self.certificates: dict[int, Certificate] = {}
        self.nonce = os.urandom(8)
        self.clock_trusted = False
        self.beacon_ms = 0
        self.counter = 0
        self.relays = [1, 1]
        self.frames: list[list[int]] = []
        self.pending: dict[int, bytearray] = {}
        self.fc23 = True
        self.reading_number = 0
        self.busy_frames = 0
        self.last_ticket: bytes | None = None
        self.redeemed = 0
        self.update = 0
        self.received: dict[int, bytearray] = {}
        self.wants: list[int] = []
        self.ends_in = codes.UP_RUNS
        self.release_reason = codes.R_NONE
        self.spoil_first = False
        self.tamper: Callable[[int, bytes], tuple[int, bytes]] = lambda code, data: (code, data)

    # ---- registers -----------------------------------------------------------------------------

    def read(self, register: int, count: int) -> list[int]:
        areas = {
            m.STATUS: self.status_words,
            m.WINDOW: self.window_words,
            m.INBOX_STATUS: self.inbox_words,
            m.ENROLMENT: lambda: self.packed(11, self.enrolment()),
        }
        base = max(area for area in areas if area <= register)
        words = areas[base]()[register - base :]
        return (words + [0] * count)[:count]

    def write(self, register: int, words: list[int]) -> None:
        if register == m.CURSOR:
            self.cursor = (m.uint(words[:2]), m.uint(words[2:4]))
        elif register == m.INBOX:
            self.take(words)

    def status_words(self) -> list[int]:
        serials = [
            self.certificates[role].serial if role in self.certificates else 0
            for role in (codes.ACK, codes.CONTROL)
        ]
        last = self.frames[0][0] if self.frames else 0
        unacked = sum(self.position(d) > self.acked for _, d in self.journal)
        return [
            m.MAGIC, m.MAP_VERSION, *m.to_words(self.address), self.role, 0,
            *m.uint_words(self.epoch, 2), *m.uint_words(self.next_seq, 2), unacked,
            int(self.clock_trusted), *m.to_words(self.nonce), *m.uint_words(self.counter, 3),
            serials[0] & 0xFFFF, serials[1] & 0xFFFF, last,
            self.relays[0] | self.relays[1] << 1, self.update,
        ]  # fmt: skip

    def window_words(self) -> list[int]:
        for code, data in self.journal:
            if self.position(data) >= self.cursor:
                return self.packed(*self.tamper(code, data))
        return [0]

    def inbox_words(self) -> list[int]:
        return [word for frame in self.frames[:4] for word in frame]

    @staticmethod
    def packed(code: int, data: bytes) -> list[int]:
        return [len(data), code, *m.to_words(data)]

    @staticmethod
    def position(data: bytes) -> tuple[int, int]:
        from wireformat import cbor, cose

        fields = cbor.decode(cose.split(data).payload)
        return fields[0], fields[1]

    # ---- inbox ---------------------------------------------------------------------------------

    def take(self, words: list[int]) -> None:
        frame, code, total, offset = words[0], words[1] >> 8, words[1] & 0xFF, words[2]
        part = m.from_words(words[3:], min(total - offset, 2 * len(words[3:])))
        if any(row[0] == frame for row in self.frames):
            return
        data = self.pending.setdefault(frame, bytearray())
        if offset == len(data):
            data += part
        if len(data) == total:
            del self.pending[frame]
            reason = self.handle(code, bytes(data))
            state = codes.INBOX_REFUSED if reason else codes.INBOX_ACCEPTED
            self.frames.insert(0, [frame, state, reason])

    def redeem(self, ticket: bytes) -> bool:
        """Whether it is one of the next tickets of the chain that a beacon told of."""
        before = ticket
        for _ in range(codes.TICKETS_AHEAD):
            before = identity.prev_hash(before)
            if before == self.last_ticket:
                self.last_ticket = ticket
                self.redeemed += 1
                return True
        return False

    def handle(self, code: int, data: bytes) -> int:
        if code == codes.TICKETED:
            ticket, code = data[: codes.TICKET_BYTES], data[codes.TICKET_BYTES]
            data = data[codes.TICKET_BYTES + 1 :]
            redeemed = self.redeem(ticket)
        else:
            redeemed = False
        if self.busy_frames and not redeemed:
            self.busy_frames -= 1
            return codes.R_BUSY
        if code in (codes.OFFER, codes.PIECE):
            return self.offered() if code == codes.OFFER else self.piece(data)
        opened = open_signed(code, data, CHAIN)
        role = codes.CONTROL if code == Command.CODE else codes.ACK
        key = self.root
        if code != Certificate.CODE:
            if role not in self.certificates:
                return codes.R_UNKNOWN_KEY
            key = self.certificates[role].public_key
        if not signature_holds(key, opened.to_be_signed, opened.signature):
            return codes.R_BAD_SIGNATURE
        actions = {
            Certificate.CODE: self.certified,
            Ack.CODE: self.acknowledged,
            Beacon.CODE: self.told_time,
            Command.CODE: self.commanded,
        }
        return actions[code](opened.record)

    # ---- firmware (docs/wire-format.md, "Firmware over a link") ---------------------------------

    def offered(self) -> int:
        """Wants the files in `wants`, unless `release_reason` says why not."""
        if not self.release_reason and self.update == 0:
            self.next_file()
        return self.release_reason

    def next_file(self) -> None:
        state = codes.UP_WANTS if self.wants else self.ends_in
        self.update = state << 8 | (self.wants[0] if self.wants else 0)

    def piece(self, data: bytes) -> int:
        number, last, offset = data[0], data[1], int.from_bytes(data[2:4], "big")
        if offset == 0:
            self.received[number] = bytearray()
        if number != self.wants[0] or offset != len(self.received[number]):
            return codes.R_MALFORMED
        self.received[number] += data[4:]
        if last and self.spoil_first:
            self.spoil_first = False
            return codes.R_HALF_IMAGE
        if last:
            self.wants.pop(0)
            self.next_file()
        return codes.R_NONE

    def certified(self, certificate: Certificate) -> int:
        self.certificates[certificate.role] = certificate
        return codes.R_NONE

    def acknowledged(self, ack: Ack) -> int:
        if ack.device != self.address:
            return codes.R_WRONG_TARGET
        for _, data in self.journal:
            if self.position(data) == (ack.epoch, ack.seq):
                if identity.record_hash(data) != ack.head:
                    return codes.R_HEAD_MISMATCH
                self.acked = max(self.acked, (ack.epoch, ack.seq))
                return codes.R_NONE
        return codes.R_NOT_IN_JOURNAL

    def told_time(self, beacon: Beacon) -> int:
        if beacon.nonce != self.nonce:
            return codes.R_WRONG_NONCE
        self.nonce, self.clock_trusted = os.urandom(8), True
        self.beacon_ms = beacon.time_ms
        self.last_ticket = beacon.tickets or self.last_ticket
        return codes.R_NONE

    def commanded(self, command: Command) -> int:
        if command.target != self.address:
            return codes.R_WRONG_TARGET
        if command.counter <= self.counter:
            return codes.R_REPLAYED
        self.counter = command.counter
        self.relays[command.asset] = int(command.action == codes.CLOSE)
        self.add(self.outcome(command.id, command.counter))
        return codes.R_NONE


class PtyBus:
    """A PTY whose master side is a line with boards on it, and whose slave is the gateway's port.

    `spoil(frame) -> list of byte strings` may change, cut, repeat or swallow each reply.
    """

    def __init__(self, folder: Path, boards: dict[int, list[BoardServer] | BoardServer]) -> None:
        self.port = folder / "tty"
        self.boards = {
            at: rows if isinstance(rows, list) else [rows] for at, rows in boards.items()
        }
        self.spoil: Callable[[bytes], list[bytes]] = lambda frame: [frame]
        self.requests: list[tuple[int, int]] = []
        self.frames: list[bytes] = []
        self._fds: tuple[int, int] | None = None
        self._buffer = b""

    def plug(self) -> None:
        """Put the line's port there."""
        master, slave = pty.openpty()
        tty.setraw(master)
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._fds = (master, slave)
        with contextlib.suppress(FileNotFoundError):
            self.port.unlink()
        self.port.symlink_to(os.ttyname(slave))
        asyncio.get_running_loop().add_reader(master, self._read)

    def unplug(self) -> None:
        """Take it away, as when an adapter is pulled."""
        if self._fds is None:
            return
        master, slave = self._fds
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)
        os.close(slave)
        self.port.unlink()
        self._fds = None

    def _read(self) -> None:
        assert self._fds is not None
        with contextlib.suppress(BlockingIOError, OSError):
            self._buffer += os.read(self._fds[0], 4096)
        while (size := self._size()) and len(self._buffer) >= size:
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            if crc16(frame[:-2]) == frame[-2:]:
                self._serve(frame)

    def _size(self) -> int:
        raw = self._buffer
        if len(raw) < 2:
            return 0
        at = {3: -1, 4: -1, 16: 6, 23: 10}.get(raw[1])
        if at is None:
            self._buffer = b""
            return 0
        if at < 0:
            return 8
        return at + 3 + raw[at] if len(raw) > at else 0

    def _serve(self, frame: bytes) -> None:
        self.requests.append((frame[0], frame[1]))
        self.frames.append(frame)
        replies = [self._reply(board, frame) for board in self.boards.get(frame[0], [])]
        for reply in replies:
            for part in self.spoil(reply + crc16(reply)):
                assert self._fds is not None
                os.write(self._fds[0], part)

    @staticmethod
    def _reply(board: BoardServer, frame: bytes) -> bytes:
        address, function, register, count = struct.unpack(">BBHH", frame[:6])
        if function == 23 and not board.fc23:
            return bytes((address, function | 0x80, 1))
        if function == 23:
            to, size = struct.unpack(">HH", frame[6:10])
            board.write(to, list(struct.unpack(f">{size}H", frame[11:-2])))
        if function == 16:
            board.write(register, list(struct.unpack(f">{count}H", frame[7:-2])))
            return frame[:6]
        words = board.read(register, count)
        return struct.pack(f">BBB{count}H", address, function, 2 * count, *words)


def noise(seed: int, share: float) -> Callable[[bytes], list[bytes]]:
    """Spoils a share of the frames: a flipped bit, a half frame, a lost one, junk in front."""
    rng = random.Random(seed)

    def spoil(frame: bytes) -> list[bytes]:
        if rng.random() >= share:
            return [frame]
        at = rng.randrange(len(frame))
        flipped = frame[:at] + bytes([frame[at] ^ 1 << rng.randrange(8)]) + frame[at + 1 :]
        return rng.choice([[flipped], [frame[: at or 1]], [], [b"\xff\x00", frame]])

    return spoil
