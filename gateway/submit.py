"""The outbox's way to the ledger: one transaction at a time, the same bytes until it had effect.

A transaction is signed and stored before it is sent. It has had its effect when a verified block
holds it and the proven state shows how far each board's chain got. So a crash anywhere loses
nothing, and what is sent twice is a duplicate that the ledger knows as one.
"""

import logging
from dataclasses import dataclass

from gateway.admit.chain import leading_to
from gateway.admit.errors import BrokenChain, Equivocation
from gateway.batches import Group, groups, is_quiet
from gateway.draft import EVIDENCE_ROW, Draft
from gateway.ledger_link import LedgerBehind, LedgerLink, LedgerRefused
from gateway.light_node import LightNode
from gateway.notices import Notices
from gateway.registry_view import LAST
from gateway.signer import Signer
from gateway.store import QueuedRecord
from gateway.store.outbox import Anchor, TxInFlight
from gateway.store_thread import StoreThread
from ledger.clock import Clock
from ledger.contracts import metering
from ledger.contracts.bodies import MAX_RECORDS
from ledger.contracts.errors import UsedNonce
from ledger.contracts.objects import LastRecord, unpack
from ledger.tx import make_tx, open_tx, tx_id
from wireformat import cbor, identity
from wireformat.chained import Chained, Event, Outcome
from wireformat.errors import WireError
from wireformat.registry import open_signed
from wireformat.schema import MAX_RECORD_BYTES

log = logging.getLogger("gateway")

NONCE = b"registry/nonce/"
MAX_BATCH_BYTES = 24_000
"""Records in a transaction; below `ledger.tx.MAX_TX_BYTES` with room for what surrounds them."""

BATCH_BYTES = 90
"""What a batch adds to a transaction at most."""

MAX_BATCHED_IN_ALL = 4096
"""From so many records on that batches stand for, a transaction takes no more."""

WINDOW_EACH = 32
"""Records looked at for each board: a quarter of an hour's that wait for what closes them, and a
few more."""

RESEND_S = 10
HOLD_S = 300
"""How long a board's records wait after the ledger refused them, in the run's clock."""


@dataclass(frozen=True)
class Held:
    """Why a board's records wait, and until when (`Clock.mono_ms`)."""

    error: LedgerRefused
    until_ms: int


MAX_FORETOLD = 16
"""Outcomes ahead of their turn in one transaction."""

ACCUSING = (Equivocation.code, BrokenChain.code)
"""Refusals that only a second history under a board's key brings about: its signature is good."""

ACCUSED_TIMES, MAX_ACCUSED = 3, 8
"""How often a contradicting record is handed in, and how many in one transaction."""


class RecordsRefused(LedgerRefused):
    """The ledger did not take a board's records into its chain."""

    code = "records_refused"
    todo = "look at the board's state on the ledger; its records stay in the outbox"


