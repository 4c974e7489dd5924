"""Whether a measurement can be true: registers, energy against power x time, times.

A fault keeps a measurement out of the accounts; it says nothing about who signed it.
"""

from __future__ import annotations

from ledger.contracts.context import Context
from ledger.contracts.objects import Device, Registers
from wireformat import codes
from wireformat.chained import Feeder, Reading

_S_PER_HOUR = 3600
# A register step lies within 1 Wh of the true energy, at both ends of the interval.
_ROUNDING_WH = 2


def find_fault(
    ctx: Context, device: Device, before: Registers | None, record: Reading | Feeder
) -> str:
    """Why `record` cannot follow the measurement `before`, or an empty string."""
    if (device.role == codes.MLMD) != isinstance(record, Feeder):
        return "record type is not of the board's role"
    if len(record.channels) != len(device.channels):
        return "channels are not those enrolled"
    trusted = not record.flags & codes.CLOCK_UNTRUSTED
    if trusted and record.time_s > ctx.now_s + ctx.params.limits.future_tolerance_s:
        return "time is in the future"
    if before is None:
        return ""
    both_trusted = trusted and not before.flags & codes.CLOCK_UNTRUSTED
    if both_trusted and record.time_s < before.time_s:
        return "time runs back"
    return _register_fault(ctx, device, before, record, both_trusted)


def _register_fault(
    ctx: Context, device: Device, before: Registers, record: Reading | Feeder, timed: bool
) -> str:
    elapsed_s = record.time_s - before.time_s if timed else 0
    most_w = _most_w(ctx, device)
    # Without trusted time at both ends the gap is unknown; energy is then bounded by a day's.
    bound_s = max(elapsed_s, record.interval_s) if timed else 24 * _S_PER_HOUR
    for channel, registers in zip(record.channels, before.registers_wh, strict=True):
        for now_wh, before_wh in zip(channel[:2], registers, strict=True):
            if now_wh < before_wh:
                return "a register runs back"
            if (now_wh - before_wh - _ROUNDING_WH) * _S_PER_HOUR > most_w * bound_s:
                return "more energy than power x time"
    return ""


def _most_w(ctx: Context, device: Device) -> int:
    limits = ctx.params.limits
    is_section = any(kind == codes.SECTION for kind, _ in device.channels)
    return limits.max_section_w if is_section else limits.max_channel_w
