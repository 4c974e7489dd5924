"""What the signed readings of a run say: energy, cost, voltage, and what no meter saw."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from wireformat.chained import Feeder, Reading

QUARTER_S = 900
HOLE_S = 180
"""Readings farther apart than this say nothing of what was between them."""
_TEN_MIN_S = 600
NOMINAL_V, BAND = 230.0, 0.10
"""EN 50160 clause 4.2.2: ten-minute means within 230 V +- 10 % for 95 % of a week."""

Register = tuple[int, ...]
Series = list[tuple[int, int]]
"""(time in s, counter in Wh), growing in time."""


@dataclass
class Metered:
    """One board's registers and voltage. `taken_wh` imports, `given_wh` generation or export."""

    taken: Series = field(default_factory=list)
    given: Series = field(default_factory=list)
    volts: list[tuple[int, float]] = field(default_factory=list)


def of_records(records: Iterable[Reading | Feeder]) -> Metered:
    """From a board's readings with trusted time, in their order."""
    found = Metered()
    for record in records:
        if found.taken and record.time_s <= found.taken[-1][0]:
            continue
        channels = record.channels
        first = channels[0]
        # A PZEM has no direction: generation stands in the import counter of its own channel.
        given = first[1] + sum(channel[0] + channel[1] for channel in channels[1:])
        found.taken.append((record.time_s, first[0]))
        found.given.append((record.time_s, given))
        found.volts.append((record.time_s, record.voltage_dv / 10))
    return found


def at(series: Series, time_s: int) -> float | None:
    """The counter at `time_s`, linear between readings; None outside of them and within a hole."""
    right = bisect_right(series, (time_s, 1 << 60))
    if right == 0:
        return None
    t0, v0 = series[right - 1]
    if t0 == time_s:
        return float(v0)
    if right == len(series):
        return None
    t1, v1 = series[right]
    if t1 - t0 > HOLE_S:
        return None
    return v0 + (v1 - v0) * (time_s - t0) / (t1 - t0)


def total_wh(series: Series) -> int:
    """Energy between the first and the last reading."""
    return series[-1][1] - series[0][1] if series else 0


def cost_micro(series: Series, prices: Sequence[tuple[int, int]]) -> int:
    """Energy times the price in force when it was read; `prices` in (ms, micro-units per kWh)."""
    total = 0
    for (_, before), (time_s, after) in pairwise(series):
        index = bisect_right(prices, (time_s * 1000, 1 << 60)) - 1
        if index >= 0:
            total += (after - before) * prices[index][1] // 1000
    return total


def ten_minute_means(volts: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Means over each ten minutes of the clock, as EN 50160 judges by."""
    slots: dict[int, list[float]] = {}
    for time_s, value in volts:
        slots.setdefault(time_s // _TEN_MIN_S * _TEN_MIN_S, []).append(value)
    return [(slot, sum(values) / len(values)) for slot, values in sorted(slots.items())]


def in_band(means: Sequence[tuple[int, float]]) -> float | None:
    """Share of ten-minute means within the band; None without any."""
    if not means:
        return None
    low, high = NOMINAL_V * (1 - BAND), NOMINAL_V * (1 + BAND)
    return sum(low <= value <= high for _, value in means) / len(means)


@dataclass(frozen=True)
class Gap:
    """One quarter of an hour of a section: what it took, and what no meter behind it saw, Wh."""

    start_s: int
    section_wh: float
    unseen_wh: float


def unseen(section: Metered, meters: Sequence[Metered]) -> list[Gap]:
    """Section load minus the meters behind it, by quarter of an hour in which all were heard."""
    if not section.taken or not meters:
        return []
    first, last = section.taken[0][0], section.taken[-1][0]
    gaps = []
    for start_s in range(-(-first // QUARTER_S) * QUARTER_S, last - QUARTER_S + 1, QUARTER_S):
        own = _net(section, start_s)
        behind = [_net(meter, start_s) for meter in meters]
        known = [value for value in behind if value is not None]
        if own is not None and len(known) == len(behind):
            gaps.append(Gap(start_s, own, own - sum(known)))
    return gaps


def _net(board: Metered, start_s: int) -> float | None:
    ends = [
        (at(series, start_s), at(series, start_s + QUARTER_S))
        for series in (board.taken, board.given)
    ]
    (taken0, taken1), (given0, given1) = ends
    if taken0 is None or taken1 is None or given0 is None or given1 is None:
        return None
    return (taken1 - taken0) - (given1 - given0)


def costs(board: Metered, prices: Mapping[str, Sequence[tuple[int, int]]]) -> tuple[int, int]:
    """What the load cost at the mix's price, and what the generation was worth at solar's."""
    mix = prices.get("mix", ())
    return cost_micro(board.taken, mix), cost_micro(board.given, prices.get("solar", mix))
