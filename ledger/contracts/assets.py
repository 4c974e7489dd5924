"""Assets followed: what boards report about what they switch, so that policies need not guess.

Keys: `management/preferences/<area><device><asset>`, `management/asset/<area><device><asset>`.

Relay states and SG-Ready modes are in the flags of readings, power and energy in their channels. A
battery's content is kept as an account: what went in (less a tenth that is lost) minus what came
out, within its capacity, and set right when it does not follow an order: it is full, or empty.
"""

from __future__ import annotations

from ledger.contracts.context import Context, u32
from ledger.contracts.metering import Measured
from ledger.contracts.objects import (
    BATTERY_KIND,
    DONE,
    GRADED,
    LIMIT_KIND,
    REFUSED,
    RELAY_CLOSED,
    RELAY_KIND,
    RELAY_OPEN,
    SG_READY_KIND,
    Asset,
    Device,
    Intent,
    Preferences,
)
from ledger.contracts.policy_sg_ready import BLOCKED, MODES, NORMAL, ORDERED, RECOMMENDED
from wireformat import codes
from wireformat.chained import Reading

PREFERENCES, ASSET = b"management/preferences/", b"management/asset/"

_MODE_OF_RELAYS = {
    0: NORMAL,
    codes.RELAY_1_CLOSED: BLOCKED,
    codes.RELAY_2_CLOSED: RECOMMENDED,
    codes.RELAY_1_CLOSED | codes.RELAY_2_CLOSED: ORDERED,
}
"""SG Ready's two contacts: 1:0 blocks, 0:0 is normal, 0:1 recommends, 1:1 orders."""
_KEPT_PERCENT = 90
_NOT_FOLLOWED_DIVISOR = 10
"""A battery that moves less than a tenth of what it was ordered can't."""


def asset_key(area: int, device: bytes, asset: int) -> bytes:
    """Key of one asset behind a prefix of this contract."""
    return u32(area) + device + bytes((asset,))


def on_reading(ctx: Context, measured: Measured) -> bool:
    """Note each asset's state, running time and energy; True if there is something to decide."""
    record, is_news = measured.record, False
    if not isinstance(record, Reading):
        return False
    for number in range(measured.device.relays):
        key = asset_key(measured.device.area, measured.address, number)
        wishes = ctx.load(Preferences, PREFERENCES + key)
        asset = ctx.load(Asset, ASSET + key)
        if wishes is None or asset is None:
            continue
        if wishes.kind in GRADED:
            is_news |= _follow_power(wishes, asset, measured, record)
        else:
            is_news |= _follow_relays(wishes, asset, number, record)
        ctx.save(ASSET + key, asset)
    return is_news


def _follow_relays(wishes: Preferences, asset: Asset, number: int, record: Reading) -> bool:
    if wishes.kind == SG_READY_KIND:
        both = codes.RELAY_1_CLOSED | codes.RELAY_2_CLOSED
        asset.actual = _MODE_OF_RELAYS[record.flags & both]
        is_on = asset.actual in (RECOMMENDED, ORDERED)
    else:
        flag = codes.RELAY_CLOSED[number] if number < len(codes.RELAY_CLOSED) else 0
        asset.actual = RELAY_CLOSED if record.flags & flag else RELAY_OPEN
        is_on = asset.actual == RELAY_CLOSED
    if not wishes.run_s or not _is_of_period(wishes, asset, record):
        return False
    was_short = asset.run_s < wishes.run_s
    asset.run_s += record.interval_s if is_on else 0
    return was_short and asset.run_s >= wishes.run_s


def _is_of_period(wishes: Preferences, asset: Asset, record: Reading) -> bool:
    """True if the record counts in the asset's period, which it may begin anew."""
    period = record.time_s // wishes.period_s
    if record.flags & codes.CLOCK_UNTRUSTED or period < asset.period:
        return False
    if period > asset.period:
        asset.period, asset.run_s, asset.energy_wh = period, 0, 0
    return True


def _follow_power(wishes: Preferences, asset: Asset, measured: Measured, record: Reading) -> bool:
    asset.actual = sum(row[2] for row in record.channels)
    asset.actual_ms = record.time_s * 1000
    taken_wh = sum(row[0] for row in measured.energy_wh or ())
    given_wh = sum(row[1] for row in measured.energy_wh or ())
    if wishes.kind == LIMIT_KIND:
        was_short = asset.energy_wh < wishes.energy_wh
        if _is_of_period(wishes, asset, record):
            asset.energy_wh += taken_wh
        return was_short and asset.energy_wh >= wishes.energy_wh
    before = _edges(wishes, asset)
    content_wh = asset.stored_wh + taken_wh * _KEPT_PERCENT // 100 - given_wh
    asset.stored_wh = min(max(content_wh, 0), wishes.capacity_wh)
    _set_right(wishes, asset, record)
    return _edges(wishes, asset) != before


def _edges(wishes: Preferences, asset: Asset) -> tuple[bool, bool, bool]:
    """What a battery's policy asks of its content; a change is worth a decision."""
    stored_wh = asset.stored_wh
    return stored_wh > 0, stored_wh > wishes.reserve_wh, stored_wh < wishes.capacity_wh


def _set_right(wishes: Preferences, asset: Asset, record: Reading) -> None:
    """Believe the battery, not the account, if it stood still through a whole ordered interval."""
    if (record.time_s - record.interval_s) * 1000 <= asset.since_ms or not asset.since_ms:
        return
    if asset.desired > 0 and asset.actual < asset.desired // _NOT_FOLLOWED_DIVISOR:
        asset.stored_wh = wishes.capacity_wh
    elif asset.desired < 0 and -asset.actual < -asset.desired // _NOT_FOLLOWED_DIVISOR:
        asset.stored_wh = 0


def on_outcome(ctx: Context, device: Device, intent: Intent) -> None:
    """Follow how an order to an asset ended; a refused one is tried again after `retry_s`."""
    key = asset_key(device.area, intent.target, intent.asset)
    asset, wishes = ctx.load(Asset, ASSET + key), ctx.load(Preferences, PREFERENCES + key)
    if asset is None or wishes is None:
        return
    if intent.status == REFUSED:
        retry_ms = ctx.now_ms + ctx.params.limits.retry_s * 1000
        asset.renew_ms = min(asset.renew_ms, retry_ms)
    elif intent.status == DONE and wishes.kind == RELAY_KIND:
        asset.actual = RELAY_CLOSED if intent.state else RELAY_OPEN
    elif intent.status == DONE and wishes.kind == SG_READY_KIND and intent.state in MODES:
        asset.actual = intent.state
    ctx.save(ASSET + key, asset)


def present_w(wishes: Preferences, asset: Asset) -> int:
    """What a graded asset draws now (a battery that gives: negative), by reading or by order."""
    if asset.actual_ms <= asset.since_ms:
        return asset.desired
    if wishes.kind == BATTERY_KIND:
        return asset.actual
    # A car may take less than it is allowed to; a cut from what it is allowed would cut nothing.
    return min(asset.desired, asset.actual)
