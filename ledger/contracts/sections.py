"""Sections: what an M-LMD measures against its limit; sheds assets behind it, and brings them back.

The M-LMD's breaker protects the cable by itself; this contract acts before it must. It opens the
lowest priorities first, as many as their rated power says are needed, and after `shed_hold_s`
closes one at a time, the highest priority first, once there is room for it.
"""

from __future__ import annotations

from ledger.contracts import registry
from ledger.contracts.bodies import SectionLimitBody
from ledger.contracts.context import Context, u32
from ledger.contracts.errors import BadLimit
from ledger.contracts.management import ASSET, PREFERENCES, SECTION
from ledger.contracts.metering import Measured
from ledger.contracts.objects import ACTIVE, RELAY_OPEN, Asset, Device, Preferences, Section
from ledger.contracts.registry import OPERATOR_ROLE, Signer
from wireformat import codes
from wireformat.chained import Feeder

_Candidate = tuple[int, bytes, Preferences, Asset]
_STALE_S = 120
_ROOM_PERCENT = 90
# What an asset of unknown power may take when it comes back, as a share of the limit.
_UNKNOWN_PERCENT = 30


def section_limit(ctx: Context, signer: Signer, body: SectionLimitBody) -> int:
    """Lower (or lift) an M-LMD's overload limit; returns the area to look at."""
    signer.require(OPERATOR_ROLE)
    device = registry.need_device(ctx, body.mlmd)
    if device.role != codes.MLMD:
        raise BadLimit(f"board {body.mlmd.hex()} is no M-LMD")
    if body.limit_w > device.fixed_limit_w:
        raise BadLimit(f"{body.limit_w} W is above the fixed limit of {device.fixed_limit_w} W")
    if body.limit_w and body.until_s <= ctx.now_s:
        raise BadLimit(f"until_s {body.until_s} is not after block time {ctx.now_s}")
    key = SECTION + u32(device.area) + body.mlmd
    section = ctx.load(Section, key) or Section()
    section.limit_w, section.until_s = body.limit_w, body.until_s
    ctx.save(key, section)
    ctx.emit("management/section_limit", mlmd=body.mlmd, limit_w=body.limit_w, until_s=body.until_s)
    return device.area


def on_feeder(ctx: Context, measured: Measured) -> bool:
    """Compare a section's load with its limit; True if an asset is to be shed or brought back."""
    record, device = measured.record, measured.device
    if not isinstance(record, Feeder):
        return False
    key = SECTION + u32(device.area) + measured.address
    section = ctx.load(Section, key) or Section()
    trusted = not record.flags & codes.CLOCK_UNTRUSTED
    oldest_s = max(section.load_time_s, ctx.now_s - max(_STALE_S, 2 * record.interval_s))
    if trusted and record.time_s < oldest_s:
        return False
    section.load_w = abs(sum(row[2] for row in record.channels))
    section.load_time_s = record.time_s if trusted else section.load_time_s
    ctx.save(key, section)
    limit_w = limit_in_force_w(ctx, device, section)
    if section.load_w > limit_w:
        return _shed(ctx, measured, section.load_w - limit_w)
    return _bring_back(ctx, measured, section.load_w, limit_w)


def limit_in_force_w(ctx: Context, device: Device, section: Section) -> int:
    """The operator's limit while it runs, else the board's fixed one."""
    if section.limit_w and ctx.now_s < section.until_s:
        return min(section.limit_w, device.fixed_limit_w)
    return device.fixed_limit_w


def _behind(ctx: Context, measured: Measured) -> list[_Candidate]:
    """Switchable assets behind the M-LMD: (priority, key suffix, preferences, asset), ascending."""
    area = u32(measured.device.area)
    found = []
    for suffix, wishes in ctx.iterate(Preferences, PREFERENCES + area):
        device = ctx.load(Device, registry.DEVICE + suffix[:20])
        asset = ctx.load(Asset, ASSET + area + suffix)
        if device and asset and device.section == measured.address and device.status == ACTIVE:
            found.append((wishes.priority, suffix, wishes, asset))
    return sorted(found, key=lambda candidate: candidate[:2])


def _shed(ctx: Context, measured: Measured, excess_w: int) -> bool:
    did = False
    behind = _behind(ctx, measured)
    for _, _, wishes, asset in behind:
        if _is_unseen(measured, asset):
            # Without a rated power, wait for a record that shows what shedding it brought.
            excess_w -= wishes.rated_w or excess_w
    for _, suffix, wishes, asset in behind:
        if excess_w <= 0:
            break
        if asset.shed_ms or asset.desired == RELAY_OPEN:
            continue
        _mark(ctx, measured, suffix, asset, ctx.now_ms)
        did = True
        excess_w -= wishes.rated_w or excess_w
    return did


def _is_unseen(measured: Measured, asset: Asset) -> bool:
    """True if the asset was shed after the record's interval began: its mean hides the relief."""
    record = measured.record
    if not isinstance(record, Feeder) or record.flags & codes.CLOCK_UNTRUSTED:
        return False
    return asset.shed_ms > (record.time_s - record.interval_s) * 1000


def _bring_back(ctx: Context, measured: Measured, load_w: int, limit_w: int) -> bool:
    hold_ms = ctx.params.limits.shed_hold_s * 1000
    for _, suffix, wishes, asset in reversed(_behind(ctx, measured)):
        if not asset.shed_ms:
            continue
        needs_w = wishes.rated_w or limit_w * _UNKNOWN_PERCENT // 100
        if (
            ctx.now_ms - asset.shed_ms < hold_ms
            or load_w + needs_w > limit_w * _ROOM_PERCENT // 100
        ):
            return False
        _mark(ctx, measured, suffix, asset, 0)
        return True
    return False


def _mark(ctx: Context, measured: Measured, suffix: bytes, asset: Asset, shed_ms: int) -> None:
    asset.shed_ms = shed_ms
    ctx.save(ASSET + u32(measured.device.area) + suffix, asset)
    ctx.emit(
        "management/shed" if shed_ms else "management/brought_back",
        mlmd=measured.address,
        device=suffix[:20],
        asset=suffix[20],
    )
