"""Metering: admits signed records, keeps each board's chain, freezes what contradicts itself.

Keys: `metering/last/<addr>`, `metering/window/<addr>` (epoch, seq, hash start of the last records),
`metering/registers/<addr>`, `metering/gap/<addr>`, `metering/evidence/<addr>`.

Each record of a batch is judged by itself; the codes of `ADMISSION` go into the result in order.
Dearest check last: shape, board, duplicate, signature, chain, plausibility.

- The same bytes again are a duplicate: no error, no effect.
- Another record for a known (epoch, seq), or a next record whose prev is not the hash of the last,
  freezes the board with both as evidence: a clone, or a broken board.
- A record beyond the next one is out of order; nothing happens until the ones between arrive, or a
  signed journal-gap event (which may come early and is then noted) tells that they never will.
- The outcome of a command may come early, too: the command ends, the record waits for its turn.
- Between two records others may be left out if a batch stands for them (`batches`).
- A measurement that cannot be (registers run back, more energy than power x time, a future time)
  stays in the chain but out of the accounts.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.contracts import registry
from ledger.contracts.batches import Batch
from ledger.contracts.context import Context
from ledger.contracts.objects import (
    ACTIVE,
    FROZEN,
    REVOKED,
    Device,
    Evidence,
    LastRecord,
    Registers,
)
from ledger.contracts.plausibility import find_fault
from ledger.tx import signature_holds
from wireformat import codes, identity
from wireformat.chained import Chained, Event, Feeder, Outcome, Reading
from wireformat.errors import WireError
from wireformat.registry import CHAINED_CODES, Opened, open_signed

LAST, WINDOW, REGISTERS = b"metering/last/", b"metering/window/", b"metering/registers/"
GAP, EVIDENCE = b"metering/gap/", b"metering/evidence/"

ADMITTED, DUPLICATE, NOTED, IMPLAUSIBLE, HEARD = 0, 1, 2, 3, 4
MALFORMED, UNKNOWN_DEVICE, WRONG_AREA, DEVICE_REVOKED, DEVICE_FROZEN = 16, 17, 18, 19, 20
BAD_SIGNATURE, OUT_OF_ORDER, STALE, EQUIVOCATION, BROKEN_PREV = 21, 22, 23, 24, 25
ADMISSION = {
    ADMITTED: "admitted",
    DUPLICATE: "duplicate",
    NOTED: "gap noted",
    IMPLAUSIBLE: "implausible: chained, not counted",
    HEARD: "outcome heard ahead of its turn",
    MALFORMED: "malformed",
    UNKNOWN_DEVICE: "unknown device",
    WRONG_AREA: "wrong area",
    DEVICE_REVOKED: "device revoked",
    DEVICE_FROZEN: "device frozen",
    BAD_SIGNATURE: "bad signature",
    OUT_OF_ORDER: "out of order",
    STALE: "older than the window",
    EQUIVOCATION: "two records for one sequence: frozen",
    BROKEN_PREV: "broken previous-hash: frozen",
}
FIRST_REFUSAL = MALFORMED
"""Codes from here on mean that the record is not in the chain."""

_SLOT_BYTES = 8 + identity.PREV_BYTES
MAX_GAPS = 16
_HALVES = 2
"""A boot event shows 8 bytes of a digest, as two numbers."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One admitted record for the other contracts, or an outcome that came ahead of its turn.

    `energy_wh` per channel is (import, export) since the last counted measurement, which was
    `elapsed_s` before; None where there is nothing to count (first contact, events, implausible).
    """

    address: bytes
    device: Device
    record: Chained
    energy_wh: list[tuple[int, int]] | None
    elapsed_s: int


Stale = dict[tuple[bytes, int, int], bytes]
"""(address, epoch, seq) of records of one transaction that came too late: the hash's start."""


