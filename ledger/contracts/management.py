"""Management: each owner's preferences in, orders for relays out. Driven by events, not by polling.

Keys: `management/preferences/<area><device><asset>`, `management/asset/<area><device><asset>`,
`management/section/<area><mlmd>`, `management/due/<area>` (when to look again without an event).

An order's effect on a board ends with its command, so the contract orders again `command_renew_s`
before the end for as long as it wants the state. Only assets with preferences are ever switched.
"""

from __future__ import annotations

from ledger.contracts import control, pricing, registry
from ledger.contracts.bodies import PreferencesBody
from ledger.contracts.context import NEVER_MS, Context, u32, u64
from ledger.contracts.control import Order
from ledger.contracts.errors import BadPreferences, NotAllowed
from ledger.contracts.metering import Measured
from ledger.contracts.objects import (
    ACTIVE,
    DONE,
    REFUSED,
    RELAY_CLOSED,
    RELAY_OPEN,
    Asset,
    Device,
    Intent,
    Preferences,
    Price,
    Section,
)
from ledger.contracts.policy import Decision, decide
from ledger.contracts.registry import PROSUMER_ROLE, Signer
from wireformat import codes
from wireformat.chained import Reading

PREFERENCES, ASSET = b"management/preferences/", b"management/asset/"
SECTION, DUE = b"management/section/", b"management/due/"
_ADDRESS_END = 20
MIN_PERIOD_S = 600


def preferences(ctx: Context, signer: Signer, body: PreferencesBody) -> int:
    """Set what an owner wants of one asset; returns the area to look at."""
    signer.require(PROSUMER_ROLE)
    device = registry.need_device(ctx, body.device)
    if ctx.state.get(registry.OWNER + body.device) != signer.address:
        raise NotAllowed(f"board {body.device.hex()} does not belong to the signer")
    _check(ctx, device, body)
    key = asset_key(device.area, body.device, body.asset)
    wishes = Preferences(
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
    )
    ctx.save(PREFERENCES + key, wishes)
    if ctx.load(Asset, ASSET + key) is None:
        ctx.save(ASSET + key, Asset())
    ctx.emit("management/preferences", device=body.device, asset=body.asset)
    return device.area


def _check(ctx: Context, device: Device, body: PreferencesBody) -> None:
    if device.role != codes.METER or body.asset >= device.relays:
        raise BadPreferences(f"asset {body.asset}: the board is a meter of {device.relays} relays")
    if body.period_s < MIN_PERIOD_S or body.deadline_s > body.period_s:
        raise BadPreferences(f"period_s must be {MIN_PERIOD_S} or more and deadline_s within it")
    if body.run_s > body.deadline_s:
        raise BadPreferences("run_s does not fit between the period's start and deadline_s")
    if body.energy and body.energy not in codes.ENERGY_TYPES:
        raise BadPreferences(f"energy type {body.energy} is not registered")


def asset_key(area: int, device: bytes, asset: int) -> bytes:
    """Key of one asset behind a prefix of this contract."""
    return u32(area) + device + bytes((asset,))


def on_reading(ctx: Context, measured: Measured) -> bool:
    """Note each asset's relay state and running time; True if a run with a deadline is done."""
    record, is_done = measured.record, False
    if not isinstance(record, Reading):
        return False
    for asset_number, flag in enumerate(codes.RELAY_CLOSED[: measured.device.relays]):
        key = asset_key(measured.device.area, measured.address, asset_number)
        wishes = ctx.load(Preferences, PREFERENCES + key)
        asset = ctx.load(Asset, ASSET + key)
        if wishes is None or asset is None:
            continue
        asset.actual = RELAY_CLOSED if record.flags & flag else RELAY_OPEN
        if wishes.run_s:
            was_short = asset.run_s < wishes.run_s
            _count_run(wishes, asset, record)
            is_done = is_done or (was_short and asset.run_s >= wishes.run_s)
        ctx.save(ASSET + key, asset)
    return is_done


def _count_run(wishes: Preferences, asset: Asset, record: Reading) -> None:
    if record.flags & codes.CLOCK_UNTRUSTED:
        return
    period = record.time_s // wishes.period_s
    if period < asset.period:
        return
    if period > asset.period:
        asset.period, asset.run_s = period, 0
    if asset.actual == RELAY_CLOSED:
        asset.run_s += record.interval_s


def on_outcome(ctx: Context, device: Device, intent: Intent) -> None:
    """Follow how an order ended; a refused one is tried again after `retry_s`."""
    retry_ms = ctx.now_ms + ctx.params.limits.retry_s * 1000
    if intent.action == codes.SET_LIMIT:
        key = SECTION + u32(device.area) + intent.target
        section = ctx.load(Section, key)
        if section is not None and intent.status == REFUSED:
            section.renew_ms = min(section.renew_ms, retry_ms)
            ctx.save(key, section)
        return
    key = ASSET + asset_key(device.area, intent.target, intent.asset)
    asset = ctx.load(Asset, key)
    if asset is None:
        return
    if intent.status == DONE:
        asset.actual = RELAY_CLOSED if intent.state else RELAY_OPEN
    elif intent.status == REFUSED:
        asset.renew_ms = min(asset.renew_ms, retry_ms)
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
    due = NEVER_MS
    for suffix, wishes in ctx.iterate(Preferences, PREFERENCES + u32(area)):
        due = min(due, _decide_asset(ctx, area, suffix, wishes, price))
    for mlmd, section in ctx.iterate(Section, SECTION + u32(area)):
        due = min(due, _decide_section(ctx, area, mlmd, section))
    ctx.state.put(DUE + u32(area), u64(max(due, ctx.now_ms + 1)))


def _decide_asset(ctx: Context, area: int, suffix: bytes, wishes: Preferences, price: Price) -> int:
    """Order what the asset should do, if anything is to be ordered; returns when to look again."""
    address, number = suffix[:_ADDRESS_END], suffix[_ADDRESS_END]
    device = registry.need_device(ctx, address)
    key = ASSET + u32(area) + suffix
    asset = ctx.load(Asset, key)
    if asset is None or device.status != ACTIVE:
        return NEVER_MS
    cost = pricing.price_of(price, wishes.energy)
    found = decide(ctx.params.limits, wishes, asset, cost, ctx.now_ms)
    if found.may_switch:
        _note_switch(ctx, asset, found)
    if found.may_switch or ctx.now_ms >= asset.renew_ms:
        action = codes.CLOSE if asset.desired == RELAY_CLOSED else codes.OPEN
        control.request(ctx, device, Order(address, number, action, 0, asset.reason))
        asset.renew_ms = renewal_ms(ctx)
    if found.want == asset.desired:
        asset.reason = found.why
    ctx.save(key, asset)
    return min(found.due_ms, asset.renew_ms)


def _note_switch(ctx: Context, asset: Asset, found: Decision) -> None:
    asset.desired, asset.reason, asset.since_ms = found.want, found.why, ctx.now_ms
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
    if is_new or ctx.now_ms >= section.renew_ms:
        control.request(ctx, device, Order(mlmd, 0, codes.SET_LIMIT, want_w, "section limit"))
        section.asked_w = want_w if is_limited else 0
        section.renew_ms = renewal_ms(ctx) if is_limited else NEVER_MS
        ctx.save(SECTION + u32(area) + mlmd, section)
    return min(section.renew_ms, section.until_s * 1000) if is_limited else section.renew_ms
