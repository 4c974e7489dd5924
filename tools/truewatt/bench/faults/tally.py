"""What a fault did, as a line of the table."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from truewatt.bench.faults.oracle import Verdict

TELL_EVERY_S = 5.0


ONLY_IF_TRIED = ("misattributed", "unsigned", "expired")
"""Columns in which a 0 says nothing unless the fault offered what belongs there."""


@dataclass(frozen=True)
class Plan:
    """How often a fault is done, with which seed, and where its files may lie.

    `first`: the number of the first one, so that a campaign can be taken up where it was left.
    """

    count: int
    seed: int
    folder: Path
    first: int = 0

    def rng_name(self, number: int) -> str:
        """What the randomness of one fault is drawn from: the same for the same seed and number."""
        return f"{self.seed}/{number}"


@dataclass
class Tally:
    """`count` faults were done. `recoveries_ms`: from the fault's end to work going on.

    `tried`: the columns of `ONLY_IF_TRIED` in which this fault could have found something; `wrong`:
    signed values of meters that can't sign which differ from what they measured, None: not tried.
    """

    name: str
    count: int = 0
    acked: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    recoveries_ms: list[float] = field(default_factory=list)
    limit_ms: float | None = None
    tried: set[str] = field(default_factory=set)
    wrong: int | None = None
    wrong_expected: float = 0.0
    seconds: float = 0.0
    notes: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    def found(self, verdict: Verdict, where: str) -> None:
        """Add what a comparison showed."""
        self.verdict += verdict
        # What was found can't stay behind a dash.
        self.tried |= {name for name in ONLY_IF_TRIED if getattr(verdict, name)}
        if not verdict.clean and len(self.examples) < 5:
            self.examples.append(f"{where}: {verdict}")

    def note(self, name: str, more: int = 1) -> None:
        """Count something worth knowing."""
        self.notes[name] = self.notes.get(name, 0) + more

    @property
    def slowest_ms(self) -> float:
        """The longest recovery."""
        return max(self.recoveries_ms, default=0.0)

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, and work went on in time. No ack at all proves nothing."""
        in_time = self.limit_ms is None or self.slowest_ms <= self.limit_ms
        return self.verdict.clean and in_time and self.count > 0 and self.acked > 0

    def to_json(self) -> dict[str, Any]:
        """For a file."""
        waits = sorted(self.recoveries_ms)
        return {
            "fault": self.name,
            "count": self.count,
            "acked": self.acked,
            **asdict(self.verdict),
            **{name: None for name in ONLY_IF_TRIED if name not in self.tried},
            "wrong": self.wrong,
            "wrong_expected": None if self.wrong is None else self.wrong_expected,
            "recovery_p50_ms": round(waits[len(waits) // 2], 1) if waits else None,
            "recovery_max_ms": round(self.slowest_ms, 1) if waits else None,
            "recovery_limit_ms": self.limit_ms,
            "seconds": round(self.seconds, 1),
            "notes": self.notes,
            "examples": self.examples,
            "passed": self.passed,
        }


HEAD = (
    f"{'fault':10} {'count':>9} {'acked':>9} {'lost':>5} {'twice':>5} {'misattr':>7} {'unsign':>6}"
    f" {'expired':>7} {'broken':>6} {'wrong':>5} {'recovery p50/max ms':>20} {'limit':>6} {'s':>6}"
)


def row(line: dict[str, Any]) -> str:
    """A line of the table, from `Tally.to_json`."""
    times = "-"
    if line["recovery_max_ms"] is not None:
        times = f"{line['recovery_p50_ms']:,.0f} / {line['recovery_max_ms']:,.0f}"
    limit = "-" if line["recovery_limit_ms"] is None else f"{line['recovery_limit_ms']:,.0f}"
    return (
        f"{line['fault']:10} {line['count']:>9,} {line['acked']:>9,} {line['lost']:>5}"
        f" {line['duplicated']:>5} {_cell(line, 'misattributed'):>7} {_cell(line, 'unsigned'):>6}"
        f" {_cell(line, 'expired'):>7} {line['broken']:>6} {_cell(line, 'wrong'):>5}"
        f" {times:>20} {limit:>6} {line['seconds']:>6,.0f}"
        f"  {'pass' if line['passed'] else 'FAIL'}"
    )


def _cell(line: dict[str, Any], name: str) -> str:
    return "-" if line[name] is None else str(line[name])


class Progress:
    """Says how far a fault is, at most every few seconds."""

    def __init__(self, name: str, plan: Plan, say: Callable[[str], None]) -> None:
        self._name, self._plan, self._say = name, plan, say
        self._started_s = self._told_s = time.monotonic()

    def __call__(self, done: int) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s < TELL_EVERY_S:
            return
        self._told_s = now_s
        left_s = (now_s - self._started_s) / max(done, 1) * (self._plan.count - done)
        self._say(
            f"{self._name}: {done:,} of {self._plan.count:,}, {left_s:,.0f} s to go;"
            f" to take it up here: --seed {self._plan.seed} --first {self._plan.first + done}"
        )


def say(text: str) -> None:
    """On standard error, beside the table."""
    print(f"faults: {text}", file=sys.stderr, flush=True)