def admit(
    ctx: Context,
    area: int,
    code: int,
    data: bytes,
    batch: Batch | None = None,
    stale: Stale | None = None,
) -> tuple[int, Measured | None]:
    """Judge one record that a gateway of `area` (0: any) brings; its code is of `ADMISSION`.

    `batch`: what is left out between the board's last record and this one. `stale` collects what is
    too old to be compared with what the ledger knows; two such of one place still freeze a board.
    """
    try:
        opened = _open(code, data, ctx.chain_id)
    except WireError:
        return MALFORMED, None
    found = registry.device_of_kid(ctx, opened.kid)
    if found is None:
        return UNKNOWN_DEVICE, None
    address, device = found
    if area not in (0, device.area):
        return WRONG_AREA, None
    record = opened.record
    assert isinstance(record, Chained)
    known = known_hash(ctx, address, record.epoch, record.seq)
    if known == identity.prev_hash(data):
        return DUPLICATE, None
    if device.status != ACTIVE:
        return (DEVICE_REVOKED if device.status == REVOKED else DEVICE_FROZEN), None
    if not signature_holds(device.public_key, opened.to_be_signed, opened.signature):
        return BAD_SIGNATURE, None
    new = _Arrival(address, device, record, data, known)
    if batch is not None and known is None:
        return _close(ctx, new, batch)
    judged = _chain(ctx, new)
    return judged if judged[0] != STALE or stale is None else (_twice(ctx, new, stale), None)


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A truly signed record of an active board; `known` is the hash held for its place."""

    address: bytes
    device: Device
    record: Chained
    data: bytes
    known: bytes | None

    @property
    def place(self) -> tuple[int, int]:
        return self.record.epoch, self.record.seq


def _open(code: int, data: bytes, chain_id: str) -> Opened:
    if code not in CHAINED_CODES:
        raise WireError(f"type code {code} is not chained")
    return open_signed(code, data, chain_id)


def _chain(ctx: Context, new: _Arrival) -> tuple[int, Measured | None]:
    if new.known is not None:
        return _freeze(ctx, new, EQUIVOCATION, new.known), None
    last = ctx.load(LastRecord, LAST + new.address)
    if last is not None and new.place <= (last.epoch, last.seq):
        return STALE, None
    if last is not None and _is_broken(last, new):
        return _freeze(ctx, new, BROKEN_PREV, last.head[: identity.PREV_BYTES]), None
    if not _is_next(last, new) and not _licensed(ctx, last, new):
        if isinstance(new.record, Outcome):
            return HEARD, Measured(new.address, new.device, new.record, None, 0)
        return _note_gap(ctx, new), None
    return _take(ctx, last, new)


def _close(ctx: Context, new: _Arrival, batch: Batch) -> tuple[int, Measured | None]:
    """Take `new` as the record that follows a batch, if the board's own word agrees.

    A batch that doesn't fit is the gateway's fault and never freezes a board.
    """
    last = ctx.load(LastRecord, LAST + new.address)
    if last is None or new.place <= (last.epoch, last.seq):
        return _chain(ctx, new)
    if (batch.epoch, batch.first_seq) != (last.epoch, last.seq + 1):
        return OUT_OF_ORDER, None
    count = last.records + batch.count
    end = LastRecord(batch.epoch, batch.last_seq, batch.last_hash, ctx.height, count)
    follows = new.record.prev == batch.last_hash[: identity.PREV_BYTES]
    if not follows or not _is_next(end, new):
        return OUT_OF_ORDER, None
    ctx.emit(
        "metering/batch",
        address=new.address,
        epoch=batch.epoch,
        first_seq=batch.first_seq,
        count=batch.count,
        root=batch.root,
    )
    return _take(ctx, end, new)


def _twice(ctx: Context, new: _Arrival, stale: Stale) -> int:
    """A place that a batch stands for, or that is long past: two of its records prove a clone."""
    digest = identity.prev_hash(new.data)
    first = stale.setdefault((new.address, *new.place), digest)
    return STALE if first == digest else _freeze(ctx, new, EQUIVOCATION, first)


def _is_next(last: LastRecord | None, new: _Arrival) -> bool:
    """Follows the last record by its previous-hash and its place, as far as both can tell."""
    if last is None:
        return new.record.prev == identity.GENESIS_PREV and new.record.seq == 0
    if new.record.epoch == last.epoch:
        return new.record.seq == last.seq + 1
    return new.record.seq == 0 and new.record.prev == last.head[: identity.PREV_BYTES]


def _is_broken(last: LastRecord, new: _Arrival) -> bool:
    """True if no honest board can have signed `new` after `last`, whatever is missing between."""
    follows = new.record.prev == last.head[: identity.PREV_BYTES]
    if new.record.epoch == last.epoch:
        # Next by sequence but not by hash, or next by hash but not by sequence.
        return follows != (new.record.seq == last.seq + 1)
    # A new epoch starts at 0. Not following is no proof: the old epoch's tail may be missing.
    return follows and new.record.seq != 0


_Place = tuple[int, int]


def _licensed(ctx: Context, last: LastRecord | None, new: _Arrival) -> bool:
    """True if noted gap events cover everything between `last` and `new`."""
    start = (last.epoch, last.seq) if last else None
    covered = start
    for first, end in _gaps(ctx, new.address):
        if end >= new.place:
            # A later gap: an epoch's end can't be told from a hole, so it must not lead past `new`.
            continue
        if covered is None or first <= covered or _may_follow(covered, first):
            covered = end if covered is None else max(covered, end)
    return covered is not None and covered != start and _may_follow(covered, new.place)


def _may_follow(place: _Place, following: _Place) -> bool:
    """True if nothing need lie between: the next sequence, or the start of a later epoch."""
    if following[0] == place[0]:
        return following[1] == place[1] + 1
    return following[0] > place[0] and following[1] == 0


def _note_gap(ctx: Context, new: _Arrival) -> int:
    """Keep the range that a journal-gap event tells of, although the event itself is early."""
    record = new.record
    if not isinstance(record, Event) or record.kind != codes.EV_JOURNAL_GAP:
        return OUT_OF_ORDER
    if len(record.detail) != 4 or max(record.detail) > 0xFFFFFFFF:
        return MALFORMED
    first, end = (record.detail[0], record.detail[1]), (record.detail[2], record.detail[3])
    if not first <= end < new.place:
        return MALFORMED
    last = ctx.load(LastRecord, LAST + new.address)
    past = (last.epoch, last.seq) if last else (-1, -1)
    known = [gap for gap in _gaps(ctx, new.address) if gap[1] > past]
    # The earliest are needed first; one that finds no room is sent again when its turn comes.
    kept = _merged([*known, (first, end)])[:MAX_GAPS]
    if not any(gap[0] <= first and end <= gap[1] for gap in kept):
        return OUT_OF_ORDER
    if kept != known:
        raw = b"".join(number.to_bytes(4, "big") for gap in kept for at in gap for number in at)
        ctx.state.put(GAP + new.address, raw)
        ctx.emit("metering/gap", address=new.address, first_seq=first[1], last_seq=end[1])
    return NOTED


def _merged(gaps: list[tuple[_Place, _Place]]) -> list[tuple[_Place, _Place]]:
    """Ranges ascending, those that overlap or adjoin within an epoch as one."""
    kept: list[tuple[_Place, _Place]] = []
    for first, end in sorted(gaps):
        if kept and (first <= kept[-1][1] or first == (kept[-1][1][0], kept[-1][1][1] + 1)):
            kept[-1] = (kept[-1][0], max(kept[-1][1], end))
        else:
            kept.append((first, end))
    return kept


def _gaps(ctx: Context, address: bytes) -> list[tuple[_Place, _Place]]:
    """Noted ranges (first, last) of lost records, ascending."""
    raw = ctx.state.get(GAP + address) or b""
    rows = [raw[at : at + 16] for at in range(0, len(raw), 16)]
    return [(_place(row[:8]), _place(row[8:])) for row in rows]


def _place(raw: bytes) -> _Place:
    return int.from_bytes(raw[:4], "big"), int.from_bytes(raw[4:8], "big")


def _tell_calibration(ctx: Context, new: _Arrival) -> None:
    """A boot with another calibration than was enrolled is told, and stops nothing (ADR 143)."""
    shown = booted_with(new.record)
    enrolled = new.device.calibration
    if shown is not None and enrolled and enrolled[: len(shown)] != shown:
        ctx.emit("metering/calibration", address=new.address, seq=new.record.seq, shown=shown)


def booted_with(record: Chained) -> bytes | None:
    """The first bytes of the calibration's digest that a boot event shows; None of any other."""
    if not isinstance(record, Event) or record.kind != codes.EV_BOOT:
        return None
    halves = record.detail[1:3]
    if len(halves) != _HALVES or max(halves) > 0xFFFFFFFF:
        return None
    return b"".join(half.to_bytes(4, "big") for half in halves)


