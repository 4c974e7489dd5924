"""Forged frames, many a second, for a board that must go on with its work meanwhile."""

import os
import struct
import threading
import time
from collections.abc import Callable
from itertools import pairwise
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

    def check(self, flood: "Flood") -> None:
        """Each command was carried out, and no reading left its place."""
        took = ", ".join(f"{took_s * 1000:.0f}" for took_s in self.took_s)
        print(f"{flood.sent} forged frames; commands took {took} ms; readings {self.read_at_s}")
        assert flood.sent > 100
        assert len(self.took_s) == COMMANDS
        assert len(self.read_at_s) >= 3
        assert {b - a for a, b in pairwise(self.read_at_s)} == {INTERVAL_S}


def under_flood(bench: Any) -> Account:
    """Give a flooded board commands and acks, and look at what it recorded meanwhile.

    Each is taken at the first try: of the board's time it costs its own check, and what is left of
    the one that was under way.
    """
    account = Account()
    status = bench.status()
    ends_s = time.monotonic() + 4 * INTERVAL_S
    for counter in range(1, COMMANDS + 1):
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
        self, put: Callable[[int, int, bytes], None], frame: Callable[[int], Frame], per_s: float
    ) -> None:
        self._put, self._frame, self._period_s = put, frame, 1 / per_s
        self._running = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent = 0
        self.failed: BaseException | None = None

    def _run(self) -> None:
        due_s = time.monotonic()
        try:
            while self._running:
                code, data = self._frame(self.sent)
                # Ids far from those of the gateway.
                self._put(0x8000 | self.sent & 0x7FFF, code, data)
                self.sent += 1
                due_s = max(due_s + self._period_s, time.monotonic())
                time.sleep(max(0.0, due_s - time.monotonic()))
        except BaseException as error:
            self.failed = error

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