class Submitter:
    """Call `step` after each new header; it does what can be done and returns."""

    def __init__(
        self,
        node: LightNode,
        link: LedgerLink,
        store: StoreThread,
        signer: Signer,
        notices: Notices,
        clock: Clock,
        chain_id: str,
        batched: bool = False,
    ) -> None:
        self._node, self._link, self._store = node, link, store
        self._batched = batched
        self._whole: set[bytes] = set()
        self._signer, self._notices, self._clock = signer, notices, clock
        self._chain_id = chain_id
        self._sent_ms: int | None = None
        self._looked: tuple[bytes, int] | None = None
        self._held: dict[bytes, Held] = {}
        self._gaps: set[bytes] = set()
        self._accused: dict[bytes, int] = {}
        self._settled_accusations = 0
        self.submitted = 0

    async def step(self) -> bool:
        """Bring the outbox on by one state; True if there is more to do at once."""
        outbox = self._store.store.outbox
        tx = await self._store.run(outbox.in_flight)
        if tx is not None and self._is_foreign(tx):
            # Signed with a key that this gateway had before: its records wait again.
            await self._store.run(outbox.abandon)
            tx = None
        if tx is None:
            tx = await self._build()
            if tx is None:
                return False
            await self._send(tx)
            return False
        # Nothing has changed there before the next header, though records keep calling.
        looking = (tx.hash, self._node.height)
        if self._looked != looking:
            if await self._settle(tx):
                return True
            self._looked = looking
        if self._sent_ms is None or self._clock.mono_ms() - self._sent_ms >= RESEND_S * 1000:
            await self._send(tx)
        return False

    def _is_foreign(self, tx: TxInFlight) -> bool:
        return open_tx(tx.data, self._chain_id).kid != identity.kid(self._signer.public_key)

    # ---- building ------------------------------------------------------------------------------

    async def _build(self) -> TxInFlight | None:
        store = self._store.store
        waiting = await self._store.run(self._waiting, self._holding())
        draft = await self._drafted(waiting)
        if draft.groups == len(waiting):
            # Behind the board's own records: only next to the last one it proves something.
            most = min(MAX_ACCUSED, MAX_RECORDS - len(draft.rows))
            accusing = await self._contradictions(most)
            draft.rows += accusing
            draft.taken += [EVIDENCE_ROW] * len(accusing)
        if not draft.rows:
            return None
        used, _ = await self._node.prove(NONCE + self._signer.address)
        least = int.from_bytes(used or b"", "big") + 1
        nonce = await self._store.run(store.outbox.next_nonce, least)
        body: dict[int, object] = {0: draft.rows}
        if draft.batches:
            body[1] = draft.batches
        data = make_tx(self._signer.seed, self._chain_id, nonce, "records", body)
        tx = TxInFlight(tx_id(data), nonce, data, tuple(draft.taken), tuple(draft.batched))
        await self._store.run(store.outbox.launch, tx)
        return tx

    def _waiting(self, held: list[bytes]) -> list[Group]:
        """What should go next: whole records, each with those that its batch stands for."""
        outbox = self._store.store.outbox
        if not self._batched:
            return [Group((), record) for record in outbox.next(MAX_RECORDS, held)]
        boards = len(self._store.store.retention.devices())
        window = MAX_RECORDS + WINDOW_EACH * boards
        records = outbox.next(window, held)
        found = list(groups(records, lambda r: r.device not in self._whole and is_quiet(r)))
        if not found and len(records) == window:
            # Nothing but tails as far as can be seen: what closes them may lie behind.
            found = [Group((), record) for record in records[:MAX_RECORDS]]
        return found[:MAX_RECORDS]

    async def _drafted(self, waiting: list[Group]) -> Draft:
        """As many as fit, behind the signed gaps that their chains need first."""
        draft = Draft()
        # Ahead of their turn, which comes too (ADR 171): no command must expire for it.
        for data in await self._store.run(self._store.store.commands.foretold, MAX_FORETOLD):
            draft.foretell(data)
        size = MAX_RECORD_BYTES * len(draft.rows)
        for group in waiting:
            record = group.closing
            early: list[list[object]] = []
            if record.device in self._gaps:
                early = await self._gap_evidence(record)
            size += len(record.data) + MAX_RECORD_BYTES * len(early) + BATCH_BYTES
            too_many = len(draft.rows) + len(early) >= MAX_RECORDS
            if size > MAX_BATCH_BYTES or too_many or len(draft.batched) > MAX_BATCHED_IN_ALL:
                break
            self._gaps.discard(record.device)
            draft.add(group, early)
        return draft

    async def _gap_evidence(self, record: QueuedRecord) -> list[list[object]]:
        """The signed gaps that lead up to `record`: the ledger notes them, then takes it."""
        permits = await self._store.run(self._store.store.permits, record.device)
        return [
            [Event.CODE, permit.evidence]
            for permit in leading_to((record.epoch, record.seq), permits)
        ]

    async def _contradictions(self, most: int) -> list[list[object]]:
        """Signed records of a second history under one key: the ledger freezes that board.

        Each is handed in a few times, as the board's own records may be on their way.
        """
        store = self._store.store
        counts = await self._store.run(store.refusals)
        if sum(counts.get(reason, 0) for reason in ACCUSING) == self._settled_accusations:
            return []
        found = [
            row for reason in ACCUSING for row in await self._store.run(store.evidence, reason)
        ]
        due = [row for row in found if self._accused.get(row[2], 0) < ACCUSED_TIMES]
        if not due:
            self._settled_accusations = sum(counts.get(reason, 0) for reason in ACCUSING)
        if self._batched:
            ready = self._whole & {row[0] for row in due}
            # What waits for a batch's end would wait for ever behind such a record: it goes whole.
            self._whole |= {row[0] for row in due if row[0] is not None}
            due = [row for row in due if row[0] in ready]
        rows: list[list[object]] = []
        for device, code, data, _ in due:
            pair = await self._store.run(self._contradicted, device, code, data)
            if len(rows) + len(pair) + 1 > most:
                break
            self._accused[data] = self._accused.get(data, 0) + 1
            rows += [*pair, [code, data]]
        return rows

    def _contradicted(self, device: bytes | None, code: int, data: bytes) -> list[list[object]]:
        """The record that `data` contradicts, where only a root of it is on the ledger."""
        if not self._batched or device is None:
            return []
        record = open_signed(code, data, self._chain_id).record
        assert isinstance(record, Chained)
        store = self._store.store
        held = store.data_at(device, record.epoch, record.seq)
        held_code = store.code_at(device, record.epoch, record.seq)
        return [] if held is None or held == data else [[held_code, held]]

    # ---- sending and settling ------------------------------------------------------------------

    async def _send(self, tx: TxInFlight) -> None:
        checked = await self._link.broadcast(tx.data)
        self._sent_ms = self._clock.mono_ms()
        if checked.code == 0:
            self.submitted += 1
            self._notices.clear("submit")
            return
        if checked.code == UsedNonce.code:
            await self._superseded(tx)
            return
        raise LedgerRefused(f"transaction refused with code {checked.code}: {checked.log}")

    async def _superseded(self, tx: TxInFlight) -> None:
        """The nonce is used: by this transaction itself, or for good by another."""
        if await self._node.included(tx.hash) is not None:
            return
        used, _ = await self._node.prove(NONCE + self._signer.address)
        if int.from_bytes(used or b"", "big") >= tx.nonce:
            await self._store.run(self._store.store.outbox.abandon)

    async def _settle(self, tx: TxInFlight) -> bool:
        """Clear away what the proven state shows as taken; True once the transaction is over."""
        try:
            included = await self._node.included(tx.hash)
            if included is None:
                return False
            # Its effect is provable once the next header is there.
            await self._node.header(included.height + 1)
        except LedgerBehind:
            return False
        outbox = self._store.store.outbox
        if included.result:
            await self._store.run(self._store.store.commands.heard, self._foretold(tx))
        records = await self._store.run(outbox.places, [*tx.records, *tx.batched])
        done, left = await self._sorted_out(records)
        await self._store.run(outbox.landed, done, self._anchors(tx, records, set(done)))
        taken = set(done)
        for record in records:
            if record.id in taken:
                # Its chain went on, so what holds it up now is another hole: not to be waited for.
                self._held.pop(record.device, None)
                self._whole.discard(record.device)
        left = await self._lost_there(left)
        batched = set(tx.batched)
        self._whole |= {record.device for record in left if record.id in batched}
        left = [record for record in left if record.id not in batched]
        if left:
            self._hold(left, _reasons(included.result, tx), included.log)
        return True

    def _foretold(self, tx: TxInFlight) -> list[bytes]:
        """Outcomes among the rows that are no records of the outbox."""
        rows = open_tx(tx.data, self._chain_id).body.get(0)
        assert isinstance(rows, list)
        pairs = zip(rows, tx.records, strict=True)
        return [row[1] for row, record in pairs if row[0] == Outcome.CODE and not record]

    def _anchors(self, tx: TxInFlight, records: list[QueuedRecord], done: set[int]) -> list[Anchor]:
        """Where whole records are, and roots that took effect, by what they stand for."""
        if not self._batched:
            return []
        rows = open_tx(tx.data, self._chain_id).body.get(1)
        assert isinstance(rows, list | None)
        by_row = {record.id: record for record in records}
        closing_rows = [by_row[row] for row in tx.records if row in by_row and row in done]
        found = [Anchor(r.device, r.epoch, r.seq, 1, tx.hash, True) for r in closing_rows]
        for row in rows or ():
            closing, epoch, first_seq, count = row[:4]
            record = by_row.get(tx.records[closing])
            if record is not None and record.id in done:
                found.append(Anchor(record.device, epoch, first_seq, count, tx.hash))
        return found

    async def _sorted_out(
        self, records: list[QueuedRecord]
    ) -> tuple[list[int], list[QueuedRecord]]:
        """(rows that the ledger's chains hold, records that they don't)."""
        reached: dict[bytes, tuple[int, int]] = {}
        for device in sorted({record.device for record in records}):
            value, _ = await self._node.prove(LAST + device)
            if value is not None:
                last = unpack(LastRecord, value)
                reached[device] = (last.epoch, last.seq)
        done, left = [], []
        for record in records:
            place = (record.epoch, record.seq)
            if place <= reached.get(record.device, (-1, -1)):
                done.append(record.id)
            else:
                left.append(record)
        for device in reached:
            self._notices.clear(f"submit {device.hex()[:8]}")
        return done, left

    async def _lost_there(self, left: list[QueuedRecord]) -> list[QueuedRecord]:
        """Let wait again what the ledger had before it was restored; returns the other boards'."""
        again = set()
        for device in sorted({record.device for record in left}):
            value, _ = await self._node.prove(LAST + device)
            last = unpack(LastRecord, value) if value is not None else None
            after = (last.epoch, last.seq) if last else (-1, -1)
            if await self._store.run(self._store.store.outbox.requeue, device, after):
                again.add(device)
        return [record for record in left if record.device not in again]

    def _hold(self, left: list[QueuedRecord], reasons: dict[int, int], note: str) -> None:
        """The first record of each board that was not taken says why; the others follow it."""
        now_ms = self._clock.mono_ms()
        seen: set[bytes] = set()
        for record in left:
            if record.device in seen:
                continue
            seen.add(record.device)
            reason = reasons.get(record.id, -1)
            if reason == metering.OUT_OF_ORDER and record.device not in self._held:
                self._gaps.add(record.device)
            what = metering.ADMISSION.get(reason, note or "no reason given")
            error = RecordsRefused(what, f"board {record.device.hex()} epoch {record.epoch}")
            wait_ms = 0 if record.device in self._gaps else HOLD_S * 1000
            self._held[record.device] = Held(error, now_ms + wait_ms)
            if wait_ms:
                key = f"submit {record.device.hex()[:8]}"
                self._notices.report(key, error, self._clock.unix_ms())

    def _holding(self) -> list[bytes]:
        now_ms = self._clock.mono_ms()
        for device in [d for d, held in self._held.items() if held.until_ms + 1000 < now_ms]:
            del self._held[device]
        return [device for device, held in self._held.items() if held.until_ms > now_ms]


def _reasons(result: bytes, tx: TxInFlight) -> dict[int, int]:
    """The node's word on each record, by row of the store."""
    try:
        answer = cbor.decode(result)
    except WireError:
        return {}
    if not isinstance(answer, list) or len(answer) != len(tx.records):
        return {}
    return {row: code for row, code in zip(tx.records, answer, strict=True) if row}
