"""Forged frames, many a second, for a board that must go on with its work meanwhile."""

import contextlib
import os
import struct
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any

from nacl.signing import SigningKey
from workbench import CHAIN, FAR_S, NOW_S, signed

from gateway.tickets import ticketed
from wireformat import cbor, codes, cose, identity, modbus_map
from wireformat.chained import Reading
from wireformat.control import Ack, Beacon, Command
from wireformat.schema import Record, Unsigned

STRANGER = SigningKey(b"\x66" * 32)
Frame = tuple[int, bytes]
COMMANDS, INTERVAL_S = 4, 2
PER_S, LEAST_PER_S = 50, 40
"""Forged frames a second: what is aimed at, and below what nothing was measured."""
WITHIN_S = 1.0
_TRIES, _BUSY = 3, 0.1
_CATCHES_UP_S = 0.5


def forged(record: Record, of: SigningKey) -> Frame:
    """A record that names the key `of` and was signed by a stranger: only the curve can tell.

    A stranger's signature of anything else does as well, so that no two frames are the same.
    """
    unsigned = Unsigned(record, bytes(of.verify_key), CHAIN)
    signature = STRANGER.sign(os.urandom(16)).signature
    assert len(signature) == cose.SIGNATURE_BYTES
    return record.CODE, unsigned.with_signature(signature)


