"""`truewatt bench gateway bus`: how much of what a line could carry its gateway uses.

Ten boards with the firmware unchanged, a record of each every second, on one line that takes its
time. They record for a while before the gateway comes, so that it finds more than the line carries:
as after a day without it. The limit is what the line could carry at the same frames: their bytes,
3.5 characters of silence before each request, and the time that the boards take to answer, which
is measured on the line. In the middle of it one board is cut off for good, and commands are given.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gateway.collect import line
from gateway.collect.patience import LEAST_S
from gateway.config import BusConfig
from truewatt.bench._enforce_run import quantile
from truewatt.bench._gateway_rows import Row, all_met
from truewatt.bench._street import Street
from truewatt.demo.scenario import Pace
from truewatt.emulator.board_files import Charges
from wireformat import modbus_map as m

BOARDS = 10
BUS = "bus1"
BAUDS = (9600, 115200)
LEAST_SHARE, MOST_DEAD = 0.90, 0.02
BARRED = 9600
"""The rate at which the share has a bar: faster lines wait for this machine, not for bytes."""

DAY_RECORDS = 1440
BACKLOG_S = {9600: 20.0, 115200: 140.0}
"""How long boards record alone: beyond that they go on, faster than 9600 baud can take it away."""

FIRST_S = 10.0
"""For the orders that a street begins with."""

SECONDS = 20.0
"""Of each of the first two parts: draining, draining with commands."""

DEAD_S = 70.0

DEAD_SETTLES_S = 60.0
"""A dead board is probed ever less often; what it costs for good shows after a minute."""

COMMAND_EVERY_S = 3.6
MARGIN_MS = 20
"""Of the rule that a command waits for the frame in flight: what the machine adds."""

ERASE_MS = Charges().erase_block_us // 1000
"""A board that erases flash answers afterwards, or never: it hears nothing meanwhile."""


@dataclass(frozen=True)
class Part:
    """One stretch of time on the line."""

    seconds: float
    share: float
    records: int
    requests: int
    turnaround_ms: float
    dead_share: float

    @property
    def day_s(self) -> float:
        """How long a day's records of ten boards take at this rate."""
        return DAY_RECORDS * BOARDS * self.seconds / self.records if self.records else 0.0


def main(argv: list[str]) -> int:
    """Print the table; return 1 if a bar is missed."""
    return 0 if all_met(measure(argv)) else 1


def measure(argv: list[str]) -> list[Row]:
    """Print the table, and return its bars."""
    options = _parser().parse_args(argv)
    print(f"load average before: {os.getloadavg()[0]:.2f}")
    rows = []
    for baud in options.baud or BAUDS:
        with TemporaryDirectory(prefix="truewatt-bench-") as scratch:
            rows += asyncio.run(_measure(Path(scratch), baud, options))
    print(f"load average after: {os.getloadavg()[0]:.2f}")
    return rows


async def _measure(folder: Path, baud: int, options: argparse.Namespace) -> list[Row]:
    seconds, boards = options.seconds, options.boards
    pace = Pace(baud, True, poll_s=1, interval_s=1, backlog_s=options.alone or BACKLOG_S[baud])
    async with Street.open(folder, boards, 1, pace, 3 * seconds) as street:
        await street.wait(min(FIRST_S, seconds), f"{baud} baud: first orders")
        drain = await _part(street, seconds, baud, f"{baud} baud: draining")
        since_ms = street.run.clock.unix_ms()
        before = street.status()["buses"][0]["urgent"]
        switching = asyncio.create_task(street.switch(seconds, COMMAND_EVERY_S))
        busy = await _part(street, seconds, baud, f"{baud} baud: draining, with commands")
        await switching
        after = street.status()["buses"][0]["urgent"]
        dead = street.boards[-1]
        street.run.supervisor.parts[dead].kill()
        await street.wait(min(DEAD_SETTLES_S, options.dead), f"{baud} baud: {dead} is dead")
        alone = await _part(street, options.dead, baud, f"{baud} baud: without it", dead)
        street.stop()
        lives = street.lives(since_ms)
    waits = sorted(one.read_back_ms - one.held_ms for one in lives)
    counts = {key: after[key] - before[key] for key in ("requests", "unanswered")}
    urgent = {**after, **counts}
    return _show(baud, drain, busy, alone, urgent, waits)


@dataclass(frozen=True)
class Look:
    """The counters of line and gateway at one moment; times in seconds and ms."""

    line: dict[str, Any]
    status: dict[str, Any]
    at_ms: int


def look(street: Street) -> Look:
    """Now."""
    return Look(street.buses().get(BUS, {}), street.status(), street.run.clock.unix_ms())


