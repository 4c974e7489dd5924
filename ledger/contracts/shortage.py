"""Shortage: who behind an M-LMD gives way to its limit, and who comes back first.

The M-LMD's breaker protects the cable by itself; this contract acts before it must. First graded
assets are cut, the lowest priority first: batteries until they give, chargers down to what their
deadline needs, then to their least power. What is still too much is shed whole, the lowest priority
first: relays open, heat pumps are blocked, chargers pause.

After `shed_hold_s` (`GRADED_HOLD_S` for a cut) one a record comes back, once there is room for it:
chargers that have less than their deadline needs, then the highest priority. If such a charger
finds no room, others that have more than they need are cut for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.contracts import assets, control, optout, policy_battery, policy_limit, registry
from ledger.contracts.assets import ASSET, PREFERENCES
from ledger.contracts.context import Context, u32
from ledger.contracts.metering import Measured
from ledger.contracts.objects import (
    ACTIVE,
    BATTERY_KIND,
    GRADED,
    LIMIT_KIND,
    RELAY_KIND,
    RELAY_OPEN,
    Asset,
    Device,
    Preferences,
)
from ledger.contracts.policy_sg_ready import BLOCKED
from ledger.contracts.wear import LEVEL_STEP_W
from wireformat import codes
from wireformat.chained import Feeder

GRADED_HOLD_S = 60
_ROOM_PERCENT = 90
# What an asset of unknown power may take when it comes back, as a share of the limit.
_UNKNOWN_PERCENT = 30


@dataclass(slots=True)
class _Behind:
    """A commandable asset behind the M-LMD, with its place in the state."""

    suffix: bytes
    wishes: Preferences
    asset: Asset

    @property
    def is_off(self) -> bool:
        """True if shedding it would take nothing off."""
        kind, desired = self.wishes.kind, self.asset.desired
        if kind in GRADED:
            return kind == BATTERY_KIND or assets.present_w(self.wishes, self.asset) <= 0
        return desired == (RELAY_OPEN if kind == RELAY_KIND else BLOCKED)

    @property
    def floor_w(self) -> int:
        """The least that a cut may leave a graded asset."""
        if self.wishes.kind == BATTERY_KIND:
            return policy_battery.floor_w(self.wishes, self.asset)
        return self.wishes.least_w

    def need_w(self, now_ms: int) -> int:
        """What a graded asset must have to be in time, `floor_w` at least."""
        if self.wishes.kind == BATTERY_KIND:
            return self.floor_w
        return max(policy_limit.needed_w(self.wishes, self.asset, now_ms), self.floor_w)

    def lack_w(self, now_ms: int) -> int:
        """What the section keeps from a charger of what its deadline needs; 0 if nothing."""
        asset = self.asset
        if self.wishes.kind != LIMIT_KIND or not (asset.bound_ms or asset.shed_ms):
            return 0
        needed_w = policy_limit.needed_w(self.wishes, asset, now_ms)
        has_w = 0 if asset.shed_ms else asset.bound_w
        return max(min(self.need_w(now_ms), self.wishes.rated_w) - has_w, 0) if needed_w else 0


def give_way(ctx: Context, measured: Measured, excess_w: int) -> bool:
    """Take `excess_w` off the section; True if anything is to be ordered."""
    behind = _all_behind(ctx, measured)
    for item in behind:
        excess_w -= _unseen_w(measured, item, excess_w)
    left_w = _cut_to_need(ctx, measured, behind, excess_w)
    for item in behind:
        left_w -= _cut(ctx, measured, item, left_w, item.floor_w)
    did, excess_w = left_w < excess_w, left_w
    for item in behind:
        if excess_w > 0 and not (item.asset.shed_ms or item.is_off):
            excess_w -= _shed(ctx, measured, item, excess_w)
            did = True
    return did


def bring_back(ctx: Context, measured: Measured, load_w: int, limit_w: int) -> bool:
    """Let one asset come back, if there is room for it; True if one does."""
    room_w = limit_w * _ROOM_PERCENT // 100 - load_w
    behind = _all_behind(ctx, measured)
    lacking = [item for item in behind if item.lack_w(ctx.now_ms) >= LEVEL_STEP_W]
    lack_w = max((item.lack_w(ctx.now_ms) for item in lacking), default=0)
    if lack_w > room_w and _cut_to_need(ctx, measured, behind, lack_w - room_w) < lack_w - room_w:
        return True
    for item in (*reversed(lacking), *reversed(behind)):
        if item.asset.shed_ms:
            return _end_shed(ctx, measured, item, room_w, limit_w)
        if item.asset.bound_ms:
            return _loosen(ctx, measured, item, room_w)
    return False


def _all_behind(ctx: Context, measured: Measured) -> list[_Behind]:
    """Assets behind the M-LMD that obey, ascending by priority, then by key."""
    area = u32(measured.device.area)
    found = []
    for suffix, wishes in ctx.iterate(Preferences, PREFERENCES + area):
        device = ctx.load(Device, registry.DEVICE + suffix[:20])
        asset = ctx.load(Asset, ASSET + area + suffix)
        if device and asset and device.section == measured.address and _obeys(ctx, device, suffix):
            found.append(_Behind(suffix, wishes, asset))
    return sorted(found, key=lambda item: (item.wishes.priority, item.suffix))


def _obeys(ctx: Context, device: Device, suffix: bytes) -> bool:
    return device.status == ACTIVE and not optout.asks_again_ms(ctx, suffix[:20])


def _unseen_w(measured: Measured, item: _Behind, excess_w: int) -> int:
    """What was taken off after the record's interval began: its mean hides that relief.

    Without a rated power, wait for a record that shows what shedding it brought.
    """
    record, asset = measured.record, item.asset
    if not isinstance(record, Feeder) or record.flags & codes.CLOCK_UNTRUSTED:
        return 0
    begin_ms = (record.time_s - record.interval_s) * 1000
    if asset.shed_ms > begin_ms:
        return asset.cut_w if item.wishes.kind in GRADED else item.wishes.rated_w or excess_w
    return asset.cut_w if asset.bound_ms > begin_ms else 0


def _cut_to_need(ctx: Context, measured: Measured, behind: list[_Behind], excess_w: int) -> int:
    """Cut what is more than anyone needs; returns how much of `excess_w` is left."""
    for item in behind:
        if item.wishes.kind in GRADED:
            excess_w -= _cut(ctx, measured, item, excess_w, item.need_w(ctx.now_ms))
    return excess_w


def _cut(ctx: Context, measured: Measured, item: _Behind, excess_w: int, floor_w: int) -> int:
    """Bound a graded asset as far as needed and allowed; returns the W that this takes off."""
    asset = item.asset
    if excess_w <= 0 or item.wishes.kind not in GRADED or asset.shed_ms:
        return 0
    now_w = assets.present_w(item.wishes, asset)
    if asset.bound_ms:
        now_w = min(now_w, asset.bound_w)
    steps = -(-excess_w // LEVEL_STEP_W)
    bound_w = max(now_w - steps * LEVEL_STEP_W, floor_w)
    cut_w = now_w - bound_w
    if cut_w < LEVEL_STEP_W:
        return 0
    # Two cuts in one block are one to the record that will show them.
    asset.cut_w = cut_w + (asset.cut_w if asset.bound_ms == ctx.now_ms else 0)
    asset.bound_ms, asset.bound_w = ctx.now_ms, bound_w
    _keep(ctx, measured, item, "management/cut", bound_w)
    return cut_w


def _loosen(ctx: Context, measured: Measured, item: _Behind, room_w: int) -> bool:
    asset, wishes = item.asset, item.wishes
    if ctx.now_ms - asset.bound_ms < GRADED_HOLD_S * 1000 or room_w < LEVEL_STEP_W:
        return False
    asset.bound_ms, asset.cut_w = ctx.now_ms, 0
    asset.bound_w += room_w // LEVEL_STEP_W * LEVEL_STEP_W
    _withdraw(ctx, measured, item)
    if asset.bound_w >= wishes.rated_w:
        asset.bound_ms, asset.bound_w = 0, 0
        _keep(ctx, measured, item, "management/brought_back", wishes.rated_w)
    else:
        _keep(ctx, measured, item, "management/loosened", asset.bound_w)
    return True


def _shed(ctx: Context, measured: Measured, item: _Behind, excess_w: int) -> int:
    """Put an asset off whole; returns the W that this takes off, as far as is known."""
    asset, wishes = item.asset, item.wishes
    off_w = wishes.rated_w or excess_w
    if wishes.kind in GRADED:
        off_w = min(assets.present_w(wishes, asset), asset.bound_w or wishes.rated_w)
        asset.bound_ms, asset.bound_w, asset.cut_w = ctx.now_ms, 0, off_w
    asset.shed_ms = ctx.now_ms
    _keep(ctx, measured, item, "management/shed", 0)
    return off_w


def _end_shed(ctx: Context, measured: Measured, item: _Behind, room_w: int, limit_w: int) -> bool:
    asset, wishes = item.asset, item.wishes
    hold_ms = ctx.params.limits.shed_hold_s * 1000
    if wishes.kind in GRADED:
        needs_w = max(wishes.least_w, LEVEL_STEP_W)
    else:
        needs_w = wishes.rated_w or limit_w * _UNKNOWN_PERCENT // 100
    if ctx.now_ms - asset.shed_ms < hold_ms or room_w < needs_w:
        return False
    asset.shed_ms = 0
    _withdraw(ctx, measured, item)
    if wishes.kind in GRADED:
        # Comes back at its least power; from there it is loosened record by record.
        asset.bound_ms, asset.bound_w, asset.cut_w = ctx.now_ms, needs_w, 0
    _keep(ctx, measured, item, "management/brought_back", needs_w)
    return True


def _withdraw(ctx: Context, measured: Measured, item: _Behind) -> None:
    control.withdraw(ctx, measured.device.area, item.suffix[:20], item.suffix[20])


def _keep(ctx: Context, measured: Measured, item: _Behind, kind: str, power_w: int) -> None:
    ctx.save(ASSET + u32(measured.device.area) + item.suffix, item.asset)
    ctx.emit(
        kind,
        mlmd=measured.address,
        device=item.suffix[:20],
        asset=item.suffix[20],
        power_w=power_w,
    )
