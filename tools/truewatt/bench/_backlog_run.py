"""`truewatt bench gateway backlog`: a day without the gateway, and how it catches up.

Ten boards with the firmware unchanged, on one line that takes its time or at a real Mosquitto, each
with a day of signed records (1,440) in the journal on its flash. They are written there beforehand
by the board's own chain and journal, over the programmer's cable, because a day takes a day. Then
the gateway comes and boards go on recording, one reading a minute. Commands are given to all boards
while it drains; beside them stands the same street without a backlog. Real time: 6 to 8 minutes at
115,200 baud, an hour at 9600, some minutes over MQTT; `--minutes` stops earlier and says what was
left.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.store import Store, StoreError
from truewatt.bench._backlog_journal_script import BOARD
from truewatt.bench._bus_load import BOARDS, DAY_RECORDS, Part, between, look
from truewatt.bench._enforce_run import LIMITS_MS, quantile
from truewatt.bench._figures import progress
from truewatt.bench._gateway_rows import Row, all_met
from truewatt.bench._processes import free_port, mosquitto
from truewatt.bench._street import Life, Street
from truewatt.demo.scenario import CHAIN_ID, Pace
from truewatt.emulator.board import NO_CHARGES, EmulatedBoard
from wireformat.chained import Chained
from wireformat.registry import open_signed

LINKS = ("9600", "115200", "mqtt")
EVERY_S = {"9600": 20.0, "115200": 5.0, "mqtt": 5.0}
"""Between commands: all the contracts' bounds of wear let through for as long as it drains."""

CALM_S = 100.0
"""How long commands are given where nothing waits."""

LOOK_S, SETTLE_S = 1.0, 10.0
POLL_S = 5
_CABLE_S = 900.0


@dataclass(frozen=True)
class Kept:
    """What became of the records that are on the boards: `lost` are behind the head and not held,
    `other` are held with other bytes."""

    held: int
    lost: int
    other: int
    refused: int


@dataclass(frozen=True)
class Found:
    """One street's figures; `part`: of its line; `seconds`: of draining with commands; `records`:
    kept meanwhile; of the backlog, `early`: kept before that, `left`: not held at the end."""

    part: Part | None
    seconds: float
    records: int
    early: int
    left: int
    lives: list[Life]
    ends: dict[str, int]
    cut_short: int
    kept: Kept


def main(argv: list[str]) -> int:
    """Print the table; return 1 if a bar is missed."""
    return 0 if all_met(measure(argv)) else 1


def measure(argv: list[str]) -> list[Row]:
    """Print the table, and return its bars."""
    options = _parser().parse_args(argv)
    print(f"load average before: {os.getloadavg()[0]:.2f}")
    rows = []
    for link in options.link or LINKS:
        found = []
        for records in (0, options.records):
            with TemporaryDirectory(prefix="truewatt-bench-") as scratch:
                run = _measure(Path(scratch), link, options.boards, records, 60 * options.minutes)
                found.append(asyncio.run(run))
        rows += _show(link, options.boards * options.records, *found)
    print(f"load average after: {os.getloadavg()[0]:.2f}")
    return rows


async def _measure(folder: Path, link: str, boards: int, records: int, most_s: float) -> Found:
    with ExitStack() as stack:
        if link == "mqtt":
            port = free_port()
            stack.enter_context(mosquitto(folder, port))
            pace = Pace(paced=True, poll_s=POLL_S, broker_port=port)
        else:
            pace = Pace(int(link), paced=True, poll_s=POLL_S)
        return await _drain(folder, link, pace, boards, records, most_s)


async def _drain(
    folder: Path, link: str, pace: Pace, boards: int, records: int, most_s: float
) -> Found:
    name = f"{name_of(link)}, {records} records on each"

    def prepare(street: Street) -> None:
        if records:
            fill(street, records)

    async with Street.open(folder, boards, 1, pace, most_s or 3600.0, prepare) as street:
        since_ms, before = street.run.clock.unix_ms(), look(street)
        early = _held(street)
        ending = asyncio.Event()
        switching = asyncio.create_task(_switch_until(street, EVERY_S[link], ending))
        if records:
            left = await drained(street, records, most_s, name)
        else:
            left = 0
            await street.wait(CALM_S, name)
        after = look(street)
        ending.set()
        await switching
        await street.wait(SETTLE_S, f"{name}: last commands")
        await street.on_ledger()
        street.stop()
        return Found(
            None if link == "mqtt" else between(before, after, int(link)),
            (after.status["time_ms"] - before.status["time_ms"]) / 1000,
            after.status["records"] - before.status["records"],
            early,
            left,
            street.lives(since_ms),
            street.ends(since_ms),
            street.cut_short(since_ms),
            kept(street),
        )


# ---- a day in the journals -------------------------------------------------------------------


def fill(street: Street, records: int) -> None:
    """Put `records` records into the journal of each board, a minute apart, up to now."""
    end_s = street.site.scenario.start_ms // 1000 - 60

    def one(name: str) -> str:
        board = street.site.board(name)
        board = EmulatedBoard(
            board.directory, replace(board.spec, charges=NO_CHARGES, precompiled=False)
        )
        said = board.execute(f"{BOARD}\nmain({records}, {end_s})", _CABLE_S)
        assert f"WAITING {records}" in said, said
        return name

    started_s = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as cables:
        for done, name in enumerate(cables.map(one, street.boards), 1):
            spent_s = time.monotonic() - started_s
            progress(f"{name}: {records} records in its journal ({done} boards, {spent_s:.0f} s)")


# ---- while it drains -------------------------------------------------------------------------


async def _switch_until(street: Street, every_s: float, ending: asyncio.Event) -> None:
    while not ending.is_set():
        await street.switch(every_s, every_s)