def _take(ctx: Context, last: LastRecord | None, new: _Arrival) -> tuple[int, Measured | None]:
    _remember(ctx, last, new)
    record = new.record
    if not isinstance(record, (Reading, Feeder)):
        _tell_calibration(ctx, new)
        return ADMITTED, Measured(new.address, new.device, record, None, 0)
    before = ctx.load(Registers, REGISTERS + new.address)
    fault = find_fault(ctx, new.device, before, record)
    if fault:
        ctx.emit("metering/implausible", address=new.address, seq=record.seq, why=fault)
        return IMPLAUSIBLE, None
    now = [[row[0], row[1]] for row in record.channels]
    ctx.save(
        REGISTERS + new.address,
        Registers(record.time_s, now, [row[2] for row in record.channels], record.flags),
    )
    if before is None:
        return ADMITTED, Measured(new.address, new.device, record, None, 0)
    energy = [(a[0] - b[0], a[1] - b[1]) for a, b in zip(now, before.registers_wh, strict=True)]
    untrusted = (record.flags | before.flags) & codes.CLOCK_UNTRUSTED
    elapsed_s = record.interval_s if untrusted else record.time_s - before.time_s
    return ADMITTED, Measured(new.address, new.device, record, energy, elapsed_s)


def _remember(ctx: Context, last: LastRecord | None, new: _Arrival) -> None:
    count = last.records + 1 if last else 1
    head = identity.record_hash(new.data)
    ctx.save(LAST + new.address, LastRecord(*new.place, head, ctx.height, count))
    slot = b"".join(n.to_bytes(4, "big") for n in new.place) + head[: identity.PREV_BYTES]
    window = (ctx.state.get(WINDOW + new.address) or b"") + slot
    ctx.state.put(WINDOW + new.address, window[-ctx.params.limits.record_window * _SLOT_BYTES :])


def known_hash(ctx: Context, address: bytes, epoch: int, seq: int) -> bytes | None:
    """Hash start (16 bytes) of the admitted record of that place, if still in the window."""
    window = ctx.state.get(WINDOW + address) or b""
    place = epoch.to_bytes(4, "big") + seq.to_bytes(4, "big")
    at = window.find(place)
    while at % _SLOT_BYTES and at >= 0:
        at = window.find(place, at + 1)
    return window[at + 8 : at + _SLOT_BYTES] if at >= 0 else None


def _freeze(ctx: Context, new: _Arrival, reason: int, first: bytes) -> int:
    device = new.device
    device.status, device.status_height = FROZEN, ctx.height
    ctx.save(registry.DEVICE + new.address, device)
    ctx.save(EVIDENCE + new.address, Evidence(reason, *new.place, first, new.data, ctx.height))
    ctx.emit("metering/frozen", address=new.address, reason=reason, seq=new.record.seq)
    return reason
