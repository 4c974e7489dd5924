"""Control: intents that become signed commands, and how each one ends.

Keys: `control/intent/<id8>`, `control/counter/<device>`, `control/open/<area><device><asset>`
(to the intent's id), `control/closed/<ms><id8>` (for pruning), `control/held/<area><device><asset>`
(what the grid asked for, while it stands: see `priority`).

- At most one intent is open per asset. A newer one supersedes: the older closes at once as expired
  with reason `R_REPLAYED`, for the board, which counts upwards, would refuse it as replayed.
- What a higher rank asked for stands against lower ones until it is withdrawn, refused, or lapses.
- Every intent ends as done or refused (by the board's signed outcome) or expired (no outcome until
  `expires_s` + grace, by block time).
- A board's outcome that comes after the ledger closed its intent as expired replaces that ending:
  the board's signed word about what happened outranks a time-out.
- An outcome may come twice, ahead of its turn in the board's chain and in it: then in silence.
- Ended intents stay provable for `intent_retention_s`; their events stay in the blocks for ever.
"""

from __future__ import annotations

import hashlib
from itertools import islice

from ledger.contracts import objects, priority
from ledger.contracts.context import NEVER_MS, Context, load, u32, u64
from ledger.contracts.objects import Device, Held, Intent
from ledger.contracts.priority import Order as Order
from ledger.state import State
from wireformat import codes
from wireformat.chained import Outcome

INTENT, COUNTER = b"control/intent/", b"control/counter/"
OPEN, CLOSED = b"control/open/", b"control/closed/"
HELD = b"control/held/"
ID_BYTES = 8
MAX_PRUNED_PER_BLOCK = 64

INTENT_EVENT, OUTRANKED_EVENT = "control/intent", "control/outranked"


def open_key(area: int, device: bytes, asset: int) -> bytes:
    """Where the open intent of an asset is listed."""
    return OPEN + u32(area) + device + bytes((asset,))


def outranked_until_s(ctx: Context, area: int, order: Order) -> int:
    """Until when a higher rank stands against `order`, block time; 0 if none does."""
    held = ctx.load(Held, _held_key(area, order.device, order.asset))
    if held is None or held.rank <= order.rank or ctx.now_s >= held.expires_s:
        return 0
    return held.expires_s if priority.contradicts(order, held.action, held.value) else 0


def withdraw(ctx: Context, area: int, device: bytes, asset: int) -> None:
    """What the grid asked of an asset it asks no longer; its command may be overtaken."""
    ctx.state.delete(_held_key(area, device, asset))


def request(ctx: Context, device: Device, order: Order) -> Intent | None:
    """Open an intent for `order`, superseding the one that the asset has; None if outranked."""
    listed = open_key(device.area, order.device, order.asset)
    if until_s := outranked_until_s(ctx, device.area, order):
        ctx.emit(
            OUTRANKED_EVENT,
            target=order.device,
            asset=order.asset,
            action=order.action,
            value=order.value,
            why=order.why,
            until_s=until_s,
        )
        return None
    previous = ctx.state.get(listed)
    if previous is not None:
        _close(ctx, device.area, _need(ctx, previous), objects.EXPIRED, codes.R_REPLAYED)
    limits = ctx.params.limits
    counter = int.from_bytes(ctx.state.get(COUNTER + order.device) or b"", "big") + 1
    ctx.state.put(COUNTER + order.device, counter.to_bytes(6, "big"))
    intent = Intent(
        id=_intent_id(ctx, order.device, counter),
        counter=counter,
        target=order.device,
        asset=order.asset,
        action=order.action,
        value=order.value,
        # Boards lag the ledger by their beacon's age; without this they would refuse as too early.
        not_before_s=ctx.now_s - limits.clock_skew_s,
        expires_s=ctx.now_s + limits.command_validity_s,
        height=ctx.height,
        index=len(ctx.events),
    )
    ctx.save(INTENT + intent.id, intent)
    ctx.state.put(listed, intent.id)
    if order.rank == priority.GRID:
        held = Held(intent.id, order.rank, order.action, order.value, intent.expires_s)
        ctx.save(_held_key(device.area, order.device, order.asset), held)
    ctx.emit(
        INTENT_EVENT,
        id=intent.id,
        counter=counter,
        area=device.area,
        target=order.device,
        asset=order.asset,
        action=order.action,
        value=order.value,
        not_before_s=intent.not_before_s,
        expires_s=intent.expires_s,
        why=order.why,
    )
    return intent


