"""Opt-out: a board whose people opted out or locked it is left alone until it reports back in.

Key: `management/out/<device>`. A board says so by flag, by event, or by refusing an order; it says
that it is back by event, or by a reading without the flag. A lock shows in no flag: such a board is
asked again once an hour, and what it then does is its answer.
"""

from __future__ import annotations

from ledger.contracts.context import NEVER_MS, Context
from ledger.contracts.metering import Measured
from ledger.contracts.objects import DONE, REFUSED, Intent, Out
from wireformat import codes
from wireformat.chained import Chained, Event, Feeder, Reading

OUT = b"management/out/"
PROBE_S = 3600
_LEFT_ALONE = (codes.R_OPTED_OUT, codes.R_LOCKED_OUT)


def on_record(ctx: Context, measured: Measured) -> bool:
    """Follow flags and events; True if the board is back in."""
    record = measured.record
    if isinstance(record, Event):
        return _on_event(ctx, measured, record.kind)
    if not isinstance(record, (Reading, Feeder)):
        return False
    if record.flags & codes.OPTED_OUT:
        _leave(ctx, measured.address, codes.R_OPTED_OUT, _at_ms(record))
        return False
    out = ctx.load(Out, OUT + measured.address)
    if out is None or out.reason != codes.R_OPTED_OUT or _is_older(record, out):
        return False
    return _return(ctx, measured.address)


def on_outcome(ctx: Context, intent: Intent) -> bool:
    """Follow a refusal for that reason, or an order done after all; True if it is back in."""
    if intent.status == REFUSED and intent.reason in _LEFT_ALONE:
        _leave(ctx, intent.target, intent.reason, intent.at_ms)
    return intent.status == DONE and _return(ctx, intent.target)


def asks_again_ms(ctx: Context, device: bytes) -> int:
    """When the board may be given orders: 0 is now, `NEVER_MS` when it says so itself."""
    out = ctx.load(Out, OUT + device)
    if out is None:
        return 0
    return out.probe_ms or NEVER_MS


def note_probe(ctx: Context, device: bytes) -> None:
    """An order goes to a locked board to see whether it is still locked; not before long again."""
    out = ctx.load(Out, OUT + device)
    if out is not None:
        out.probe_ms = ctx.now_ms + PROBE_S * 1000
        ctx.save(OUT + device, out)


def _on_event(ctx: Context, measured: Measured, kind: int) -> bool:
    at_ms = _at_ms(measured.record)
    if kind == codes.EV_OPT_OUT:
        _leave(ctx, measured.address, codes.R_OPTED_OUT, at_ms)
    elif kind == codes.EV_LOCKOUT and measured.device.role != codes.MLMD:
        # An M-LMD's lock-out is of its breaker, which no contract closes anyway.
        _leave(ctx, measured.address, codes.R_LOCKED_OUT, at_ms)
    out = ctx.load(Out, OUT + measured.address)
    if kind != codes.EV_OPT_IN or out is None or _is_older(measured.record, out):
        return False
    return _return(ctx, measured.address)


def _at_ms(record: Chained) -> int:
    """The board's own time of a record; 0 if it does not vouch for it."""
    return 0 if record.flags & codes.CLOCK_UNTRUSTED else record.time_s * 1000


def _is_older(record: Chained, out: Out) -> bool:
    """Whether a record tells of a time before the board went out: a refusal may come ahead of its
    turn, and what the board recorded before it says nothing of now."""
    at_ms = _at_ms(record)
    return bool(at_ms) and at_ms + 1000 <= out.since_ms


def _leave(ctx: Context, device: bytes, reason: int, at_ms: int) -> None:
    out = ctx.load(Out, OUT + device)
    if out is not None and out.reason == reason:
        return
    probe_ms = ctx.now_ms + PROBE_S * 1000 if reason == codes.R_LOCKED_OUT else 0
    ctx.save(OUT + device, Out(at_ms, reason, probe_ms))
    ctx.emit("management/left_alone", device=device, reason=reason)


def _return(ctx: Context, device: bytes) -> bool:
    if ctx.state.get(OUT + device) is None:
        return False
    ctx.state.delete(OUT + device)
    ctx.emit("management/back_in", device=device)
    return True
