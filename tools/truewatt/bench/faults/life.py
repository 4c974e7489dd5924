"""The life of a store: all that a gateway writes there, in a seeded order, and what it may rely on.

Each step is one call on the real `Store`. When it has returned, what it promised is noted; that,
and what boards signed, is what must be found after any fault.
"""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass, field

from gateway.store import Batch, Head, Refusal, Store, StoredRecord
from gateway.store.checkpoint import copy_log
from gateway.store.outbox import TxInFlight
from truewatt.bench._ingest_load import START_S
from truewatt.bench.faults.oracle import Device, Row, Verdict, compare
from wireformat import codes, identity
from wireformat.chained import Reading
from wireformat.control import Command

_NOW_MS = (START_S + 10**6) * 1000
ENDED = ("expired", "done", "refused")


@dataclass
class Promised:
    """What has returned. `landing`: records that were on their way off the outbox, done or not."""

    acked: dict[bytes, int] = field(default_factory=dict)
    landed: set[tuple[bytes, int]] = field(default_factory=set)
    landing: set[tuple[bytes, int]] = field(default_factory=set)
    nonce: int = 0
    commands: dict[bytes, str] = field(default_factory=dict)
    notes: dict[bytes, bytes] = field(default_factory=dict)


class Life:
    """Steps for one store at a time; the store may be another after a fault."""

    def __init__(self, rng: random.Random, devices: int = 4) -> None:
        self._rng = rng
        self.devices = [Device(number) for number in range(devices)]
        self.promised = Promised()
        self._commands = 0

    def draw_from(self, rng: random.Random) -> None:
        """What follows depends on `rng` alone, not on what came before."""
        self._rng = rng

    def snapshot(self) -> Promised:
        """What is promised by now."""
        return copy.deepcopy(self.promised)

    def step(self, store: Store) -> None:
        """One call. Raises `StoreError`; then it promised nothing."""
        kinds = (
            self.commit, self._submit, self._command, self._prune, self._note, self._refuse,
            self._copy,
        )  # fmt: skip
        self._rng.choices(kinds, (8, 4, 2, 1, 1, 1, 1))[0](store)

    def commit(self, store: Store) -> None:
        """Records of some boards, from where their chains stand, in one transaction."""
        batches = []
        for device in self._rng.sample(self.devices, self._rng.randint(1, 3)):
            batches.append(_batch(store, device, self._rng.randint(1, 5)))
        store.commit(*batches)
        for batch in batches:
            assert batch.head is not None
            self.promised.acked[batch.device] = batch.head.seq

    def _submit(self, store: Store) -> None:
        """A transaction on its way, or the one that is there over."""
        tx = store.outbox.in_flight()
        if tx is None:
            records = store.outbox.next(16)
            if not records:
                return
            nonce = store.outbox.next_nonce(1)
            # A nonce may leave the process as soon as it is given out.
            self.promised.nonce = nonce
            data = self._rng.randbytes(300)
            rows = tuple(record.id for record in records)
            store.outbox.launch(TxInFlight(identity.record_hash(data), nonce, data, rows))
            return
        places = {(record.device, record.seq) for record in store.outbox.places(tx.records)}
        self.promised.landing |= places
        store.outbox.landed(tx.records)
        self.promised.landed |= places

    def _command(self, store: Store) -> None:
        """A command that comes, or one that ends."""
        waiting = [key for key, state in self.promised.commands.items() if state not in ENDED]
        if waiting and self._rng.random() < 0.6:
            key = self._rng.choice(waiting)
            store.commands.expire(key, _NOW_MS)
            self.promised.commands[key] = "expired"
            return
        self._commands += 1
        command = _order(self._rng.choice(self.devices).address, self._commands)
        store.commands.add(command, b"signed", _NOW_MS)
        self.promised.commands[command.id] = "open"

    def _prune(self, store: Store) -> None:
        store.retention.prune(self._rng.choice(self.devices).address, 2 * _NOW_MS, 8)

    def _note(self, store: Store) -> None:
        device, value = self._rng.choice(self.devices).address, self._rng.randbytes(8)
        store.keep_notes(device, {"counter": value})
        self.promised.notes[device] = value

    def _copy(self, store: Store) -> None:
        """The log into the database, as the gateway's other thread does."""
        copy_log(store.database)

    def _refuse(self, store: Store) -> None:
        device, data = self._rng.choice(self.devices).address, self._rng.randbytes(60)
        row = Refusal("bad_signature", device, Reading.CODE, data, "forged", _NOW_MS)
        store.commit(Batch(device, refusals=[row]))


def _batch(store: Store, device: Device, count: int) -> Batch:
    head = store.head(device.address)
    start = head.seq + 1 if head else 0
    while len(device.journal) < start + count:
        device.sign()
    batch = Batch(device.address, before=head, checked=True)
    for seq in range(start, start + count):
        data = device.journal[seq]
        digest = identity.record_hash(data)
        row = StoredRecord(device.address, 1, seq, Reading.CODE, data, digest, _NOW_MS)
        batch.records.append(row)
        batch.head = Head(1, seq, digest, START_S)
    return batch


def _order(device: bytes, number: int) -> Command:
    return Command(
        id=number.to_bytes(8, "big"),
        counter=number,
        target=device,
        asset=0,
        action=codes.OPEN,
        value=0,
        not_before_s=START_S,
        expires_s=START_S + 600,
        height=3,
        index=0,
    )


def check(store: Store, devices: list[Device], promised: Promised) -> Verdict:
    """Hold a store that was opened after a fault against what it had promised before."""
    rows: list[Row] = store.database.all("SELECT device, epoch, seq, code, data FROM records")
    held = {(row[0], row[2]) for row in rows}
    broken = 0
    for device in devices:
        pruned = store.retention.pruned(device.address)
        gone = range(pruned.seq + 1) if pruned else range(0)
        rows += [(device.address, 1, seq, Reading.CODE, device.journal[seq]) for seq in gone]
        # Only what the ledger has may go.
        broken += any((device.address, seq) not in promised.landing for seq in gone)
        broken += _head_is_off(store, device, rows)
    verdict = compare(devices, rows, promised.acked)
    verdict.lost += _off_the_outbox(store, held, promised)
    verdict.broken += broken + _unkept(store, promised)
    if store.database.all("PRAGMA integrity_check") != [("ok",)]:
        verdict.broken += 1
    return verdict


def _head_is_off(store: Store, device: Device, rows: list[Row]) -> bool:
    seqs = [seq for address, _, seq, _, _ in rows if address == device.address]
    head = store.head(device.address)
    if head is None or not seqs:
        return head is not None or bool(seqs)
    last = device.journal[head.seq]
    return head.seq != max(seqs) or head.hash != identity.record_hash(last)


def _off_the_outbox(store: Store, held: set[tuple[bytes, int]], promised: Promised) -> int:
    """Records that wait for the ledger no more although it never got them."""
    rows = store.database.all(
        "SELECT r.device, r.seq FROM outbox o JOIN records r ON r.id = o.record"
    )
    waiting = {(row[0], row[1]) for row in rows}
    return len(held - waiting - promised.landing) + len(waiting & promised.landed)


def _unkept(store: Store, promised: Promised) -> int:
    nonce = store.database.one("SELECT value FROM numbers WHERE name = 'nonce'")
    states: dict[bytes, str] = dict(store.database.all("SELECT id, state FROM commands"))
    return ((0 if nonce is None else nonce[0]) < promised.nonce) + sum(
        (state in ENDED and states.get(key) != state) or key not in states
        for key, state in promised.commands.items()
    )
