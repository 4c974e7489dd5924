"""Which records go to the ledger whole, and which only as leaves of a Merkle tree.

What settles goes whole: boundary readings, events, outcomes; and what contracts act on at once: an
M-LMD's records, and readings that say something is wrong. A meter's other readings wait for the
next record of their board that goes whole, which closes their batch (`ledger.contracts.batches`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gateway.store import QueuedRecord
from ledger import merkle
from ledger.contracts.batches import Batch
from ledger.contracts.bodies import MAX_BATCHED
from wireformat import cbor, codes, cose, identity
from wireformat.chained import Reading

_QUIET_FLAGS = codes.RELAY_1_CLOSED | codes.RELAY_2_CLOSED | codes.CLOCK_UNTRUSTED
"""Flags of a reading like any other. A relay's state changes with an outcome, which is whole."""

_FLAGS_KEY = next(key for key, name, _, _ in Reading.FIELDS if name == "flags")

IsQuiet = Callable[[QueuedRecord], bool]


@dataclass(frozen=True)
class Group:
    """Records that go together: those left out, and the one behind them that closes them."""

    quiet: tuple[QueuedRecord, ...]
    closing: QueuedRecord

    def batch(self, place: int) -> Batch:
        """What stands for those left out, if `closing` has `place` in its transaction."""
        first, last = self.quiet[0], self.quiet[-1]
        return Batch(
            place,
            first.epoch,
            first.seq,
            len(self.quiet),
            merkle.root([record.data for record in self.quiet]),
            identity.record_hash(last.data),
        )


def is_quiet(record: QueuedRecord) -> bool:
    """Whether a root may stand for it. Its bytes were verified when it was admitted."""
    if record.code != Reading.CODE or record.seq == 0:
        return False
    pairs = cbor.decode(cose.split(record.data).payload)
    assert isinstance(pairs, dict)
    flags = pairs[_FLAGS_KEY]
    return isinstance(flags, int) and not flags & ~_QUIET_FLAGS


def groups(records: Iterable[QueuedRecord], quiet: IsQuiet = is_quiet) -> Iterator[Group]:
    """Of each board's waiting records, in their order, what may go; tails wait."""
    waiting: dict[bytes, list[QueuedRecord]] = {}
    for record in records:
        held = waiting.setdefault(record.device, [])
        follows = not held or (record.epoch, record.seq) == (held[-1].epoch, held[-1].seq + 1)
        if follows and len(held) < MAX_BATCHED and quiet(record):
            held.append(record)
            continue
        # Behind a hole (a signed gap) nothing may stand for what is before it.
        yield from _closed(held, record)
        waiting[record.device] = []


def _closed(held: list[QueuedRecord], record: QueuedRecord) -> Iterator[Group]:
    same = bool(held) and (held[-1].epoch, held[-1].seq + 1) == (record.epoch, record.seq)
    next_epoch = bool(held) and record.epoch > held[-1].epoch and record.seq == 0
    if same or next_epoch:
        yield Group(tuple(held), record)
        return
    for one in held:
        yield Group((), one)
    yield Group((), record)
