"""What really happened on the feeder, as the rig wrote it down: the yardstick of every report."""

from __future__ import annotations

import csv
import json
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from truewatt.demo.accounting import SignedRecord
from wireformat.chained import Feeder, Reading
from wireformat.codes import CLOCK_UNTRUSTED


@dataclass(frozen=True)
class Switching:
    """A contact that really moved; loads in W by name (`feeder_w`, `home_w`, `<asset>_w`)."""

    t_ms: int
    board: str
    asset: str
    closed: bool
    before: dict[str, float]
    after: dict[str, float]

    def drop_w(self, name: str) -> float:
        """How much the load of that name fell with the switching."""
        return self.before.get(name, 0.0) - self.after.get(name, 0.0)


class PhysicsLog:
    """`physics.csv`: a column of exact values for each name, sampled along `t_ms`."""

    def __init__(self, path: Path) -> None:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        # A power cut of the machine may leave half a last line.
        rows = [row for row in rows if None not in row.values()]
        self.t_ms = [int(row["t_ms"]) for row in rows]
        names = rows[0].keys() - {"t_ms"} if rows else set()
        self._columns = {name: [float(row[name]) for row in rows] for name in names}

    def columns(self) -> list[str]:
        """The names of all columns but the time."""
        return sorted(self._columns)

    def series(self, column: str) -> list[float]:
        """All samples of a column, along `t_ms`."""
        return self._columns[column]

    def at(self, column: str, t_ms: int) -> float:
        """The value at `t_ms`, linear between samples, flat beyond the ends."""
        values = self._columns[column]
        right = bisect_left(self.t_ms, t_ms)
        if right == 0:
            return values[0]
        if right == len(values):
            return values[-1]
        t0, t1 = self.t_ms[right - 1], self.t_ms[right]
        return values[right - 1] + (values[right] - values[right - 1]) * (t_ms - t0) / (t1 - t0)

    def peak_demand_w(self, column: str, minutes: int = 15) -> float:
        """The highest mean power over any `minutes` on end, from an energy column in Wh.

        A quarter of an hour is the measuring period that demand is billed and planned by.
        """
        window_ms = minutes * 60_000
        energy = self._columns[column]
        return max(
            (
                (energy[index] - self.at(column, t_ms - window_ms)) * 60 / minutes
                for index, t_ms in enumerate(self.t_ms)
                if t_ms - window_ms >= self.t_ms[0]
            ),
            default=0.0,
        )

    def least(self, column: str) -> float:
        """The lowest sampled value."""
        return min(self._columns[column], default=0.0)

    def peak(self, column: str) -> float:
        """The highest sampled value."""
        return max(self._columns[column], default=0.0)


def _loads(value: object) -> dict[str, float]:
    return {str(k): float(v) for k, v in value.items()} if isinstance(value, dict) else {}


def switching(item: Mapping[str, Any]) -> Switching:
    """One line of `switches.jsonl`; raises LookupError or ValueError if it is none."""
    return Switching(
        t_ms=int(item["t_ms"]),
        board=str(item["board"]),
        asset=str(item["relay"]),
        closed=item["state"] == "closed",
        before=_loads(item.get("before")),
        after=_loads(item.get("after")),
    )


def switchings(path: Path) -> list[Switching]:
    """Read `switches.jsonl`; a torn last line is left out."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            item = json.loads(line)
        except ValueError:
            continue
        found.append(switching(item))
    return found


@dataclass(frozen=True)
class Balance:
    """Metered against physics: the sum of each channel's deviation over the sum of energy."""

    metered_wh: float
    physics_wh: float
    error: float
    worst_channel: str
    worst_deviation_wh: float


def balance(
    log: PhysicsLog,
    kept: Mapping[str, list[SignedRecord]],
    names: Callable[[str], Sequence[str]],
) -> Balance:
    """Compare each channel's register in the last kept reading with the physics at its time.

    Deviations are summed as magnitudes, so that no channel's error hides another's. Only
    readings with a trusted clock count: others do not say when they were taken. `names` gives what
    the log calls a board's channels.
    """
    metered = physics = deviation = worst = 0.0
    worst_channel = ""
    for name in sorted(kept):
        spans = _metered_spans(kept[name])
        for number, measure in enumerate(names(name) if spans else ()):
            exact, register = _over(log, f"{name}.{measure}_wh", number, spans)
            metered += register
            physics += exact
            deviation += abs(register - exact)
            if abs(register - exact) > abs(worst):
                worst, worst_channel = register - exact, f"{name}.{measure}"
    error = deviation / physics if physics else 1.0
    return Balance(metered, physics, error, worst_channel, worst)


Measured = Reading | Feeder
Span = tuple[Measured | None, Measured]
"""From a record (None: from the beginning of the run) to a later one."""


def _metered_spans(items: list[SignedRecord]) -> list[Span]:
    """What a board could measure. Modules have a supply and counters of their own: all of the run.

    An M-LMD's chip lives from its board and forgets with it: nothing counts what flows while the
    board is off or starting, so each epoch is compared from its first record on.
    """
    last = last_trusted(items)
    if last is None:
        return []
    if not isinstance(last, Feeder):
        return [(None, last)]
    epochs: dict[int, list[Measured]] = {}
    for item in sorted(items, key=lambda one: one.position):
        if (record := _measured(item)) is not None:
            epochs.setdefault(item.position[0], []).append(record)
    return [(records[0], records[-1]) for records in epochs.values()]


def _over(log: PhysicsLog, column: str, number: int, spans: Sequence[Span]) -> tuple[float, int]:
    """Energy of a channel over `spans`, by the physics and by its register."""
    exact, register = 0.0, 0
    for first, last in spans:
        exact += log.at(column, last.time_s * 1000)
        register += sum(last.channels[number][:2])
        if first is not None:
            exact -= log.at(column, first.time_s * 1000)
            register -= sum(first.channels[number][:2])
    return exact, register


def _measured(item: SignedRecord) -> Measured | None:
    """The record, if it is an interval that says when it was taken."""
    record = item.record
    if isinstance(record, Reading | Feeder) and not record.flags & CLOCK_UNTRUSTED:
        return record
    return None


def last_trusted(items: list[SignedRecord]) -> Measured | None:
    """The last interval that says when it was taken."""
    for item in sorted(items, key=lambda one: one.position, reverse=True):
        if (record := _measured(item)) is not None:
            return record
    return None
