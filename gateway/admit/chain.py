"""Which record may follow which: positions, previous-hashes, and signed gaps between them."""

from collections.abc import Sequence

from gateway.admit.errors import BrokenChain, Gap
from gateway.store.rows import Head, Permit
from wireformat import codes
from wireformat.chained import Chained, Event
from wireformat.identity import GENESIS_PREV, PREV_BYTES

MAX_LEADING = 32
"""Gaps sent ahead of a record: half of what a transaction holds."""

Position = tuple[int, int]
"""(epoch, seq); tuples order as records do."""


def follows(before: Position, after: Position) -> bool:
    """Whether `after` may come right after `before`: next in its epoch, or first of a later."""
    if after[0] == before[0]:
        return after[1] == before[1] + 1
    return after[0] > before[0] and after[1] == 0


def bridged(head: Position | None, target: Position, permits: Sequence[Permit]) -> bool:
    """Whether signed gaps account for everything between `head` and `target`.

    Each gap must begin where the known part ends (or inside it), the last must end right
    before `target`. Without a head, the first gap may begin anywhere: nothing is known of before.
    """
    reached, used = head, False
    for permit in sorted(permits, key=lambda permit: (permit.first, permit.last)):
        known = reached is None or permit.first <= reached or follows(reached, permit.first)
        if known and (reached is None or permit.last > reached) and permit.last < target:
            reached, used = permit.last, True
    return used and reached is not None and follows(reached, target)


def leading_to(target: Position, permits: Sequence[Permit]) -> list[Permit]:
    """The signed gaps that end right before `target` or before one another, the first one first."""
    found: list[Permit] = []
    at, left = target, [permit for permit in permits if permit.last < target]
    while len(found) < MAX_LEADING:
        fitting = [p for p in left if p.first < at and (p.last >= at or follows(p.last, at))]
        if not fitting:
            break
        # An epoch's first record may follow any end: the latest one is the one that it does follow.
        latest = max(permit.last for permit in fitting)
        widest = min((p for p in fitting if p.last == latest), key=lambda permit: permit.first)
        found.insert(0, widest)
        at = widest.first
    return found


def check_link(record: Chained, head: Head | None, permits: Sequence[Permit]) -> None:
    """Refuse `record` unless it continues the chain at `head`, directly or over signed gaps.

    Raises `Gap` or `BrokenChain`. Positions at or before the head are not this rule's matter.
    """
    # How it is almost always, some thousand times a second.
    next_one = head and (record.epoch, record.seq) == (head.epoch, head.seq + 1)
    if head and next_one and head.hash.startswith(record.prev):
        return
    at = (record.epoch, record.seq)
    where = f"epoch {record.epoch} seq {record.seq}"
    last = None if head is None else (head.epoch, head.seq)
    prev = GENESIS_PREV if head is None else head.hash[:PREV_BYTES]
    adjacent = record.seq == 0 if last is None else follows(last, at)
    if adjacent and record.prev == prev:
        return
    if bridged(last, at, permits):
        return
    if not adjacent:
        known = "nothing before it" if last is None else f"epoch {last[0]} seq {last[1]}"
        raise Gap(f"{known} is the last known", where)
    raise BrokenChain(f"previous-hash {record.prev.hex()}, expected {prev.hex()}", where)


def permit_of(record: object, device: bytes, evidence: bytes) -> Permit | None:
    """The gap that a verified journal-gap event names; None for every other record."""
    if not isinstance(record, Event) or record.kind != codes.EV_JOURNAL_GAP:
        return None
    if len(record.detail) != 4:
        return None
    first, last = tuple(record.detail[:2]), tuple(record.detail[2:])
    # A gap reports the past only: it can't excuse what comes after it.
    if first > last or last >= (record.epoch, record.seq):
        return None
    return Permit(device, (first[0], first[1]), (last[0], last[1]), evidence)
