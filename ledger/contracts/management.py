"""Management: each owner's preferences in, orders for assets out. Driven by events, not by polling.

Keys: `management/preferences/<area><device><asset>`, `management/asset/<area><device><asset>`,
`management/section/<area><mlmd>`, `management/due/<area>` (when to look again without an event),
`management/out/<device>` (see `optout`), `management/silent/<area>` (no control certificate).

An order's effect on a board ends with its command, so the contract orders again `command_renew_s`
before the end for as long as it wants the state. Only assets with preferences are ever commanded.
"""

from __future__ import annotations

from ledger.contracts import assets, control, kinds, optout, pricing, registry
from ledger.contracts.assets import ASSET, PREFERENCES, asset_key
from ledger.contracts.bodies import PreferencesBody
from ledger.contracts.context import NEVER_MS, Context, u32, u64
from ledger.contracts.control import Order
from ledger.contracts.errors import NotAllowed
from ledger.contracts.metering import Measured
from ledger.contracts.objects import (
    ACTIVE,
    REFUSED,
    RELAY_KIND,
    Asset,
    Device,
    Intent,
    Preferences,
    Price,
    Section,
)
from ledger.contracts.priority import SECTION_LIMIT
from ledger.contracts.registry import PROSUMER_ROLE, Signer
from ledger.contracts.wear import Decision
from wireformat import codes

SECTION, DUE = b"management/section/", b"management/due/"
SILENT = b"management/silent/"
_ADDRESS_END = 20


def preferences(ctx: Context, signer: Signer, body: PreferencesBody) -> int:
    """Set what an owner wants of one asset; returns the area to look at."""
    signer.require(PROSUMER_ROLE)
    device = registry.need_device(ctx, body.device)
    if ctx.state.get(registry.OWNER + body.device) != signer.address:
        raise NotAllowed(f"board {body.device.hex()} does not belong to the signer")
    kinds.check(device, body)
    key = asset_key(device.area, body.device, body.asset)
    wishes = _wishes(ctx, body)
    before = ctx.load(Preferences, PREFERENCES + key)
    ctx.save(PREFERENCES + key, wishes)
    if before is None or before.kind != wishes.kind:
        ctx.save(ASSET + key, kinds.new_asset(wishes))
    ctx.emit("management/preferences", device=body.device, asset=body.asset)
    return device.area


def _wishes(ctx: Context, body: PreferencesBody) -> Preferences:
    return Preferences(
        body.price_limit,
        body.energy,
        body.priority,
        body.run_s,
        body.deadline_s,
        body.period_s,
        body.min_on_s,
        body.min_off_s,
        body.rated_w,
        ctx.height,
        body.kind or RELAY_KIND,
        body.least_w or 0,
        body.energy_wh or 0,
        body.low_price or 0,
        body.high_price or 0,
        body.capacity_wh or 0,
        body.reserve_wh or 0,
    )


def on_record(ctx: Context, measured: Measured) -> bool:
    """Follow what a board reports of its assets; True if there is something to decide."""
    is_news = assets.on_reading(ctx, measured)
    if optout.on_record(ctx, measured):
        _order_afresh(ctx, measured.device, measured.address)
        return True
    return is_news


def on_outcome(ctx: Context, device: Device, intent: Intent) -> None:
    """Follow how an order ended; a refused one is tried again after `retry_s`."""
    if optout.on_outcome(ctx, intent):
        _order_afresh(ctx, device, intent.target)
    if device.role != codes.MLMD:
        assets.on_outcome(ctx, device, intent)
        return
    key = SECTION + u32(device.area) + intent.target
    section = ctx.load(Section, key)
    if section is not None and intent.status == REFUSED:
        retry_ms = ctx.now_ms + ctx.params.limits.retry_s * 1000
        section.renew_ms = min(section.renew_ms, retry_ms)
        ctx.save(key, section)


def _order_afresh(ctx: Context, device: Device, address: bytes) -> None:
    """The people on site may have left the assets in any state: give each its order again."""
    for number in range(device.relays):
        key = ASSET + asset_key(device.area, address, number)
        asset = ctx.load(Asset, key)
        if asset is not None:
            asset.renew_ms = 0
            ctx.save(key, asset)


def tick(ctx: Context, changed: set[int]) -> None:
    """Decide for every area that changed or is due."""
    for area in ctx.params.areas:
        due = ctx.state.get(DUE + u32(area.area))
        if area.area in changed or (due and ctx.now_ms >= int.from_bytes(due, "big")):
            _evaluate(ctx, area.area)


def due_ms(ctx: Context) -> int:
    """Block time at which `tick` next has something to decide without an event."""
    dues = (ctx.state.get(DUE + u32(area.area)) for area in ctx.params.areas)
    return min((int.from_bytes(due, "big") for due in dues if due), default=NEVER_MS)


