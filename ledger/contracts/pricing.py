"""Pricing: a price per area and energy type, set each interval from admitted load and generation.

Keys: `pricing/<area>/now`, `pricing/<area>/open` (energy so far), `pricing/<area>/history/<start>`.
Prices are micro-units of currency per kWh. Only readings with trusted time count, and only energy
of about the running interval: a backlog after an outage moves no price.
"""

from __future__ import annotations

from ledger.contracts import registry
from ledger.contracts.context import Context, load, u32, u64
from ledger.contracts.formulas import FORMULAS
from ledger.contracts.metering import Measured
from ledger.contracts.objects import Price, PriceInterval
from ledger.contracts.params import Area
from ledger.state import State
from wireformat import codes
from wireformat.chained import Reading

MIX = 0
"""Stands for the area's supply mix where an energy type is expected."""

_PREFIX, _S_PER_HOUR = b"pricing/", 3600


def now_key(area: int) -> bytes:
    """Where the price in force is."""
    return _PREFIX + u32(area) + b"/now"


def open_key(area: int) -> bytes:
    """Where the running interval's energy is."""
    return _PREFIX + u32(area) + b"/open"


def history_key(area: int, start_ms: int) -> bytes:
    """Where the price is that an interval set; `start_ms` is when it came in force."""
    return _PREFIX + u32(area) + b"/history/" + u64(start_ms)


def initial_state(ctx: Context) -> None:
    """First prices: those without load and generation."""
    for area in ctx.params.areas:
        start_ms = _aligned(area, ctx.now_ms)
        ctx.save(open_key(area.area), PriceInterval(start_ms))
        _set(ctx, area, PriceInterval(start_ms), start_ms, area.price_interval_s)


def on_reading(ctx: Context, measured: Measured) -> None:
    """Count a meter's energy into the running interval of its area."""
    record, area = measured.record, ctx.params.area(measured.device.area)
    if measured.energy_wh is None or not isinstance(record, Reading) or area is None:
        return
    if not registry.measures_a_home(measured.device):
        return
    interval = _interval(ctx, area)
    earliest_ms = interval.start_ms - area.price_interval_s * 1000
    if record.flags & codes.CLOCK_UNTRUSTED or record.time_s * 1000 < earliest_ms:
        return
    elapsed_s = max(measured.elapsed_s, 1)
    counted_s = min(elapsed_s, area.price_interval_s)
    generated = {row[0]: row[1] for row in interval.generated_wh}
    for (kind, energy), (import_wh, export_wh) in zip(
        measured.device.channels, measured.energy_wh, strict=True
    ):
        # What a battery takes is load too.
        interval.load_wh += import_wh * counted_s // elapsed_s
        if kind == codes.GENERATION:
            share_wh = export_wh * counted_s // elapsed_s
            generated[energy] = generated.get(energy, 0) + share_wh
    interval.generated_wh = [[energy, generated[energy]] for energy in sorted(generated)]
    ctx.save(open_key(area.area), interval)


def tick(ctx: Context) -> set[int]:
    """Set the price of every area whose interval has ended; returns those areas."""
    done = set()
    for area in ctx.params.areas:
        interval = _interval(ctx, area)
        start_ms = _aligned(area, ctx.now_ms)
        if start_ms <= interval.start_ms:
            continue
        _set(ctx, area, interval, start_ms, (start_ms - interval.start_ms) // 1000)
        ctx.save(open_key(area.area), PriceInterval(start_ms))
        _prune(ctx, area)
        done.add(area.area)
    return done


def due_ms(ctx: Context) -> int:
    """Block time at which `tick` next sets a price."""
    return min(
        _interval(ctx, area).start_ms + area.price_interval_s * 1000 for area in ctx.params.areas
    )


def current(state: State, area: int) -> Price | None:
    """The price in force in `area`."""
    return load(state, Price, now_key(area))


def price_of(price: Price, energy: int) -> int:
    """Price of one energy type; of the mix for `MIX` and for types without a price of their own."""
    return next((row[1] for row in price.prices if row[0] == energy), price.mix)


def _interval(ctx: Context, area: Area) -> PriceInterval:
    interval = ctx.load(PriceInterval, open_key(area.area))
    if interval is None:
        raise AssertionError(f"area {area.area} has no price interval")
    return interval


def _aligned(area: Area, now_ms: int) -> int:
    step_ms = area.price_interval_s * 1000
    return now_ms // step_ms * step_ms


def _set(ctx: Context, area: Area, ended: PriceInterval, start_ms: int, length_s: int) -> None:
    def mean_w(energy_wh: int) -> int:
        return energy_wh * _S_PER_HOUR // max(length_s, 1)

    load_w = mean_w(ended.load_wh)
    generated_w = {row[0]: mean_w(row[1]) for row in ended.generated_wh}
    formula = FORMULAS[area.formula]
    prices = [
        [rule.energy, formula(rule, load_w, generated_w.get(rule.energy, 0))]
        for rule in area.energies
    ]
    mix = _mix({row[0]: row[1] for row in prices}, load_w, generated_w)
    price = Price(start_ms, prices, mix, ended.load_wh, ended.generated_wh)
    ctx.save(now_key(area.area), price)
    ctx.save(history_key(area.area, start_ms), price)
    for energy, micro in [*prices, [MIX, mix]]:
        ctx.emit("pricing/price", area=area.area, energy=energy, price=micro, since_ms=start_ms)


def _mix(prices: dict[int, int], load_w: int, generated_w: dict[int, int]) -> int:
    """Mean price of what served the load: local generation first, the rest from the grid."""
    local_w = {energy: w for energy, w in generated_w.items() if energy in prices and w > 0}
    total_w = sum(local_w.values())
    if load_w <= 0:
        return prices[codes.GRID]
    # Above the load, every local type serves its proportional part of it.
    served_w = min(total_w, load_w)
    local_cost = sum(w * prices[energy] for energy, w in local_w.items())
    local_cost = local_cost * served_w // total_w if total_w else 0
    return (local_cost + (load_w - served_w) * prices[codes.GRID]) // load_w


def _prune(ctx: Context, area: Area) -> None:
    prefix = _PREFIX + u32(area.area) + b"/history/"
    keys = [key for key, _ in ctx.state.iterate(prefix)]
    for key in keys[: -ctx.params.limits.price_history]:
        ctx.state.delete(key)
