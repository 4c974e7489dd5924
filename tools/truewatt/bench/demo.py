"""`truewatt bench demo`: boards against CPU, memory and latency, of the real thing.

Each line is a run of the demo: that many emulated boards with the firmware unchanged, one gateway,
one ledger, one rig. CPU and memory are taken while the run is live, of all its processes together;
100 % is one core. Latency runs from the block that holds a decision to the contact, in real time.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ledger.clock import Clock
from truewatt.bench._family import Usage, family
from truewatt.cli import run
from truewatt.demo import runner
from truewatt.demo.observer import Observer
from truewatt.demo.scenario import Scenario, plan_homes
from truewatt.demo.site import Site
from truewatt.demo.supervisor import Supervisor

BOARDS_PER_SECTION = 11
POINTS = ((30, 1.0), (60, 1.0), (120, 1.0), (300, 1.0), (33, 60.0))
"""Boards, speed."""

MAX_CPU_PERCENT = 120.0
"""Of the 200 that a small machine with two cores has: the rest is for the live view."""
MAX_GATEWAY_RSS_MIB = 150.0
MAX_P99_S = 1.2
"""From commit to relay on a 9600-baud bus; these buses are unpaced, so what remains is software."""
_MIB = 1 << 20


@dataclass(frozen=True)
class Point:
    """One run's figures; `over` names each that is above its limit."""

    boards: int
    speed: float
    seconds: float
    cpu_percent: float
    cpu_by_part: dict[str, float]
    pss_mib: float
    gateway_rss_mib: float
    latency_p50_s: float | None
    latency_p99_s: float | None
    switchings: int
    records_per_s: float
    lost: int
    """Or late: signed, and not arrived when the run was over."""
    over: list[str] = field(default_factory=list)


class Sampler(Observer):
    """Takes the processes' use at the beginning and the end of the live part of a run."""

    def __init__(self) -> None:
        self._at_s = 0.0
        self._before: dict[int, Usage] = {}
        self.seconds = 0.0
        self.cpu_percent: dict[str, float] = {}
        self.after: dict[int, Usage] = {}

    async def start(self, site: Site, clock: Clock, supervisor: Supervisor) -> None:
        self._before, self._at_s = family(os.getpid()), time.monotonic()

    async def stop(self) -> None:
        self.after = family(os.getpid())
        self.seconds = time.monotonic() - self._at_s
        for pid, usage in self.after.items():
            before = self._before.get(pid)
            spent_s = usage.cpu_s - (before.cpu_s if before else 0.0)
            percent = 100.0 * spent_s / self.seconds
            self.cpu_percent[usage.part] = self.cpu_percent.get(usage.part, 0.0) + percent


def measure(boards: int, speed: float, seconds: float, say: Callable[[str], None]) -> Point:
    """Run the demo with so many boards, M-LMDs included."""
    sections = -(-boards // BOARDS_PER_SECTION)
    homes = plan_homes(1, boards - sections, sections)
    scenario = Scenario(1, seconds / 60, speed, homes, start_min=16 * 60)
    sampler = Sampler()
    with TemporaryDirectory(prefix="truewatt-bench-") as scratch:
        report = runner.run(scenario, Path(scratch) / "run", say, [sampler])
    return _point(scenario, sampler, report)


def _point(scenario: Scenario, sampler: Sampler, report: dict[str, Any]) -> Point:
    delay, usages = report["event_to_relay_ms"], sampler.after.values()
    cpu = sum(sampler.cpu_percent.values())
    gateway_mib = max((u.rss_bytes for u in usages if u.part == "gateway"), default=0) / _MIB
    p50_s, p99_s = (
        None if delay[name] is None else delay[name] / 1000 / scenario.speed
        for name in ("p50", "p99")
    )
    checks = (
        ("cpu", cpu > MAX_CPU_PERCENT),
        ("gateway", gateway_mib > MAX_GATEWAY_RSS_MIB),
        ("p99", p99_s is not None and p99_s > MAX_P99_S),
        ("lost", report["readings_lost"] + report["readings_late"] > 0),
    )
    return Point(
        boards=len(scenario.boards),
        speed=scenario.speed,
        seconds=round(sampler.seconds, 1),
        cpu_percent=round(cpu, 1),
        cpu_by_part={name: round(share, 1) for name, share in sorted(sampler.cpu_percent.items())},
        pss_mib=round(sum(usage.pss_bytes for usage in usages) / _MIB, 1),
        gateway_rss_mib=round(gateway_mib, 1),
        latency_p50_s=p50_s,
        latency_p99_s=p99_s,
        switchings=report["relay_switchings"],
        records_per_s=round(report["records_admitted"] / sampler.seconds, 1),
        lost=report["readings_lost"] + report["readings_late"],
        over=[name for name, is_over in checks if is_over],
    )


def _heading() -> str:
    names = ("boards", "speed", "CPU %", "PSS MiB", "gateway MiB", "p50 s", "p99 s", "records/s")
    limits = ("", "limit", MAX_CPU_PERCENT, "", MAX_GATEWAY_RSS_MIB, "", MAX_P99_S, "")
    lines = [f"{name:>12}" for name in (*names, "lost")], [f"{x:>12}" for x in (*limits, 0)]
    return "\n".join("".join(line) for line in lines)


def _row(point: Point) -> str:
    cells = (
        point.boards,
        f"x{point.speed:g}",
        point.cpu_percent,
        point.pss_mib,
        point.gateway_rss_mib,
        "-" if point.latency_p50_s is None else f"{point.latency_p50_s:.3f}",
        "-" if point.latency_p99_s is None else f"{point.latency_p99_s:.3f}",
        point.records_per_s,
        point.lost,
    )
    parts = ", ".join(f"{name} {share}" for name, share in point.cpu_by_part.items())
    over = f"   OVER: {', '.join(point.over)}" if point.over else ""
    return "".join(f"{cell:>12}" for cell in cells) + f"   ({parts}){over}"


def main(argv: list[str]) -> int:
    """Print the table; return 1 if a limit is passed."""
    arguments = _parser().parse_args(argv)
    points = POINTS if arguments.boards is None else ((arguments.boards, arguments.speed),)
    print(_heading(), flush=True)
    found = []
    for boards, speed in points:
        _say(f"{boards} boards at x{speed:g} for {arguments.seconds:g} s")
        found.append(measure(boards, speed, arguments.seconds, _say))
        print(_row(found[-1]), flush=True)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(point) for point in found], indent=2) + "\n")
    return 1 if any(point.over for point in found) else 0


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="truewatt bench demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--boards", type=_boards, help="measure this many boards only (M-LMDs included)")
    add("--speed", type=float, default=1.0, help="simulated time per real time, with --boards")
    add("--seconds", type=float, default=90.0, help="of each run, real time (default 90)")
    add("--json", type=Path, metavar="FILE", help="write the figures here too")
    return parser


def _boards(text: str) -> int:
    value = int(text)
    if not 2 <= value <= 330:
        raise argparse.ArgumentTypeError("expected 2 to 330")
    return value


if __name__ == "__main__":
    # The command line's way of running a module explains errors instead of tracing them.
    sys.exit(run("truewatt.bench.demo", sys.argv[1:]))
