"""Records of many boards at once: signatures beside, rules in order, one commit for all.

    await ingest.examine(arrivals)          # curve work, in other processes
    taken = await ingest.settle(arrivals)   # judged and committed; only now may anything be acked

The rules are `admit`'s, the same as for a record that was read over a bus. Who sent a record is
known from its signature alone.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.admit import AdmissionRefused, Board, fast
from gateway.admit.errors import UnknownKey
from gateway.collect.tools import Tools
from gateway.ingest_chain import Chain
from gateway.store import Batch, Head, Refusal, Store, StoreConflict
from gateway.verifiers import Verifiers

MAX_CHAINS = 4096
"""Boards whose chains are held in memory; others are looked up when they send."""

MAX_EVIDENCE = 64
"""Refused records kept of one batch: a flood of junk must not be written to the medium."""

_CONFLICTS = 3


@dataclass(slots=True)
class Arrival:
    """A record as it came. `claimed`: the board that its topic names, if that tells one."""

    code: int
    data: bytes
    claimed: bytes | None = None
    board: Board | None = None
    envelope: fast.Envelope | None = None
    """Set once the signature was found to hold."""


@dataclass
class Taken:
    """What became of a batch: committed, so that it may be acked.

    `heads`: where the chains of all boards that sent anything stand; `held`: boards whose next
    record is refused, and why; `elsewhere`: (signer, claimed) of records under another's topic;
    `unknown`: boards that the registry is yet to be asked for.
    """

    heads: dict[bytes, Head] = field(default_factory=dict)
    records: dict[bytes, int] = field(default_factory=dict)
    held: dict[bytes, AdmissionRefused] = field(default_factory=dict)
    elsewhere: set[tuple[bytes, bytes]] = field(default_factory=set)
    unknown: set[bytes] = field(default_factory=set)
    duplicates: int = 0
    refused: int = 0


class Ingest:
    """One for all links that push; `close` ends its threads and processes."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.verifiers = Verifiers()
        self._chains: OrderedDict[bytes, Chain] = OrderedDict()

    async def close(self) -> None:
        """Let the checks under way end."""
        await self.verifiers.close()

    async def examine(self, arrivals: Sequence[Arrival]) -> None:
        """Find each record's signer and check its signature, where the cheap tests pass."""
        admission = self._tools.admission
        known, jobs = [], []
        for arrival in arrivals:
            envelope = fast.split(arrival.code, arrival.data, admission.chain_id)
            board = envelope and admission.find_board(envelope.kid)
            if envelope is None or not board or not _may_send(board, arrival.code):
                continue
            arrival.board = board
            known.append((arrival, envelope))
            jobs.append((board.public_key, envelope.signed))
        for (arrival, envelope), held in zip(known, await self.verifiers.check(jobs), strict=True):
            if held:
                arrival.envelope = envelope

    async def settle(self, arrivals: Sequence[Arrival]) -> Taken:
        """Judge and commit. Raises `StoreError`; then nothing took effect."""
        taken = await self._tools.store.run(self._settle, arrivals)
        admitted = self._tools.admitted
        for device, count in taken.records.items():
            admitted[device] = admitted.get(device, 0) + count
        if taken.records:
            self._tools.on_records()
        return taken

    # ---- in the store's thread -----------------------------------------------------------------

    def _settle(self, arrivals: Sequence[Arrival]) -> Taken:
        for _ in range(_CONFLICTS):
            try:
                return self._judge(arrivals)
            except StoreConflict:
                continue
        return self._judge(arrivals)

    def _judge(self, arrivals: Sequence[Arrival]) -> Taken:
        store, now_ms = self._tools.store.store, self._tools.clock.unix_ms()
        taken, nobodys = Taken(), Batch(b"")
        active: dict[bytes, Chain] = {}
        try:
            for arrival in arrivals:
                try:
                    board = arrival.board or self._sender(arrival)
                except AdmissionRefused as refusal:
                    if self._not_yet_known(arrival, refusal):
                        taken.unknown.add(arrival.claimed or b"")
                        continue
                    taken.refused += 1
                    nobodys.refusals.append(_refusal(refusal, arrival, now_ms))
                    continue
                chain = active.get(board.address) or self._chain(board, store)
                active[board.address] = chain
                self._take(chain, board, arrival, now_ms, taken)
            _commit(store, [*(chain.batch for chain in active.values()), nobodys])
        except BaseException:
            # What they hold is not what is committed.
            for device in active:
                self._chains.pop(device, None)
            raise
        for device, chain in active.items():
            self._conclude(device, chain, taken)
        return taken

    def _not_yet_known(self, arrival: Arrival, refusal: AdmissionRefused) -> bool:
        """A board that nobody has looked up yet is asked for; it is no stranger on that account."""
        if not isinstance(refusal, UnknownKey) or arrival.claimed is None:
            return False
        return self._tools.directory.entry(arrival.claimed) is None

    def _sender(self, arrival: Arrival) -> Board:
        return self._tools.admission.sender(arrival.code, arrival.data)

    def _take(
        self, chain: Chain, board: Board, arrival: Arrival, now_ms: int, taken: Taken
    ) -> None:
        chain.take(board, arrival.code, arrival.data, arrival.envelope, now_ms)
        if arrival.claimed is not None and arrival.claimed != board.address and chain.genuine:
            taken.elsewhere.add((board.address, arrival.claimed))

    def _chain(self, board: Board, store: Store) -> Chain:
        entry = self._tools.directory.entry(board.address)
        last = entry.last if entry else None
        chain = self._chains.get(board.address)
        if chain is None:
            chain = Chain(self._tools.admission, store, board.address, last)
            self._chains[board.address] = chain
            while len(self._chains) > MAX_CHAINS:
                self._chains.popitem(last=False)
        else:
            self._chains.move_to_end(board.address)
        chain.last = last
        return chain

    def _conclude(self, device: bytes, chain: Chain, taken: Taken) -> None:
        if chain.batch.records:
            taken.records[device] = len(chain.batch.records)
        if chain.head is not None:
            taken.heads[device] = chain.head
        if chain.held is not None:
            taken.held[device] = chain.held
        taken.duplicates += chain.duplicates
        taken.refused += chain.refused
        chain.committed()


def _may_send(board: Board, code: int) -> bool:
    """Whether a signature is worth the work; the strict way names why not."""
    return board.enrolled and not board.revoked and code in board.record_codes


def _refusal(refusal: AdmissionRefused, arrival: Arrival, now_ms: int) -> Refusal:
    return Refusal(refusal.code, arrival.claimed, arrival.code, arrival.data, str(refusal), now_ms)


def _commit(store: Store, batches: list[Batch]) -> None:
    room = MAX_EVIDENCE
    for batch in batches:
        batch.refusals[room:] = []
        room -= len(batch.refusals)
    wanted = [batch for batch in batches if batch]
    if wanted:
        store.commit(*wanted)
