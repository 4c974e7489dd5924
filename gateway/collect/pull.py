"""Records from a board's journal into the store, in one commit a batch.

A record that is refused stays on the board, and so do those behind it. Nothing is acked here.
"""

import asyncio
from dataclasses import dataclass

from gateway.admit import AdmissionRefused, Admitted, Board, ChainState
from gateway.admit.chain import Position, bridged
from gateway.admit.errors import BrokenChain, Gap, Replayed
from gateway.collect.errors import CollectError
from gateway.collect.link import BoardLink
from gateway.collect.tools import Tools
from gateway.store import Batch, Head, Permit, Refusal, StoreConflict
from wireformat.chained import Chained, Outcome


@dataclass(frozen=True)
class Pulled:
    """What one pull brought. `more`: the board may hold further records right now."""

    records: int
    head: Head | None
    more: bool
    held: AdmissionRefused | None = None


class Puller:
    """Pulls from one place on a bus; remembers how far it searched for a signed gap."""

    def __init__(self, tools: Tools, link: BoardLink) -> None:
        self._tools = tools
        self._link = link
        self._searched: dict[bytes, Position] = {}

    async def pull(self, board: Board, end: Position, until_s: float) -> Pulled:
        """Take up to a batch of records; commits what it got even if the line then fails.

        `end` is the position that the board's next record will have: from there on there is
        nothing to ask for yet. `until_s`, by the event loop's clock: the batch ends then at the
        latest.
        """
        head, permits = await self._tools.store.run(self._known, board.address)
        job = _Job(self._tools, self._link, board, head, permits, end)
        store = self._tools.store
        trouble: CollectError | None = None
        try:
            await job.take(until_s)
            if isinstance(job.held, Gap | BrokenChain):
                await self._search(job)
        except CollectError as error:
            trouble = error
        if job.batch:
            try:
                await store.run(store.store.commit, job.batch)
            except StoreConflict:
                # They came over another way meanwhile: look again, from the new head on.
                return Pulled(0, None, more=True)
            self._count(board.address, len(job.batch.records))
        if trouble is not None:
            raise trouble
        return Pulled(len(job.batch.records), job.head, job.more, job.held)

    def _known(self, device: bytes) -> tuple[Head | None, list[Permit]]:
        store = self._tools.store.store
        return store.head(device), store.permits(device)

    def _count(self, device: bytes, records: int) -> None:
        if records:
            admitted = self._tools.admitted
            admitted[device] = admitted.get(device, 0) + records
            self._tools.on_records()

    async def _search(self, job: "_Job") -> None:
        """Look behind a hole for the signed events that name it, a batch of records a visit."""
        address, target = job.board.address, job.at
        permits = list(job.permits)
        cursor = max(self._searched.get(address, target), target)
        for _ in range(self._tools.batch_records):
            found = await self._link.record_at(*cursor)
            if found is None:
                # The whole journal is searched: now it is a refusal, once for each record.
                job.count_refusal()
                break
            permit, cursor = job.look(found, cursor)
            if permit is not None:
                permits.append(permit)
                job.batch.permits.append(permit)
                if bridged(job.position, target, permits):
                    job.held, job.more = None, True
                    self._searched.pop(address, None)
                    return
        else:
            job.more = True
        self._searched[address] = cursor


class _Job:
    """One pull under way."""

    def __init__(
        self,
        tools: Tools,
        link: BoardLink,
        board: Board,
        head: Head | None,
        permits: list[Permit],
        end: Position,
    ) -> None:
        self.board, self.head, self.permits, self._end = board, head, permits, end
        self.batch = Batch(board.address, before=head, checked=True)
        self.held: AdmissionRefused | None = None
        self.more = False
        self.at: Position = (0, 0)
        self._refused: tuple[int, bytes] = (0, b"")
        self._tools, self._link = tools, link
        self._fresh: dict[Position, bytes] = {}

    @property
    def position(self) -> Position | None:
        """Of the head."""
        return None if self.head is None else (self.head.epoch, self.head.seq)

    async def take(self, until_s: float) -> None:
        """Read and judge records until there are none, one is refused, or the batch is full."""
        loop = asyncio.get_running_loop()
        self.at = (0, 0) if self.head is None else (self.head.epoch, self.head.seq + 1)
        for _ in range(self._tools.batch_records):
            found = None if self.at == self._end else await self._link.record_at(*self.at)
            if found is None:
                return
            try:
                self._admit(*found)
            except AdmissionRefused as refusal:
                await self._confirm(found, refusal)
                return
            if loop.time() > until_s:
                break
        self.more = True

    def look(self, found: tuple[int, bytes], cursor: Position) -> tuple[Permit | None, Position]:
        """The gap that a record further on reports, and where to look next."""
        try:
            record, _ = self._tools.admission.open(self.board, *found)
            permit = self._tools.admission.gap(self.board, *found)
        except AdmissionRefused:
            # Its place is not known, so go where the window surely moves on.
            return None, (cursor[0] + 1, 0)
        # A board that shows older records than asked for must not hold the search in place.
        return permit, max(_behind(record), (cursor[0], cursor[1] + 1))

    def count_refusal(self) -> None:
        """Keep the refused record as evidence."""
        if self.held is not None:
            self._note(self.held, *self._refused)

    def _admit(self, code: int, data: bytes) -> None:
        state = ChainState(self.head, self._data_at, self.permits)
        now_ms = self._tools.clock.unix_ms()
        result = self._tools.admission.admit(self.board, state, code, data, now_ms)
        if not isinstance(result, Admitted):
            if (result.epoch, result.seq) < self.at:
                # Reading on would cost the line a batch of requests a visit, for nothing.
                where = f"epoch {result.epoch} seq {result.seq}"
                raise Replayed("shown again where a later record was asked for", where)
            self.at = (result.epoch, result.seq + 1)
            return
        self.head, self.at = result.head, _behind(result.record)
        self._fresh[result.record.epoch, result.record.seq] = data
        self.batch.records.append(result.stored)
        self.batch.head = result.head
        if isinstance(result.record, Outcome):
            self.batch.outcomes.append(result.record)
        if result.permit:
            self.batch.permits.append(result.permit)
        if result.fault:
            self._note(result.fault, code, data)

    async def _confirm(self, found: tuple[int, bytes], refusal: AdmissionRefused) -> None:
        """Noise that got past a CRC reads differently the second time: that is no refusal."""
        again = await self._link.record_at(*self.at)
        if again != found:
            self.more = True
            return
        self.held, self._refused = refusal, found
        if isinstance(refusal, Gap | BrokenChain):
            record, _ = self._tools.admission.open(self.board, *found)
            self.at = (record.epoch, record.seq)
        else:
            self.count_refusal()

    def _note(self, refusal: AdmissionRefused, code: int, data: bytes) -> None:
        at_ms = self._tools.clock.unix_ms()
        self.batch.refusals.append(
            Refusal(refusal.code, self.board.address, code, data, str(refusal), at_ms)
        )

    def _data_at(self, epoch: int, seq: int) -> bytes | None:
        fresh = self._fresh.get((epoch, seq))
        return fresh or self._tools.store.store.data_at(self.board.address, epoch, seq)


def _behind(record: Chained) -> Position:
    """Where the record after `record` is looked for; the window skips to a later epoch itself."""
    return (record.epoch, record.seq + 1)
