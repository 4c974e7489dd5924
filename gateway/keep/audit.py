"""Check a store from its bytes alone: every signature, every link, every head.

Keys come from the registry's proven entries in the same file; a record is believed for its
signature, never for being here. Where old records were pruned, a chain is followed from the last
one that went.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gateway.admit import AdmissionRefused, Board
from gateway.admit.admission import check_signature
from gateway.admit.chain import check_link, permit_of
from gateway.registry_view import DEVICE
from gateway.store import Head, Permit, Store
from ledger.contracts.objects import Device, unpack
from wireformat import identity, registry
from wireformat.chained import Chained, Event
from wireformat.errors import WireError

PROGRESS_EVERY = 2000
FAULTS_SHOWN = 20
"""Named faults kept for each board; the count goes on."""

Told = Callable[[int, int], None]
"""Hears (records checked, records in all)."""


@dataclass
class BoardAudit:
    """What was found of one board. `last`: the position that its chain was followed to."""

    address: bytes
    role: int = 0
    records: int = 0
    pruned: int = 0
    gaps: int = 0
    last: tuple[int, int] | None = None
    fault_count: int = 0
    faults: list[str] = field(default_factory=list)

    def fault(self, text: str) -> None:
        """Note what is wrong."""
        self.fault_count += 1
        if len(self.faults) < FAULTS_SHOWN:
            self.faults.append(text)


def audit(store: Store, chain_id: str, told: Told = lambda done, total: None) -> list[BoardAudit]:
    """Check every record of `store`; the boards by address."""
    counts = store.counts()
    total, done = sum(counts.values()), 0
    found = []
    for address in sorted({*counts, *store.heads()}):
        checker = _Checker(store, chain_id, address)
        for row in store.records(address):
            checker.check(row)
            done += 1
            if done % PROGRESS_EVERY == 0:
                told(done, total)
        checker.close()
        found.append(checker.result)
    told(done, total)
    return found


class _Checker:
    """Follows one board's chain."""

    def __init__(self, store: Store, chain_id: str, address: bytes) -> None:
        self._chain_id = chain_id
        self._stored_head = store.head(address)
        self._board = _board(store, address)
        self.result = BoardAudit(address, self._board.role if self._board else 0)
        if self._board is None:
            self.result.fault("no_key: the registry's entry is not in this store")
        self._permits = self._verified(store.permits(address))
        self.result.gaps = len(self._permits)
        before = store.retention.pruned(address)
        self._head = Head(before.epoch, before.seq, before.hash, 0) if before else None
        self.result.pruned = before.count if before else 0
        self._anchored = before is not None

    def check(self, row: tuple[int, int, int, bytes, int]) -> None:
        """One stored record, in the chain's order."""
        epoch, seq, code, data, _ = row
        self.result.records += 1
        where = f"epoch {epoch} seq {seq}"
        try:
            record = self._open(code, data)
        except (AdmissionRefused, WireError) as error:
            self.result.fault(f"{where}: {type(error).__name__}: {error}")
            record = None
        if record is not None:
            self._follow(record, where, (epoch, seq))
        self._head = Head(epoch, seq, identity.record_hash(data), 0)
        self._anchored = True

    def close(self) -> None:
        """The end of the chain must be the head that acks were given for."""
        head, stored = self._head, self._stored_head
        if head is not None:
            self.result.last = (head.epoch, head.seq)
        if stored is None or (head is None and not self.result.records):
            return  # an anchor from the ledger: nothing was collected here yet
        assert head is not None
        if (head.epoch, head.seq, head.hash) != (stored.epoch, stored.seq, stored.hash):
            self.result.fault(
                f"head: epoch {stored.epoch} seq {stored.seq} was acked,"
                f" the records end at epoch {head.epoch} seq {head.seq}"
            )

    def _open(self, code: int, data: bytes) -> Chained | None:
        opened = registry.open_signed(code, data, self._chain_id)
        if self._board is None:
            return None
        check_signature(self._board, opened)
        assert isinstance(opened.record, Chained)
        return opened.record

    def _follow(self, record: Chained, where: str, position: tuple[int, int]) -> None:
        if (record.epoch, record.seq) != position:
            self.result.fault(f"{where}: signed for epoch {record.epoch} seq {record.seq}")
        if not self._anchored:
            # A store that took a chain on where the ledger stood has nothing before it.
            return
        try:
            check_link(record, self._head, self._permits)
        except AdmissionRefused as error:
            self.result.fault(f"{where}: {type(error).__name__}: {error}")

    def _verified(self, permits: Iterable[Permit]) -> list[Permit]:
        """Signed gaps, each held against its evidence."""
        good = []
        for permit in permits:
            if self._board is None:
                break
            try:
                opened = registry.open_signed(Event.CODE, permit.evidence, self._chain_id)
                check_signature(self._board, opened)
            except (AdmissionRefused, WireError) as error:
                self.result.fault(f"gap {permit.first}..{permit.last}: {error}")
                continue
            named = permit_of(opened.record, permit.device, permit.evidence)
            if named is None or (named.first, named.last) != (permit.first, permit.last):
                self.result.fault(f"gap {permit.first}..{permit.last}: its event names another")
                continue
            good.append(permit)
        return good


def _board(store: Store, address: bytes) -> Board | None:
    """The board's key, as last proven from the registry."""
    kept = store.cache.get(DEVICE + address)
    if kept is None or kept[0] is None:
        return None
    device = unpack(Device, kept[0])
    if identity.address(device.public_key) != address:
        return None
    return Board(address, device.public_key, device.role, len(device.channels), device.relays)