class Forger:
    """Whoever hears all that passes, and can sign nothing: makes the worst of it, no two the same.

    Half of it are commands that lack nothing but the signature. `nonce`: what the board showed
    last; `data`: a record of it.
    """

    def __init__(self, bench: Any, data: bytes, nonce: Callable[[], bytes]) -> None:
        self._bench, self._nonce = bench, nonce
        epoch, seq = chained_at(data)
        head = identity.record_hash(data)
        self._ack = Ack(device=bench.address, epoch=epoch, seq=seq, head=head)
        self._cheap = strangers(bench)

    @classmethod
    def at(cls, bench: Any) -> "Forger":
        """Beside the reader of a workbench's board."""
        data = bench.record(bench.status()["epoch"], 0)[1]
        return cls(bench, data, lambda: bench.nonce)

    def frame(self, number: int) -> Frame:
        """The next one."""
        bench, kind = self._bench, number % 8
        if kind % 2 == 0:
            order = bench.command(1000 + number, codes.OPEN, id=os.urandom(8))
            code, data = forged(order, bench.authority)
            return (
                ticketed(os.urandom(codes.TICKET_BYTES), code, data) if kind == 4 else (code, data)
            )
        if kind == 7:
            return self._cheap[number // 8 % len(self._cheap)]
        if kind == 3:
            beacon = Beacon(nonce=self._nonce(), time_ms=NOW_S * 1000, tickets=bytes(16))
            return forged(beacon, bench.gateway)
        return forged(self._ack, bench.gateway)


def chained_at(data: bytes) -> tuple[int, int]:
    """(epoch, seq) of any chained record."""
    fields = cbor.decode(cose.split(data).payload)
    assert isinstance(fields, dict)
    return fields[0], fields[1]


def strangers(bench: Any) -> list[Frame]:
    """What costs no curve work: unknown keys, another's commands, spent counters, junk."""
    order: Command = bench.command(2000, codes.OPEN)
    other = bench.command(2000, codes.OPEN, target=bytes(20))
    spent = bench.command(0, codes.OPEN, expires_s=FAR_S)
    return [
        (order.CODE, signed(order, STRANGER)),
        forged(other, bench.authority),
        forged(spent, bench.authority),
        (order.CODE, b"\xd2\x84" + bytes(150)),
        (99, bytes(40)),
        (codes.TICKETED, bytes(codes.TICKET_BYTES)),
        (codes.TICKETED, bytes(codes.TICKET_BYTES + 1)),
    ]


def inbox_write(frame_id: int, code: int, data: bytes) -> bytes:
    """The request that puts a whole frame into a board's inbox."""
    body = struct.pack(">HBBH", frame_id, code, len(data), 0) + data + b"\0" * (len(data) & 1)
    return struct.pack(">BHHB", 16, modbus_map.INBOX, len(body) // 2, len(body)) + body


class Account:
    """What a board did while it was flooded."""

    def __init__(self) -> None:
        self.took_s: list[float] = []
        self.read_at_s: list[int] = []

    def check(self) -> None:
        """Each command was carried out, and no reading left its place: whatever the machine does,
        for readings are stamped by the board's own clock."""
        print(f"readings at {self.read_at_s}")
        assert len(self.took_s) == COMMANDS
        # The first may be of the interval in which the board was told the time.
        whole = self.read_at_s[1:]
        assert len(whole) >= 3
        assert {b - a for a, b in pairwise(whole)} == {INTERVAL_S}


class Measure:
    """Whether commands pass in time under a flood of full strength: asked until that is `known`.

    Both are real time, and the board's signatures take what they take on a chip, so a machine that
    is busy elsewhere is slow in both. It never passes for that: a measure counts only if the forger
    kept its rate and the middle one of the commands its bar. One that misses either is repeated if,
    and only if, the system says that the board or this process stood in the queue for a processor
    for a tenth of the time (Linux, Documentation/scheduler/sched-stats: the second number of
    schedstat). On a machine with time to spare the first miss fails, and the last one always does.
    """

    def __init__(self, pid: int | None) -> None:
        assert pid is not None
        self._pid, self._left = pid, _TRIES
        self.known = False
        self.begin()

    def begin(self) -> None:
        """From here on."""
        self._begun_s, self._waited_s = time.monotonic(), self._waits()

    def judge(self, took_s: list[float], per_s: float) -> None:
        """Up to here. Raises AssertionError if a bar was missed and it need not be repeated."""
        shares = [
            (now_s - then_s) / (time.monotonic() - self._begun_s)
            for now_s, then_s in zip(self._waits(), self._waited_s)
        ]
        took = ", ".join(f"{one_s * 1000:.0f}" for one_s in took_s)
        waits = " and ".join(f"{100 * share:.0f} %" for share in shares)
        said = f"{per_s:.0f} frames a second; commands took {took} ms; queued for a processor"
        print(f"{said}: board and forger {waits} of the time")
        self._left -= 1
        self.known = per_s >= LEAST_PER_S and median(took_s) <= WITHIN_S
        assert self.known or (self._left and max(shares) > _BUSY), f"{said} {waits}"

    def _waits(self) -> list[float]:
        """Seconds that the board, and this process, have waited for a processor so far."""
        return [_waited_s(Path(f"/proc/{pid}/task")) for pid in (self._pid, os.getpid())]


def _waited_s(tasks: Path) -> float:
    waited_ns = 0
    for task in tasks.iterdir():
        with contextlib.suppress(OSError):  # that thread has ended
            waited_ns += int((task / "schedstat").read_text().split()[1])
    return waited_ns / 1e9


def under_flood(bench: Any) -> Account:
    """Give a flooded board commands and acks, and look at what it recorded meanwhile.

    Each is taken at the first try: of the board's time it costs its own check, and what is left of
    the one that was under way.
    """
    account = Account()
    status = bench.status()
    ends_s = time.monotonic() + 4 * INTERVAL_S
    first = status["counter"] + 1
    for counter in range(first, first + COMMANDS):
        begun_s = time.monotonic()
        order = bench.command(counter, codes.OPEN if counter & 1 else codes.CLOSE)
        reason = bench.put(order, bench.authority, ticket=bench.ticket())[1]
        assert reason == codes.R_NONE, codes.REASONS[reason]
        account.took_s.append(time.monotonic() - begun_s)
        time.sleep(1)
        found = bench.records(status["epoch"], status["next_seq"])
        if found:
            _, newest, data = found[-1]
            reason = bench.ack(newest.epoch, newest.seq, data, bench.ticket())[1]
            assert reason == codes.R_NONE, codes.REASONS[reason]
    time.sleep(max(0.0, ends_s - time.monotonic()))
    assert bench.status()["unacked"] <= 8
    records = bench.records(status["epoch"], status["next_seq"])
    account.read_at_s = [record.time_s for code, record, _ in records if code == Reading.CODE]
    return account


class Flood:
    """Calls `put(frame id, code, bytes)` with `frame(number)`, `per_s` a second, until left."""

    def __init__(
        self,
        put: Callable[[int, int, bytes], None],
        frame: Callable[[int], Frame],
        per_s: float = PER_S,
    ) -> None:
        self._put, self._frame, self._period_s = put, frame, 1 / per_s
        self._running = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent = 0
        self.failed: BaseException | None = None
        self._begun_s = self._ended_s = 0.0

    @property
    def rate(self) -> float:
        """Frames a second, over the time that it was on."""
        return self.sent / (self._ended_s - self._begun_s)

    def _run(self) -> None:
        due_s = self._begun_s = time.monotonic()
        try:
            while self._running:
                code, data = self._frame(self.sent)
                # Ids far from those of the gateway.
                self._put(0x8000 | self.sent & 0x7FFF, code, data)
                self.sent += 1
                # What was held up for a moment comes after it; what was for long does not.
                due_s = max(due_s + self._period_s, time.monotonic() - _CATCHES_UP_S)
                time.sleep(max(0.0, due_s - time.monotonic()))
        except BaseException as error:
            self.failed = error
        self._ended_s = time.monotonic()

    def __enter__(self) -> "Flood":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running = False
        self._thread.join(10)
        if error is None and self.failed is not None:
            raise self.failed
