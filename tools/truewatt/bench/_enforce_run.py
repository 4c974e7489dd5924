"""`truewatt bench gateway enforce`: how long a decision takes to its relay, and where time goes.

Thirty boards with the firmware unchanged, in sections of ten; their lines saturated with polling,
paced as the baud rate wants it. Each command is decided by a contract on a change of its owner's
preferences. The limit is for the time from the finality of its block to the contact, which the
board reads back in the same moment, by the physics; then it signs and journals the outcome, and the
gateway hears of it. Real time; the chip's time for signatures and flash is charged to each board.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.collect import line
from gateway.config import BusConfig
from truewatt.bench._gateway_rows import Row, all_met
from truewatt.bench._processes import free_port, mosquitto
from truewatt.bench._street import Life, Street
from truewatt.demo.scenario import Pace

BOARDS, SECTIONS = 30, 3
LIMITS_MS = {"9600": 1200, "115200": 400, "mqtt": 400}
INTERVAL_S = {"9600": 10, "115200": 1, "mqtt": 2}
BACKLOG_S = {"9600": 0.0, "115200": 100.0, "mqtt": 0.0}
"""Between a board's records, and how long it records alone. Ten boards that are asked once a second
fill a line of 9600 baud with that alone; a faster one is filled by what waits on them."""

SATURATED, SATURATES = 0.80, "9600"
"""A line is saturated with polling if frames, boards that are about to answer, and the silence that
is due before each request take at least this share of its time. On a faster line the gateway waits
for this machine between frames and not for bytes: its share is told, without a bar."""

EVERY_S = 1.2
"""Between commands, all boards together: so that each meets polling, and seldom another command."""

SECONDS = 100.0
WARM_UP_S = 10.0

STEPS: tuple[tuple[str, Callable[[Life], int | None]], ...] = (
    ("block to the header that proves it", lambda one: one.proven_ms - one.final_ms),
    ("header, list and proof to kept", lambda one: one.held_ms - one.proven_ms),
    ("kept to contact: line, board, flash", lambda one: _from(one.held_ms, one.moved_ms)),
    ("outcome journalled, gateway knows", lambda one: _from(one.moved_ms, one.read_back_ms)),
)


def _from(before_ms: int | None, after_ms: int | None) -> int | None:
    return None if before_ms is None or after_ms is None else after_ms - before_ms


@dataclass(frozen=True)
class Found:
    """What one kind of link showed."""

    lives: list[Life]
    ends: dict[str, int]
    busy: float | None
    waits: list[dict[str, float]]


def main(argv: list[str]) -> int:
    """Print the table; return 1 if a bar is missed."""
    return 0 if all_met(measure(argv)) else 1


def measure(argv: list[str]) -> list[Row]:
    """Print the table, and return its bars."""
    options = _parser().parse_args(argv)
    print(f"load average before: {os.getloadavg()[0]:.2f}")
    rows = []
    for link in options.link or list(LIMITS_MS):
        with TemporaryDirectory(prefix="truewatt-bench-") as scratch:
            found = asyncio.run(_measure(Path(scratch), link, options.seconds, options.boards))
        rows += _show(link, found)
    print(f"load average after: {os.getloadavg()[0]:.2f}")
    return rows


async def _measure(folder: Path, link: str, seconds: float, boards: int) -> Found:
    with ExitStack() as stack:
        if link == "mqtt":
            port = free_port()
            stack.enter_context(mosquitto(folder, port))
            pace = Pace(paced=True, poll_s=1, interval_s=INTERVAL_S[link], broker_port=port)
        else:
            pace = Pace(int(link), True, 1, INTERVAL_S[link], BACKLOG_S[link])
        sections = max(1, boards * SECTIONS // BOARDS)
        async with Street.open(folder, boards, sections, pace, seconds) as street:
            await street.settled()
            await street.wait(min(WARM_UP_S, seconds), f"{link}: warming up")
            since_ms = street.run.clock.unix_ms()
            before, asked = street.buses(), _requests(street)
            switching = asyncio.create_task(street.switch(seconds, EVERY_S * BOARDS / boards))
            await street.wait(seconds, f"{link}: switching")
            await switching
            busy = None
            if link != "mqtt":
                silent_s = (_requests(street) - asked) * _silence_s(int(link))
                busy = _busy(before, street.buses(), seconds, silent_s)
            await street.settled()
            await street.on_ledger()
            waits = [bus["urgent"] for bus in street.status()["buses"]]
            street.stop()
            return Found(street.lives(since_ms), street.ends(since_ms), busy, waits)


def _requests(street: Street) -> int:
    return sum(bus["requests"] for bus in street.status()["buses"])


def _silence_s(baud: int) -> float:
    return line.silence_s(BusConfig("", "", baud, "N", 0, 0, ()))


def _busy(
    before: dict[str, dict[str, float]],
    after: dict[str, dict[str, float]],
    seconds: float,
    silent_s: float,
) -> float:
    """The share of time in which somebody spoke, was about to answer, or silence was due."""
    spent_s = sum(
        bus[key] - before[name][key] for name, bus in after.items() for key in _LINE_TIMES
    )
    return (spent_s + silent_s) / seconds / len(after)


_LINE_TIMES = ("wire_s", "answering_s")


def _show(link: str, found: Found) -> list[Row]:
    lives, limit_ms = found.lives, LIMITS_MS[link]
    moved = sorted(ms for one in lives if (ms := _from(one.final_ms, one.moved_ms)) is not None)
    known = [one.read_back_ms - one.final_ms for one in lives]
    passed = bool(moved) and quantile(moved, 0.99) <= limit_ms and not found.ends["open"]
    name = "MQTT" if link == "mqtt" else f"{link} baud"
    print(f"\n{name}: {len(lives)} commands, {len(moved)} moved a contact; {_ends(found.ends)}")
    if found.busy is not None:
        least = f", at least {SATURATED:.0%}" if link == SATURATES else ""
        print(f"  lines busy {found.busy:.1%} of the time{least}")
        for number, waits in enumerate(found.waits, 1):
            print(
                f"  bus{number}: {waits['requests']} urgent requests met polling and waited"
                f" {waits['mean_ms']:.0f} ms, at most {waits['longest_ms']:.0f} ms"
            )
    print(f"  {'':38}{'p50':>8}{'p99':>8}{'most':>8}{'limit':>10}")
    for step, taken in STEPS:
        print(f"  {step:38}{_row([ms for one in lives if (ms := taken(one)) is not None])}")
    verdict = "pass" if passed else "FAIL"
    print(f"  {'block to contact and read-back, ms':38}{_row(moved)}{limit_ms:>10} {verdict}")
    print(f"  {'block to read-back at the gateway':38}{_row(known)}")
    return _bars(link, name, found, moved, passed)


def _bars(link: str, name: str, found: Found, moved: list[int], passed: bool) -> list[Row]:
    limit = f"<= {LIMITS_MS[link]}"
    p99_ms = f"{quantile(moved, 0.99):,}" if moved else "none"
    open_ones = found.ends["open"]
    rows = [
        Row(f"block to contact and read-back, p99, {name}", p99_ms, "ms", limit, passed),
        Row(f"commands that did not end, {name}", f"{open_ones}", "", "0", not open_ones),
    ]
    if found.busy is not None:
        barred = link == SATURATES
        limit = f">= {100 * SATURATED:.0f}" if barred else ""
        met = found.busy >= SATURATED if barred else None
        rows.append(Row(f"lines busy, {name}", f"{100 * found.busy:.1f}", "%", limit, met))
    return rows


def _row(values: list[int]) -> str:
    values = sorted(values)
    cells = (quantile(values, 0.5), quantile(values, 0.99), values[-1] if values else 0)
    return "".join(f"{cell:>8}" for cell in cells)


def _ends(ends: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in ends.items() if count)


def quantile(values: list[int], share: float) -> int:
    """Nearest-rank quantile of sorted values; 0 without any."""
    return values[max(0, -(-len(values) * int(share * 100) // 100) - 1)] if values else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="truewatt bench gateway enforce",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--link", action="append", choices=list(LIMITS_MS), help="only this one (repeatable)")
    add("--seconds", type=float, default=SECONDS, help=f"of switching on each ({SECONDS:g})")
    add("--boards", type=int, default=BOARDS, help=f"boards in all ({BOARDS})")
    return parser
