"""`truewatt bench journal`: power cuts at random flash operations, and how flash wears.

10,000 cuts of the emulated chip's flash and NVS under the firmware's own journal, chain and
commands, half-way through a program or an erase, in any state that the cuts before left. After
each the board is started once more on a copy and held to its promises: no (epoch, seq) twice, no
record that was shown lost but by an eviction that a signed gap names, one end for every command,
and it boots. Seeded: `--first` goes on where a run was stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import truewatt.emulator.board
from truewatt.bench._figures import progress
from truewatt.bench._journal_script import BOARD
from truewatt.cli import run
from truewatt.toolchain import micropython
from truewatt.toolchain.errors import ToolchainError
from truewatt.toolchain.paths import project_root

CUTS = 10_000
BATCH = 200
"""Cuts of one process: its seed is the run's and the batch's number."""

ERASE_CYCLES = 100_000
"""What makers of NOR flash give for a sector (W25Q, GD25Q: minimum program-erase cycles)."""

YEARS = 10
_NVS_PAGES, _NVS_ENTRIES = 4, 126
_HEAP_KIB = 16 * 1024
_TIMEOUT_S = 600
_CHIP = Path(truewatt.emulator.board.__file__).parent / "chip"


class JournalBenchError(ToolchainError):
    """The board's program ended without a result."""


@dataclass(frozen=True)
class Batch:
    """What came of a row of cuts; `violated` names a broken promise."""

    seed: str
    counts: Counter[str]
    violated: str = ""


def _lines(folder: Path, *arguments: str) -> Iterator[dict[str, int | str]]:
    """Run the board's program; what it says, line by line."""
    root = project_root()
    if root is None:
        raise FileNotFoundError("no checkout here: the firmware's sources are in one")
    argv = micropython("32bit")
    # As sources: what the tests break on purpose has its name there.
    tree = root / "firmware"
    nvs = folder / f"nvs-{'-'.join(arguments)}.json"
    done = subprocess.run(
        [*argv, "-X", f"heapsize={_HEAP_KIB}k", "-c", BOARD, str(_CHIP), str(nvs), *arguments],
        env={**os.environ, "MICROPYPATH": f"{tree}:{tree}/shared:.frozen"},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not said or (done.returncode and "violated" not in said[-1]):
        raise JournalBenchError(
            f"the board's program ended with {done.returncode}: {done.stderr.strip()[-600:]}",
            f"arguments {' '.join(arguments)}",
            "Run it again with the same seed.",
        )
    yield from said


def batch(folder: Path, seed: int, number: int, cuts: int, broken: str = "") -> Batch:
    """One row of cuts."""
    own = str(seed * 1_000_003 + number)
    last = list(_lines(folder, own, str(cuts), broken))[-1]
    if "violated" in last:
        return Batch(own, Counter(cuts=int(last["cut"])), f"{last['violated']}: {last['seen']}")
    return Batch(own, Counter({name: int(count) for name, count in last.items()}))


def campaign(cuts: int, seed: int, first: int, processes: int) -> tuple[Counter[str], list[Batch]]:
    """All cuts from batch `first` on: sums, and the batches that broke a promise."""
    total: Counter[str] = Counter()
    bad = []
    started = told = time.monotonic()
    sizes = [min(BATCH, cuts - start) for start in range(0, cuts, BATCH)]
    with (
        TemporaryDirectory(prefix="truewatt-bench-") as name,
        ThreadPoolExecutor(processes) as pool,
    ):
        work = [
            pool.submit(batch, Path(name), seed, number, size)
            for number, size in enumerate(sizes)
            if number >= first
        ]
        for number, job in enumerate(work, first):
            done = job.result()
            total += done.counts
            bad += [done] if done.violated else []
            if time.monotonic() > told + 5:
                told = time.monotonic()
                rate = total["cuts"] / (told - started)
                progress(
                    f"{total['cuts']:,} of {cuts:,} cuts, {rate:,.0f} a second, batch {number}"
                )
    return total, bad


@dataclass(frozen=True)
class Wear:
    """A day of a meter that records each minute, a gateway acknowledging every record."""

    erases: float
    worst: float
    programmed: float
    sectors: int
    nvs_erases: float

    def years(self, erases_a_day: float) -> float:
        """How long a sector lasts at that rate."""
        return ERASE_CYCLES / erases_a_day / 365


def wear(days: int = 4) -> Wear:
    """Measured over the days after the first, when the journal is as full as it gets."""
    with TemporaryDirectory(prefix="truewatt-bench-") as name:
        said = list(_lines(Path(name), "wear", str(days), ""))[-1]
    seen = {key: float(value) for key, value in said.items()}
    each = seen["days"]
    pages = seen["nvs_entries"] / _NVS_ENTRIES / _NVS_PAGES / each
    return Wear(
        seen["erases"] / each, seen["worst"] / each, seen["programmed"] / each,
        int(seen["sectors"]), pages,
    )  # fmt: skip


def _wear_rows(worn: Wear) -> Iterator[str]:
    yield f"{'flash written a day':44} {worn.programmed / 1024:10,.0f} KiB"
    yield f"{'sector erases a day, all ' + str(worn.sectors):44} {worn.erases:10,.0f}"
    rows = (("worst sector of the filesystem", worn.worst), ("sector of the NVS", worn.nvs_erases))
    for name, erases in rows:
        years = worn.years(erases)
        verdict = "pass" if years >= YEARS else "FAIL"
        yield (
            f"{name + ', erases a day':44} {erases:10,.1f}  {years:6,.0f} years to"
            f" {ERASE_CYCLES:,} erases, at least {YEARS}: {verdict}"
        )


def main(argv: list[str]) -> int:
    """Print both tables; 1 if a promise was broken or flash would wear out too early."""
    arguments = _parser().parse_args(argv)
    failed = False
    if not arguments.wear:
        total, bad = campaign(arguments.cuts, arguments.seed, arguments.first, arguments.processes)
        print(
            f"{total['cuts']:,} power cuts in {total['operations']:,} flash operations, seed"
            f" {arguments.seed}: {len(bad)} broken promises; {total['evicted']:,} records evicted"
            f" unacknowledged, each in a signed gap; flash full {total['full']:,} times"
        )
        for one in bad:
            print(f"BROKEN {one.violated} (seed {one.seed}, after {one.counts['cuts']} cuts)")
        failed = bool(bad)
    progress("days of a meter, for the wear")
    worn = wear()
    for line in _wear_rows(worn):
        print(line)
    worst = max(worn.worst, worn.nvs_erases)
    return 1 if failed or worn.years(worst) < YEARS else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="truewatt bench journal",
        description="Power cuts at random flash operations of a board, and the wear of its flash.",
        epilog="Exit code 1 if a promise was broken. Two cores need about four minutes.",
    )
    add = parser.add_argument
    add("--cuts", type=int, default=CUTS, help=f"power cuts (default {CUTS})")
    add("--seed", type=int, default=1, help="the same seed, the same cuts (default 1)")
    add("--first", type=int, default=0, metavar="BATCH", help="go on at this batch of a seed")
    add("--processes", type=int, default=os.cpu_count() or 1, help="at a time (default: cores)")
    add("--wear", action="store_true", help="the wear alone")
    return parser


if __name__ == "__main__":
    sys.exit(run("truewatt.bench.journal", sys.argv[1:]))
