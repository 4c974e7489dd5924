"""The board's one chain of signed records: epoch, sequence, previous-hash.

(epoch, seq) is unique for ever. The epoch grows by one, persisted, before the first signature of
a boot; a record that was signed but could not be written is tried again with the same bytes, so
no second one ever exists under its number.
"""

import asyncio

from core.errors import JournalError, JournalFull, StorageError
from core.log import log
from wireformat import cbor, codes, cose, identity
from wireformat.chained import Event


class Chain:
    """Signs records one after the other and journals each before anyone sees it.

    `flags` is called without arguments for the flag bits of the moment.
    """

    def __init__(self, owner: object, journal: object, clock: object, store: object) -> None:
        self._owner = owner
        self.journal = journal
        self._clock = clock
        self._store = store
        self._lock = asyncio.Lock()
        self._unsaved = None
        self._owed_gap = None
        self.flags = lambda: 0
        self.epoch = 0
        self.next_seq = 0
        self.last_time_s = 0
        self._gap_key = (0, 0)
        self._prev = identity.GENESIS_PREV

    def start(self) -> None:
        """Recover the journal and begin a new epoch.

        Raises `StorageError` if the epoch can't be persisted: then nothing may be signed.
        """
        acked = self._store.blob("acked")
        position = (0, 0)
        if len(acked) == 24:
            position = (int.from_bytes(acked[:4], "big"), int.from_bytes(acked[4:8], "big"))
            self._prev = acked[8:]
        gap = self._store.blob("gap")
        if len(gap) == 16:
            self._owed_gap = [int.from_bytes(gap[at : at + 4], "big") for at in range(0, 16, 4)]
        newest = self.journal.recover(position)
        if newest is not None:
            fields = _chain_fields(newest)
            position = max(position, (fields[0], fields[1]))
            self._prev = identity.prev_hash(newest)
            self.last_time_s = fields[2]
        self._begin_epoch(position[0])
        self._clock.not_before(self.last_time_s)

    def _begin_epoch(self, seen: int) -> None:
        # The journal may know a later epoch than an NVS that was erased.
        epoch = max(self._store.number("epoch"), seen) + 1
        self._store.commit(epoch=epoch)
        if self._store.number("epoch") != epoch:
            raise StorageError("the epoch was not kept", "NVS key epoch", "replace the board")
        self.epoch = epoch

    def newest(self, kind: type) -> "object | None":
        """The newest journalled record of class `kind`."""
        data = self.journal.newest_of(kind.CODE)
        return None if data is None else kind.from_payload(cose.split(data).payload)

    async def append(self, kind: type, fields: dict, time_s: "int | None" = None) -> bytes:
        """Sign, journal and return a record of class `kind`; `fields` are those beyond the chain's.

        Raises `JournalError`; the record is then kept in RAM and tried again by the next call.
        """
        async with self._lock:
            self._save_unsaved()
            await self._make_room()
            return await self._seal(kind, fields, time_s)

    @property
    def broken(self) -> bool:
        """Whether a signed record waits in RAM because flash refused it."""
        return self._unsaved is not None

    @property
    def gap_flag(self) -> int:
        """`codes.JOURNAL_GAP` while records were lost and the gap is not yet acknowledged."""
        lost = self._owed_gap is not None or self._gap_key > self.journal.acked
        return codes.JOURNAL_GAP if lost or self.broken else 0

    def acknowledge(self, key: "tuple[int, int]", record: bytes) -> None:
        """Persist that all up to `key`, whose bytes are `record`, are held by the gateway."""
        position = key[0].to_bytes(4, "big") + key[1].to_bytes(4, "big")
        self._store.commit(acked=position + identity.prev_hash(record))
        self.journal.set_acked(key)

    async def _seal(self, kind: type, fields: dict, time_s: "int | None" = None) -> bytes:
        now_s = self._clock.now_s() if time_s is None else time_s
        flags = fields.pop("flags", 0) | self.flags() | self.gap_flag
        record = kind(
            epoch=self.epoch,
            seq=self.next_seq,
            time_s=max(now_s, self.last_time_s),
            flags=flags,
            prev=self._prev,
            **fields,
        )
        data = await self._owner.seal(record)
        # From here on this number is spent, whatever flash says.
        self._unsaved = (kind.CODE, (self.epoch, self.next_seq), data)
        self._prev = identity.prev_hash(data)
        self.next_seq += 1
        self.last_time_s = record.time_s
        self._save_unsaved()
        return data

    def _save_unsaved(self) -> None:
        if self._unsaved is None:
            return
        try:
            self.journal.append(*self._unsaved)
        except JournalFull as error:
            log("journal", error)
            self.journal.evict_oldest(self._owe_over_a_cut)
            self.journal.append(*self._unsaved)
        self._unsaved = None

    async def _make_room(self) -> None:
        """Announce what an eviction loses, signed, before it is lost."""
        while self.journal.crowded():
            lost = self.journal.unacked_in_oldest()
            if lost is not None:
                self._owe(lost)
                await self._announce_gap()
            self.journal.evict_oldest()
        if self._owed_gap is not None:
            await self._announce_gap()

    async def _announce_gap(self) -> None:
        lost, self._owed_gap = self._owed_gap, None
        self._gap_key = (self.epoch, self.next_seq)
        log("journal", "unacknowledged records evicted: %s" % lost)
        await self._seal(Event, {"kind": codes.EV_JOURNAL_GAP, "detail": lost})
        # Saving it may have evicted more.
        if self._owed_gap is None and self._store.blob("gap"):
            self._keep_gap(None)

    def _owe(self, lost: "list[int] | None") -> None:
        if lost is None:
            return
        # From the last ack on, not from this segment on: the events that named the segments before
        # it are evicted in their turn, and a gap that nobody names is the end of the chain.
        epoch, seq = self.journal.acked
        first = [epoch, seq + 1] if epoch else [1, 0]
        self._owed_gap = first + lost[2:]

    def _owe_over_a_cut(self, lost: "list[int] | None") -> None:
        """What a full flash loses before it is announced must not be forgotten with the power."""
        self._owe(lost)
        if self._owed_gap is not None:
            self._keep_gap(b"".join(n.to_bytes(4, "big") for n in self._owed_gap))

    def _keep_gap(self, gap: "bytes | None") -> None:
        try:
            self._store.commit(gap=gap)
        except StorageError as error:
            raise JournalError("can't evict: %s" % error, "NVS key gap", "replace the board")

    async def event(self, kind: int, detail: "list[int] | None" = None) -> None:
        """Chain an event; a flash that refuses it is logged, not raised."""
        try:
            await self.append(Event, {"kind": kind, "detail": detail or []})
        except JournalError as error:
            log("journal", error)


def _chain_fields(data: bytes) -> dict:
    """The payload of a chained record of any kind: keys 0 epoch, 1 seq, 2 time."""
    return cbor.decode(cose.split(data).payload)