def on_outcome(ctx: Context, address: bytes, device: Device, record: Outcome) -> Intent | None:
    """Close the intent that a board reports on; returns it, or None if there was nothing to do."""
    intent = ctx.load(Intent, INTENT + record.command_id)
    fits = (
        intent is not None
        and intent.target == address
        and (intent.counter, intent.asset) == (record.counter, record.asset)
        and record.status in codes.OUTCOME_STATUS
    )
    if intent is None or not fits:
        ctx.emit("control/unknown_outcome", id=record.command_id, target=address)
        return None
    if _is_known(intent, record):
        return None
    if intent.status in (objects.DONE, objects.REFUSED):
        ctx.emit("control/repeated_outcome", id=intent.id, target=address)
        return None
    intent.state, intent.at_ms = record.state, record.at_ms
    _close(ctx, device.area, intent, record.status, record.reason)
    return intent


def _is_known(intent: Intent, record: Outcome) -> bool:
    """Whether the intent ended by this very word already."""
    ended = (intent.status, intent.reason, intent.state, intent.at_ms)
    return ended == (record.status, record.reason, record.state, record.at_ms)


def tick(ctx: Context) -> list[Intent]:
    """Close what nobody reported on in time, prune what ended long ago; returns what expired."""
    expired = []
    for key, identifier in ctx.state.iterate(OPEN):
        intent = _need(ctx, identifier)
        if ctx.now_s > intent.expires_s + ctx.params.limits.outcome_grace_s:
            area = int.from_bytes(key[len(OPEN) : len(OPEN) + 4], "big")
            _close(ctx, area, intent, objects.EXPIRED, codes.R_EXPIRED)
            expired.append(intent)
    _prune(ctx)
    return expired


def due_ms(ctx: Context) -> int:
    """Block time at which `tick` next has something to expire."""
    due = NEVER_MS
    for _, identifier in ctx.state.iterate(OPEN):
        end_s = _need(ctx, identifier).expires_s + ctx.params.limits.outcome_grace_s
        due = min(due, (end_s + 1) * 1000)
    return due


def open_intents(state: State, area: int) -> list[Intent]:
    """An area's open intents, by board and asset."""
    found = []
    for _, identifier in state.iterate(OPEN + u32(area)):
        intent = load(state, Intent, INTENT + identifier)
        if intent is not None:
            found.append(intent)
    return found


def _close(ctx: Context, area: int, intent: Intent, status: int, reason: int) -> None:
    was_open = intent.status == objects.OPEN
    intent.status, intent.reason, intent.closed_height = status, reason, ctx.height
    ctx.save(INTENT + intent.id, intent)
    listed = open_key(area, intent.target, intent.asset)
    if ctx.state.get(listed) == intent.id:
        ctx.state.delete(listed)
    if status == objects.REFUSED or reason == codes.R_EXPIRED:
        _let_go(ctx, area, intent)
    if was_open:
        ctx.state.put(CLOSED + u64(ctx.now_ms) + intent.id, b"\x01")
    ctx.emit(
        f"control/{objects.INTENT_STATUS[status]}",
        id=intent.id,
        target=intent.target,
        asset=intent.asset,
        reason=reason,
        state=intent.state,
        at_ms=intent.at_ms,
        late=0 if was_open else 1,
    )


def _held_key(area: int, device: bytes, asset: int) -> bytes:
    return HELD + u32(area) + device + bytes((asset,))


def _let_go(ctx: Context, area: int, intent: Intent) -> None:
    """A board that did not do it holds nothing against others."""
    key = _held_key(area, intent.target, intent.asset)
    held = ctx.load(Held, key)
    if held is not None and held.id == intent.id:
        ctx.state.delete(key)


def _prune(ctx: Context) -> None:
    before = ctx.now_ms - ctx.params.limits.intent_retention_s * 1000
    for key, _ in islice(ctx.state.iterate(CLOSED), MAX_PRUNED_PER_BLOCK):
        if int.from_bytes(key[len(CLOSED) : len(CLOSED) + 8], "big") > before:
            return
        ctx.state.delete(key)
        ctx.state.delete(INTENT + key[-ID_BYTES:])


def _need(ctx: Context, identifier: bytes) -> Intent:
    intent = ctx.load(Intent, INTENT + identifier)
    if intent is None:
        raise AssertionError(f"intent {identifier.hex()} is listed but not there")
    return intent


def _intent_id(ctx: Context, device: bytes, counter: int) -> bytes:
    seedling = b"truewatt/1|intent|" + ctx.chain_id.encode() + b"|" + device
    return hashlib.sha256(seedling + counter.to_bytes(6, "big")).digest()[:ID_BYTES]