async def drained(street: Street, records: int, most_s: float, name: str) -> int:
    """Wait until the gateway has all that was there before it, for `most_s` (0: as long as it
    takes); how many records it had not."""
    started_s, told_s = time.monotonic(), 0.0
    total = records * len(street.boards)
    while True:
        street.run.supervisor.revive()
        left = total - _held(street)
        spent_s = time.monotonic() - started_s
        if left <= 0 or (most_s and spent_s > most_s):
            return max(left, 0)
        if spent_s > told_s + 10.0:
            told_s = spent_s
            progress(f"{name}: {total - left} of {total} drained in {spent_s:.0f} s")
        await asyncio.sleep(LOOK_S)


def _held(street: Street) -> int:
    """How many of the first epoch's records the gateway holds."""
    path = street.site.run_dir / "gateway" / "gateway.db"
    with suppress(StoreError), closing(Store.open_readonly(path)) as store:
        row = store.database.one("SELECT count(*) FROM records WHERE epoch = 1")
        return int(row[0]) if row else 0
    return 0


# ---- what came of it -------------------------------------------------------------------------


def kept(street: Street) -> Kept:
    """Hold every record on every board's flash against the gateway's store."""
    held = lost = other = 0
    path = street.site.run_dir / "gateway" / "gateway.db"
    with closing(Store.open_readonly(path)) as store:
        for name in street.boards:
            address = street.site.addresses[name]
            head = store.head(address)
            assert head is not None
            for code, data in street.site.board(name).journal():
                record = open_signed(code, data, CHAIN_ID).record
                assert isinstance(record, Chained)
                if (record.epoch, record.seq) > (head.epoch, head.seq):
                    continue
                stored = store.data_at(address, record.epoch, record.seq)
                held += stored == data
                lost += stored is None
                other += stored not in (None, data)
        return Kept(held, lost, other, sum(store.refusals().values()))


def name_of(link: str) -> str:
    """A link, for people."""
    return "MQTT" if link == "mqtt" else f"{link} baud"


def _show(link: str, total: int, calm: Found, busy: Found) -> list[Row]:
    limit_ms = LIMITS_MS[link]
    drained = total - busy.left
    seconds = max(busy.seconds, LOOK_S)
    rate = (drained - busy.early) / seconds
    print(
        f"\n{name_of(link)}: {drained} of {total} records drained, {busy.early} before and"
        f" {drained - busy.early} in {busy.seconds:.0f} s with commands"
    )
    if busy.left:
        print(f"  {busy.left} were left; at this rate all take {total / rate / 60:.0f} min")
    print(f"  {'records a second, of the backlog':44}{rate:>10.2f}")
    print(f"  {'records a second, in all':44}{busy.records / seconds:>10.2f}")
    if busy.part is not None:
        print(f"  {'share of the computed limit of the line':44}{busy.part.share:>10.1%}")
    own = busy.kept
    fate = own.lost + own.other + own.refused + calm.kept.lost + calm.kept.other
    print(f"  on the flash and held here {own.held}, lost {own.lost}, with other bytes"
          f" {own.other}, refused {own.refused}")  # fmt: skip
    print(f"\n  {'':44}{'backlog':>19}{'without':>19}")
    print(f"  {'':44}{'p50':>9}{'p99':>10}{'p50':>9}{'p99':>10}{'limit':>8}")
    steps: list[tuple[str, Callable[[Life], int | None], int | None]] = [
        ("block to contact and read-back, ms", lambda one: _gap(one.final_ms, one.moved_ms),
         limit_ms),
        ("kept to contact, ms", lambda one: _gap(one.held_ms, one.moved_ms), None),
        ("block to read-back at the gateway, ms",
         lambda one: _gap(one.final_ms, one.read_back_ms), None),
    ]  # fmt: skip
    what = f"records lost, changed or refused, {name_of(link)}"
    rows = [Row(what, f"{fate}", "", "0", not fate)]
    for name, taken, limit in steps:
        both = [_taken(found, taken) for found in (busy, calm)]
        cells = "".join(f"{quantile(v, 0.5):>9}{quantile(v, 0.99):>10}" for v in both)
        verdict = ""
        if limit is not None:
            good = bool(both[0]) and quantile(both[0], 0.99) <= limit
            verdict = f"{limit:>8} {'pass' if good else 'FAIL'}"
            p99_ms = f"{quantile(both[0], 0.99):,}" if both[0] else "none"
            what = f"block to contact as it drains, p99, {name_of(link)}"
            rows.append(Row(what, p99_ms, "ms", f"<= {limit}", good))
        print(f"  {name:44}{cells}{verdict}")
    for found, name in ((busy, "backlog"), (calm, "without")):
        ends = ", ".join(f"{key} {count}" for key, count in found.ends.items() if count)
        print(f"  {name}: {len(found.lives)} commands; on the ledger {ends};"
              f" ended there before their outcome came: {found.cut_short}")  # fmt: skip
    short = busy.cut_short + calm.cut_short
    what = f"commands cut short, {name_of(link)}"
    return [*rows, Row(what, f"{short}", "", "0", not short)]


def _taken(found: Found, of: Callable[[Life], int | None]) -> list[int]:
    return sorted(ms for one in found.lives if (ms := of(one)) is not None)


def _gap(before_ms: int, after_ms: int | None) -> int | None:
    return None if after_ms is None else after_ms - before_ms


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="truewatt bench gateway backlog",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--link", action="append", choices=LINKS, help="only this one (repeatable)")
    add("--records", type=int, default=DAY_RECORDS, help=f"on each board ({DAY_RECORDS})")
    add("--boards", type=int, default=BOARDS, help=f"on the line ({BOARDS})")
    add("--minutes", type=float, default=0.0, help="give up draining after so many (0: never)")
    return parser
