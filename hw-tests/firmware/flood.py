"""Forged frames, many a second, for a board that must go on with its work meanwhile."""

import struct
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from types import TracebackType
from typing import Any

from nacl.signing import SigningKey
from workbench import CHAIN, FAR_S, NOW_S, signed

from wireformat import cbor, codes, cose, identity, modbus_map
from wireformat.chained import Reading
from wireformat.control import Ack, Beacon, Command
from wireformat.schema import Record, Unsigned

STRANGER = SigningKey(b"\x66" * 32)
Frame = tuple[int, bytes]
COMMANDS, INTERVAL_S = 4, 2


def forged(record: Record, of: SigningKey) -> Frame:
    """A record that names the key `of` and was signed by a stranger: only the curve can tell."""
    unsigned = Unsigned(record, bytes(of.verify_key), CHAIN)
    signature = STRANGER.sign(unsigned.to_be_signed).signature
    assert len(signature) == cose.SIGNATURE_BYTES
    return record.CODE, unsigned.with_signature(signature)


def forged_commands(bench: Any, count: int) -> list[Frame]:
    """Commands that lack nothing but the right signature, each another one."""
    return [
        forged(bench.command(1000 + n, codes.OPEN, id=n.to_bytes(8, "big")), bench.authority)
        for n in range(count)
    ]


def forged_acks(bench: Any, count: int, data: bytes | None = None) -> list[Frame]:
    """Acks of a record that the board has (`data`: its first), and beacons for any nonce."""
    if data is None:
        data = bench.record(bench.status()["epoch"], 0)[1]
    epoch, seq = chained_at(data)
    head = identity.record_hash(data)
    ack = Ack(device=bench.address, epoch=epoch, seq=seq, head=head)
    beacon = forged(Beacon(nonce=bytes(8), time_ms=NOW_S * 1000), bench.gateway)
    return [forged(ack, bench.gateway), beacon] * count


def chained_at(data: bytes) -> tuple[int, int]:
    """(epoch, seq) of any chained record."""
    fields = cbor.decode(cose.split(data).payload)
    assert isinstance(fields, dict)
    return fields[0], fields[1]


def strangers(bench: Any, count: int) -> list[Frame]:
    """What costs no curve work: unknown keys, another's commands, spent counters, junk."""
    order: Command = bench.command(2000, codes.OPEN)
    other = bench.command(2000, codes.OPEN, target=bytes(20))
    spent = bench.command(0, codes.OPEN, expires_s=FAR_S)
    kinds = [
        (order.CODE, signed(order, STRANGER)),
        forged(other, bench.authority),
        forged(spent, bench.authority),
        (order.CODE, b"\xd2\x84" + bytes(150)),
        (99, bytes(40)),
    ]
    return kinds * count


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


def under_flood(bench: Any, put: Callable[[Command], None] | None = None) -> Account:
    """Give a flooded board commands, and look at what it recorded meanwhile."""
    account = Account()
    status = bench.status()
    ends_s = time.monotonic() + 4 * INTERVAL_S
    for counter in range(1, COMMANDS + 1):
        begun_s = time.monotonic()
        action = codes.OPEN if counter & 1 else codes.CLOSE
        order = bench.command(counter, action)
        if put is None:
            _insist(bench, order)
        else:
            put(order)
        account.took_s.append(time.monotonic() - begun_s)
        time.sleep(1)
    time.sleep(max(0.0, ends_s - time.monotonic()))
    records = bench.records(status["epoch"], status["next_seq"])
    account.read_at_s = [record.time_s for code, record, _ in records if code == Reading.CODE]
    return account


def _insist(bench: Any, order: Command) -> None:
    """As the gateway does: again, as long as the board says that it is busy."""
    data = signed(order, bench.authority)
    for _ in range(50):
        reason = bench.put(order, bench.authority, data)[1]
        if reason == codes.R_NONE:
            return
        assert reason == codes.R_BUSY
    raise AssertionError("a command did not get through")


class Flood:
    """Calls `put(frame id, code, bytes)` with `frames` in turn, `per_s` a second, until left."""

    def __init__(
        self, put: Callable[[int, int, bytes], None], frames: list[Frame], per_s: float
    ) -> None:
        self._put, self._frames, self._period_s = put, frames, 1 / per_s
        self._running = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent = 0
        self.failed: BaseException | None = None

    def _run(self) -> None:
        due_s = time.monotonic()
        try:
            while self._running:
                code, data = self._frames[self.sent % len(self._frames)]
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