async def _part(street: Street, seconds: float, baud: int, what: str, dead: str = "") -> Part:
    before = look(street)
    await street.wait(seconds, what)
    after = look(street)
    # The gateway writes its figures every few seconds.
    while after.status["time_ms"] == before.status["time_ms"]:
        await street.wait(1.0, what)
        after = look(street)
    return between(before, after, baud, dead)


def between(before: Look, after: Look, baud: int, dead: str = "") -> Part:
    """What went over the line from one moment to another."""
    passed_s = (after.at_ms - before.at_ms) / 1000
    spent = {key: after.line[key] - before.line[key] for key in ("wire_s", "answering_s")}
    noted_s = (after.status["time_ms"] - before.status["time_ms"]) / 1000
    requests = after.status["buses"][0]["requests"] - before.status["buses"][0]["requests"]
    per_s = requests / noted_s
    silent_s = per_s * passed_s * line.silence_s(_config(baud))
    held_s = _held_s(after.status, dead) - _held_s(before.status, dead)
    return Part(
        seconds=noted_s,
        share=(spent["wire_s"] + spent["answering_s"] + silent_s) / passed_s,
        records=after.status["records"] - before.status["records"],
        requests=requests,
        turnaround_ms=1000 * spent["answering_s"] / (per_s * passed_s),
        dead_share=held_s / noted_s,
    )


def _held_s(status: dict[str, Any], board: str) -> float:
    return float(sum(row["line_s"] for row in status["boards"] if row["name"] == board))


def _config(baud: int) -> BusConfig:
    return BusConfig(BUS, "", baud, "N", 2000, 0, ())


def _longest_frame_ms(baud: int, turnaround_ms: float) -> float:
    """A whole window by FC23: nothing on the line is longer."""
    size = line.request_bytes(line.READ_WRITE, m.CURSOR_WORDS)
    size += line.reply_bytes(line.READ_WRITE, m.WINDOW_WORDS)
    config = _config(baud)
    return 1000 * (size * line.byte_s(config) + 2 * line.silence_s(config)) + turnaround_ms


def _show(
    baud: int, drain: Part, busy: Part, alone: Part, urgent: dict[str, float], waits: list[int]
) -> list[Row]:
    frame_ms = _longest_frame_ms(baud, drain.turnaround_ms) + ERASE_MS + MARGIN_MS
    silent_ms = _longest_frame_ms(baud, 1000 * LEAST_S) + MARGIN_MS
    least = LEAST_SHARE if baud == BARRED else 0.0
    bar = f">= {least:.0%}" if least else ""
    rows = [
        ("share of the computed limit", f"{drain.share:.1%}", bar, drain.share >= least),
        ("the same, with commands", f"{busy.share:.1%}", bar, busy.share >= least),
        ("a dead board's share", f"{alone.dead_share:.2%}", "<= 2%", alone.dead_share <= MOST_DEAD),
        ("longest wait of an urgent request", f"{urgent['longest_ms']:.0f} ms",
         f"<= {frame_ms:.0f} ms", urgent["longest_ms"] <= frame_ms),
        ("the same, where no board answered", f"{urgent['longest_unanswered_ms']:.0f} ms",
         f"<= {silent_ms:.0f} ms", urgent["longest_unanswered_ms"] <= silent_ms),
    ]  # fmt: skip
    print(f"\n{baud} baud\n{'figure':38}{'value':>12}{'limit':>12}")
    for name, value, limit, passed in rows:
        print(f"{name:38}{value:>12}{limit:>12} {('pass' if passed else 'FAIL') * bool(limit)}")
    rate = drain.records / drain.seconds
    print(f"{'records a second, requests':38}{rate:>12.2f}{drain.requests / drain.seconds:>12.2f}")
    print(f"{'boards take to answer':38}{drain.turnaround_ms:>9.1f} ms")
    print(f"{'a day of ten, each asked every second':38}{drain.day_s / 60:>8.0f} min")
    print(f"{'urgent requests while draining':38}{urgent['requests']:>12.0f}")
    print(f"{'of these behind one without an answer':38}{urgent['unanswered']:>12.0f}")
    print(f"{'command kept to read-back, p50 / p99':38}{quantile(waits, 0.5):>9} ms"
          f"{quantile(waits, 0.99):>9} ms")  # fmt: skip
    return [
        Row(f"{name}, {baud} baud", value, "", limit, passed if limit else None)
        for name, value, limit, passed in rows
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="truewatt bench gateway bus",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--baud", action="append", type=int, choices=BAUDS, help="only this one (repeatable)")
    add("--seconds", type=float, default=SECONDS, help=f"of draining, twice ({SECONDS:g})")
    add("--boards", type=int, default=BOARDS, help=f"on the line ({BOARDS}); bars are for that")
    add("--alone", type=float, default=0.0, help="seconds that boards record before it comes")
    add("--dead", type=float, default=DEAD_S, help=f"seconds with a dead board ({DEAD_S:g})")
    return parser
