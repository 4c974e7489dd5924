"""Losses: what an M-LMD measures, less what the meters behind it count, at each boundary.

Keys: `losses/<area><mlmd>` (the account), `losses_model/<area><mlmd>` (what the operator allows),
`losses_boundary/<area><mlmd><slot>` (registers at boundaries that are not complete yet),
`losses_suspects/<area><mlmd>`. A slot is a boundary's time over `boundary_s`.

Only boundary records with trusted time count, at most `LATE_S` after the boundary; their registers
are taken back to it by their mean power. When every meter behind an M-LMD has told of a boundary,
the interval since the last such boundary is settled. A board's records come in order, so once all
are past a boundary nothing can be missing before it: late data make an interval late, not wrong,
and a lost boundary joins two intervals. Boundaries wait for `WAIT_SLOTS` (a day), no longer.
"""

from __future__ import annotations

from typing import Any

from ledger.contracts import loss_rule, registry, suspects
from ledger.contracts.bodies import LossModelBody
from ledger.contracts.context import Context, u32
from ledger.contracts.errors import BadLossModel
from ledger.contracts.loss_rule import Ends, Flow
from ledger.contracts.metering import Measured
from ledger.contracts.objects import (
    ACTIVE,
    ATTESTED,
    Boundary,
    Device,
    LossAccount,
    LossModel,
    Suspects,
)
from ledger.contracts.registry import OPERATOR_ROLE, Signer
from ledger.contracts.suspects import Suspicion
from wireformat import codes
from wireformat.chained import Feeder, Reading

ACCOUNT, MODEL = b"losses/", b"losses_model/"
BOUNDARY, SUSPECTS = b"losses_boundary/", b"losses_suspects/"
LATE_S = 60
WAIT_SLOTS = 96
RECENT = 96
REPORT_INTERVALS = 24
"""A suspected loss is told again after so many intervals, and when `likely` changes."""
_S_PER_HOUR = 3600
_Row = list[Any]


def loss_model(ctx: Context, signer: Signer, body: LossModelBody) -> None:
    """Set what a section may lose."""
    signer.require(OPERATOR_ROLE)
    device = registry.need_device(ctx, body.mlmd)
    if device.role != codes.MLMD:
        raise BadLossModel(f"board {body.mlmd.hex()} is no M-LMD")
    model = LossModel(
        body.fixed_w, body.quadratic_mw, body.accuracy_ppm, body.margin_wh, body.skew_s
    )
    ctx.save(MODEL + u32(device.area) + body.mlmd, model)
    ctx.emit("losses/model", mlmd=body.mlmd)


def on_record(ctx: Context, measured: Measured) -> None:
    """Note a boundary's registers; settle the section's interval once nobody's are missing."""
    record, device = measured.record, measured.device
    if not isinstance(record, (Reading, Feeder)) or not record.flags & codes.BOUNDARY:
        return
    late_s = record.time_s % ctx.params.limits.boundary_s
    mlmd = measured.address if device.role == codes.MLMD else device.section
    if record.flags & codes.CLOCK_UNTRUSTED or late_s > LATE_S or not mlmd:
        return
    if device.role != codes.MLMD and not registry.measures_a_home(device):
        return
    section = u32(device.area) + mlmd
    slot = record.time_s // ctx.params.limits.boundary_s
    rows = _noted(ctx, section, slot, _row(ctx, section, measured, late_s))
    # Most records are not the last of their boundary: count before looking any closer.
    if len(rows) > len(registry.addresses_behind(ctx, mlmd)):
        _settle_if_complete(ctx, section, slot, rows)


def model_of(ctx: Context, section: bytes) -> LossModel:
    """The operator's figures for `<area><mlmd>`, or the defaults."""
    return ctx.load(LossModel, MODEL + section) or LossModel()