def _evaluate(ctx: Context, area: int) -> None:
    price = pricing.current(ctx.state, area)
    if price is None:
        raise AssertionError(f"area {area} has no price")
    if not _may_order(ctx, area):
        ctx.state.put(DUE + u32(area), u64(NEVER_MS))
        return
    due = NEVER_MS
    for suffix, wishes in ctx.iterate(Preferences, PREFERENCES + u32(area)):
        due = min(due, _decide_asset(ctx, area, suffix, wishes, price))
    for mlmd, section in ctx.iterate(Section, SECTION + u32(area)):
        due = min(due, _decide_section(ctx, area, mlmd, section))
    ctx.state.put(DUE + u32(area), u64(max(due, ctx.now_ms + 1)))


def _may_order(ctx: Context, area: int) -> bool:
    """False while no control certificate is in force: boards would refuse every order."""
    is_certified = registry.control_certificate(ctx.state, area, ctx.now_s) is not None
    was_silent = ctx.state.get(SILENT + u32(area)) is not None
    if is_certified and was_silent:
        ctx.state.delete(SILENT + u32(area))
        ctx.emit("control/certified", area=area)
    elif not is_certified and not was_silent:
        ctx.state.put(SILENT + u32(area), b"\x01")
        ctx.emit("control/no_certificate", area=area)
    return is_certified


def _decide_asset(ctx: Context, area: int, suffix: bytes, wishes: Preferences, price: Price) -> int:
    """Order what the asset should do, if anything is to be ordered; returns when to look again."""
    address, number = suffix[:_ADDRESS_END], suffix[_ADDRESS_END]
    device = registry.need_device(ctx, address)
    key = ASSET + u32(area) + suffix
    asset, before = ctx.load(Asset, key), ctx.load(Asset, key)
    if asset is None or device.status != ACTIVE:
        return NEVER_MS
    asks_again_ms = optout.asks_again_ms(ctx, address)
    if ctx.now_ms < asks_again_ms:
        return asks_again_ms
    cost = pricing.price_of(price, wishes.energy)
    found = kinds.decide(ctx.params.limits, wishes, asset, cost, ctx.now_ms)
    if found.may_switch:
        wanted = Order(address, number, *kinds.order_of(wishes.kind, found.want), found.why)
        if until_s := control.outranked_until_s(ctx, area, wanted):
            return until_s * 1000
        _note_switch(ctx, asset, found)
    if asset.since_ms and (found.may_switch or asks_again_ms or ctx.now_ms >= asset.renew_ms):
        action, value = kinds.order_of(wishes.kind, asset.desired)
        control.request(ctx, device, Order(address, number, action, value, asset.reason))
        optout.note_probe(ctx, address)
        asset.renew_ms = renewal_ms(ctx)
    if found.want == asset.desired:
        asset.reason = found.why
    if asset != before:
        ctx.save(key, asset)
    return min(found.due_ms, asset.renew_ms or NEVER_MS)


def _note_switch(ctx: Context, asset: Asset, found: Decision) -> None:
    asset.desired, asset.reason, asset.since_ms = found.want, found.why, ctx.now_ms
    if found.is_switching:
        kept = ctx.params.limits.switches_per_hour - 1
        asset.switches_ms = [*asset.switches_ms[-kept:], ctx.now_ms]


def renewal_ms(ctx: Context) -> int:
    """When an order given now must be given again to stay in force."""
    limits = ctx.params.limits
    return ctx.now_ms + (limits.command_validity_s - limits.command_renew_s) * 1000


def _decide_section(ctx: Context, area: int, mlmd: bytes, section: Section) -> int:
    """Keep the M-LMD's overload limit at what the operator asked for, then give it back."""
    device = registry.need_device(ctx, mlmd)
    is_limited = bool(section.limit_w) and ctx.now_s < section.until_s
    want_w = section.limit_w if is_limited else device.fixed_limit_w
    is_new = want_w != (section.asked_w or device.fixed_limit_w)
    if device.status != ACTIVE or not (is_new or section.asked_w):
        return NEVER_MS
    if ctx.now_ms < (asks_again_ms := optout.asks_again_ms(ctx, mlmd)):
        return asks_again_ms
    if is_new or ctx.now_ms >= section.renew_ms:
        control.request(ctx, device, Order(mlmd, 0, codes.SET_LIMIT, want_w, SECTION_LIMIT))
        optout.note_probe(ctx, mlmd)
        section.asked_w = want_w if is_limited else 0
        section.renew_ms = renewal_ms(ctx) if is_limited else NEVER_MS
        ctx.save(SECTION + u32(area) + mlmd, section)
    return min(section.renew_ms, section.until_s * 1000) if is_limited else section.renew_ms
