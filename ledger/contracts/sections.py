"""Sections: what an M-LMD measures, against its limit; who gives way is `shortage`'s part."""

from __future__ import annotations

from ledger.contracts import registry, shortage
from ledger.contracts.bodies import SectionLimitBody
from ledger.contracts.context import Context, u32
from ledger.contracts.errors import BadLimit
from ledger.contracts.management import SECTION
from ledger.contracts.metering import Measured
from ledger.contracts.objects import Device, Section
from ledger.contracts.registry import OPERATOR_ROLE, Signer
from wireformat import codes
from wireformat.chained import Feeder

_STALE_S = 120


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
    """Compare a section's load with its limit; True if an asset is to give way or come back."""
    record, device = measured.record, measured.device
    if not isinstance(record, Feeder):
        return False
    key = SECTION + u32(device.area) + measured.address
    section = ctx.load(Section, key) or Section()
    trusted = not record.flags & codes.CLOCK_UNTRUSTED
    oldest_s = max(section.load_time_s, ctx.now_s - max(_STALE_S, 2 * record.interval_s))
    if trusted and record.time_s < oldest_s:
        return False
    # A section that gives more than it takes is not relieved by taking less.
    section.load_w = max(sum(row[2] for row in record.channels), 0)
    section.load_time_s = record.time_s if trusted else section.load_time_s
    ctx.save(key, section)
    limit_w = limit_in_force_w(ctx, device, section)
    if section.load_w > limit_w:
        return shortage.give_way(ctx, measured, section.load_w - limit_w)
    return shortage.bring_back(ctx, measured, section.load_w, limit_w)


def limit_in_force_w(ctx: Context, device: Device, section: Section) -> int:
    """The operator's limit while it runs, else the board's fixed one."""
    if section.limit_w and ctx.now_s < section.until_s:
        return min(section.limit_w, device.fixed_limit_w)
    return device.fixed_limit_w