def _row(ctx: Context, section: bytes, measured: Measured, late_s: int) -> _Row:
    """A device's registers at the boundary, and by how much they may be wrong there."""
    record = measured.record
    assert isinstance(record, (Reading, Feeder))
    skew_s = late_s + model_of(ctx, section).skew_s
    taken = given = load = doubt = 0
    for (kind, _), (import_wh, export_wh, mean_w, max_w, _) in zip(
        measured.device.channels, record.channels, strict=True
    ):
        since_wh = abs(mean_w) * late_s // _S_PER_HOUR
        taken += import_wh - (since_wh if mean_w > 0 else 0)
        given += export_wh - (since_wh if mean_w < 0 else 0)
        load += import_wh - (since_wh if mean_w > 0 else 0) if kind == codes.LOAD else 0
        doubt += 1 - (-max_w * skew_s // _S_PER_HOUR)
    return [measured.address, taken, given, load, doubt]


def _noted(ctx: Context, section: bytes, slot: int, row: _Row) -> list[_Row]:
    """The boundary's rows with this one; none if it is settled already."""
    key = BOUNDARY + section + u32(slot)
    boundary = ctx.load(Boundary, key)
    if boundary is None:
        account = ctx.load(LossAccount, ACCOUNT + section)
        if account is not None and slot <= account.slot:
            return []
        boundary = Boundary()
        _forget(ctx, section, slot - WAIT_SLOTS)
    if all(known[0] != row[0] for known in boundary.rows):
        boundary.rows = sorted([*boundary.rows, row])
        ctx.save(key, boundary)
    return boundary.rows


def _forget(ctx: Context, section: bytes, before_slot: int) -> None:
    for key, _ in ctx.state.iterate(BOUNDARY + section):
        if int.from_bytes(key[-4:], "big") >= before_slot:
            break
        ctx.state.delete(key)


def _settle_if_complete(ctx: Context, section: bytes, slot: int, noted: list[_Row]) -> None:
    members = _members(ctx, section[4:])
    rows = [row for row in noted if row[0] in members]
    if len(rows) < len(members) or any(d.status != ACTIVE for d in members.values()):
        return
    account = ctx.load(LossAccount, ACCOUNT + section)
    if account is None:
        ctx.save(ACCOUNT + section, LossAccount(slot, rows))
    else:
        _settle(ctx, section, account, _Interval(section[4:], members, account, slot, rows))
    _forget(ctx, section, slot + 1)


def _members(ctx: Context, mlmd: bytes) -> dict[bytes, Device]:
    """The M-LMD and every device whose energy is counted behind it."""
    return {mlmd: registry.need_device(ctx, mlmd), **dict(registry.devices_behind(ctx, mlmd))}


class _Interval:
    """Energy between two complete boundaries of a section, in Wh."""

    def __init__(
        self,
        mlmd: bytes,
        members: dict[bytes, Device],
        account: LossAccount,
        slot: int,
        rows: list[_Row],
    ) -> None:
        before = {row[0]: row for row in account.rows}
        self.mlmd, self.slot, self.rows, self.slots = mlmd, slot, rows, slot - account.slot
        # A board that joined or left meanwhile took energy that nobody can tell.
        self.is_whole = before.keys() == {row[0] for row in rows}
        self.begin_doubt_wh = sum(row[4] for row in account.rows)
        self.end_doubt_wh = sum(row[4] for row in rows)
        self.loads_wh: dict[bytes, int] = {}
        self.import_wh = self.export_wh = self.signed_wh = self.attested_wh = self.metered_wh = 0
        for row in rows if self.is_whole else ():
            taken, given, load = (row[at] - before[row[0]][at] for at in (1, 2, 3))
            if row[0] == mlmd:
                self.import_wh, self.export_wh = taken, given
                continue
            self.metered_wh += abs(taken) + abs(given)
            if members[row[0]].trust == ATTESTED:
                self.attested_wh += taken - given
            else:
                self.signed_wh += taken - given
            if any(kind == codes.LOAD for kind, _ in members[row[0]].channels):
                self.loads_wh[row[0]] = load


def _settle(ctx: Context, section: bytes, account: LossAccount, interval: _Interval) -> None:
    account.slot, account.rows = interval.slot, interval.rows
    if interval.is_whole:
        _judge(ctx, section, account, interval)
    else:
        account.unjudged += 1
    ctx.save(ACCOUNT + section, account)


def _judge(ctx: Context, section: bytes, account: LossAccount, interval: _Interval) -> None:
    model = model_of(ctx, section)
    length_s = interval.slots * ctx.params.limits.boundary_s
    flow = Flow(length_s, interval.import_wh, interval.export_wh, interval.metered_wh)
    technical_wh = loss_rule.technical_wh(model, flow)
    allowed_wh = loss_rule.allowed_wh(model, flow)
    known_wh = interval.signed_wh + interval.attested_wh + technical_wh
    residual_wh = interval.import_wh - interval.export_wh - known_wh
    ends = Ends(interval.begin_doubt_wh, interval.end_doubt_wh, model.margin_wh)
    loss_rule.follow(account, residual_wh, allowed_wh, ends)
    _book(account, interval, technical_wh, residual_wh, allowed_wh)
    sums = ctx.load(Suspects, SUSPECTS + section) or Suspects()
    if interval.slots == 1:
        suspects.follow(sums, interval.loads_wh, residual_wh, is_quiet=not account.high)
        ctx.save(SUSPECTS + section, sums)
    _tell(ctx, section, account, sums)


def _book(
    account: LossAccount,
    interval: _Interval,
    technical_wh: int,
    residual_wh: int,
    allowed_wh: int,
) -> None:
    account.intervals += 1
    account.import_wh += interval.import_wh
    account.export_wh += interval.export_wh
    account.signed_wh += interval.signed_wh
    account.attested_wh += interval.attested_wh
    account.technical_wh += technical_wh
    account.residual_wh += residual_wh
    line = [interval.slot, interval.slots, interval.import_wh, interval.export_wh]
    line += [interval.signed_wh, interval.attested_wh, technical_wh, residual_wh, allowed_wh]
    account.recent = [*account.recent, line][-RECENT:]


def _tell(ctx: Context, section: bytes, account: LossAccount, sums: Suspects) -> None:
    mlmd = section[4:]
    _tell_surplus(ctx, mlmd, account)
    if account.suspected_slot and not account.high:
        account.suspected_slot = 0
        ctx.emit("losses/cleared", mlmd=mlmd, slot=account.slot)
        return
    if not account.suspected_slot and loss_rule.is_loss(account):
        account.suspected_slot = account.slot
    if not account.suspected_slot:
        return
    ranked = suspects.ranking(sums)
    likely = suspects.likely(sums, ranked)
    is_due = (account.slot - account.suspected_slot) % REPORT_INTERVALS == 0
    if is_due or likely != sums.likely:
        sums.is_told, sums.likely = 1, likely
        ctx.save(SUSPECTS + section, sums)
        _report(ctx, mlmd, account, sums, ranked)


def _tell_surplus(ctx: Context, mlmd: bytes, account: LossAccount) -> None:
    if account.surplus_slot and not account.low:
        account.surplus_slot = 0
        ctx.emit("losses/cleared", mlmd=mlmd, slot=account.slot)
    elif not account.surplus_slot and loss_rule.is_surplus(account):
        account.surplus_slot = account.slot
        ctx.emit(
            "losses/surplus",
            mlmd=mlmd,
            slot=account.slot,
            sum_wh=account.low,
            limit_wh=account.limit_wh,
        )


def _report(
    ctx: Context, mlmd: bytes, account: LossAccount, sums: Suspects, ranked: list[Suspicion]
) -> None:
    """The section is certain, the meter is not: told with scores (permille), the first three."""
    named: dict[str, int | str | bytes] = {}
    for place, one in enumerate(ranked[:3], 1):
        named |= {f"meter_{place}": one.address, f"score_{place}": one.score}
        named |= {f"share_{place}": one.share}
    ctx.emit(
        "losses/suspected",
        mlmd=mlmd,
        slot=account.slot,
        since_slot=account.suspected_slot,
        mean_wh=sums.residual // max(sums.n, 1),
        sum_wh=account.high,
        limit_wh=account.limit_wh,
        likely=sums.likely,
        **named,
    )
