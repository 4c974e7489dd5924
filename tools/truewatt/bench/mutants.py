"""`truewatt bench mutants`: a million hostile inputs for each parser of the gateway's side.

Seeded: the same seed gives the same mutants. All run in this process, so that memory tells; those
of boards' BLE link on MicroPython, in a heap that is watched. With `--boards` each other parser of
the firmware gets a million of its own, on 32-bit MicroPython.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from truewatt.bench import _board_mutants as firmware
from truewatt.bench import _mutant_boards as boards
from truewatt.bench._mutant_target import Target
from truewatt.bench._mutant_targets import targets

DEFAULT_COUNT = 1_000_000
MOST_GROWTH_KIB = 8 * 1024
"""What memory may grow by after the first tenth: caches are warm then."""

_SHOWN_NAMES = 6
HEAD = (
    f"{'parser':16} {'mutants':>9} {'crashes':>7} {'forged':>6} {'RSS KiB':>7} {'a second':>9}"
    "  ended as"
)
_TELL_EVERY_S = 5.0

Say = Callable[[str], None]


class UnknownParser(ValueError):
    """`--only` names a parser that is not there."""


@dataclass
class Tally:
    """What came of one parser's mutants. `forged`: taken though nobody made them."""

    name: str
    count: int = 0
    names: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)
    forged: int = 0
    seconds: float = 0.0
    growth_kib: int = 0

    @property
    def failed(self) -> bool:
        """Whether this parser broke a promise."""
        return bool(self.crashes or self.forged) or self.growth_kib > MOST_GROWTH_KIB


def campaign(target: Target, count: int, seed: int, say: Say) -> Tally:
    """Feed `count` mutants to a parser."""
    tally = Tally(target.name)
    started = told = time.monotonic()
    warm_kib = rss_kib()
    for data in target.mutants(count, seed):
        tally.count += 1
        one(target, data, tally)
        if tally.count == max(count // 10, 1):
            warm_kib = rss_kib()
        if tally.count % 256 == 0 and time.monotonic() > told + _TELL_EVERY_S:
            told = time.monotonic()
            rate = tally.count / (told - started)
            say(f"{target.name}: {tally.count:,} of {count:,}, {rate:,.0f} a second")
    tally.seconds = time.monotonic() - started
    tally.growth_kib = rss_kib() - warm_kib
    return tally


def one(target: Target, data: bytes, tally: Tally) -> None:
    """Feed one mutant; a named error is what must come of it, anything else is a crash."""
    try:
        name, is_taken = target.feed(data)
    except target.named as error:
        tally.names[type(error).__name__] += 1
    except Exception as error:
        if len(tally.crashes) < _SHOWN_NAMES:
            tally.crashes.append(f"{type(error).__name__}: {error}: {data[:200].hex()}")
        tally.names[f"CRASH {type(error).__name__}"] += 1
    else:
        tally.names[name] += 1
        # A mutation may change nothing: what was made by its owner may be taken.
        tally.forged += is_taken and data not in target.originals


def rss_kib() -> int:
    """Resident memory of this process; 0 where /proc is not to be had."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def row(tally: Tally) -> str:
    """A line of the table."""
    common = ", ".join(f"{name} {n:,}" for name, n in tally.names.most_common(_SHOWN_NAMES))
    rate = tally.count / tally.seconds if tally.seconds else 0
    return (
        f"{tally.name:16} {tally.count:>9,} {sum(tally.names[n] for n in _crashed(tally)):>7,}"
        f" {tally.forged:>6,} {tally.growth_kib:>7,} {rate:>9,.0f}  {common}"
    )


def _crashed(tally: Tally) -> list[str]:
    return [name for name in tally.names if name.startswith("CRASH")]


def run(count: int, seed: int, names: list[str], say: Say, each: bool = False) -> Iterator[Tally]:
    """All campaigns, `count` mutants for `each`, or in all, shared out by the targets' weights.

    Gives each as it ends: all of it takes hours. Raises `UnknownParser` before the first.
    """
    with TemporaryDirectory() as folder:
        there_are = targets(Path(folder))
        _known(names, [one.name for one in there_are] + [one.name for one in boards.TARGETS])
        chosen = [one for one in there_are if not names or one.name in names]
        on_boards = [one for one in boards.TARGETS if not names or one.name in names]
        whole = sum(one.weight for one in chosen) + sum(one.weight for one in on_boards)

        def share(weight: int) -> int:
            return count if each else max(count * weight // whole, 1)

        for one in chosen:
            yield campaign(one, share(one.weight), seed, say)
        for board in on_boards:
            yield _on_board(board, share(board.weight), seed, say)


def _known(names: list[str], there: list[str]) -> None:
    for name in names:
        if name not in there:
            raise UnknownParser(f"no parser {name!r}; there are: {', '.join(there)}")


def _on_board(target: boards.BoardTarget, count: int, seed: int, say: Say) -> Tally:
    tally = Tally(target.name, count)
    started = time.monotonic()
    wrong = boards.feed(target, count, seed, say)
    tally.seconds = time.monotonic() - started
    tally.crashes = wrong[:_SHOWN_NAMES]
    tally.names["CRASH on the board" if wrong else "all ok"] = len(wrong) or count
    return tally


def main(argv: list[str]) -> int:
    """Print the table; 1 if anything crashed, was forged, or grew."""
    arguments = _parser().parse_args(argv)

    def say(text: str) -> None:
        print(f"mutants: {text}", file=sys.stderr, flush=True)

    try:
        if arguments.boards:
            return _boards(arguments.count, arguments.seed, arguments.only, say)
        tallies: list[Tally] = []
        for tally in run(
            arguments.count, arguments.seed, arguments.only, say, not arguments.in_all
        ):
            if not tallies:
                print(HEAD)
            tallies.append(tally)
            print(row(tally), flush=True)
            for crash in tally.crashes:
                print(f"CRASH {tally.name}: {crash}", flush=True)
    except UnknownParser as error:
        print(f"truewatt bench mutants: {error}", file=sys.stderr)
        return 2
    total = sum(tally.count for tally in tallies)
    failed = [tally.name for tally in tallies if tally.failed]
    verdict = f"FAILED: {', '.join(failed)}" if failed else "passed"
    print(f"{total:,} mutants, seed {arguments.seed}: {verdict}")
    return 1 if failed else 0


def _boards(count: int, seed: int, only: list[str], say: Say) -> int:
    """The firmware's parsers, `count` mutants each."""
    there = [*firmware.PARSERS, firmware.BLE]
    _known(only, there)
    chosen = [name for name in there if not only or name in only]
    print(firmware.HEAD)
    failed = []
    for name in chosen:
        tally = _firmware(name, count, seed, say)
        print(tally.row(), flush=True)
        for crash in tally.crashes:
            print(f"CRASH {name}: {crash}")
        failed += [name] if tally.failed else []
    verdict = f"FAILED: {', '.join(failed)}" if failed else "passed"
    print(f"{count:,} mutants for each of {len(chosen)}, seed {seed}: {verdict}")
    return 1 if failed else 0


def _firmware(name: str, count: int, seed: int, say: Say) -> firmware.BoardTally:
    if name != firmware.BLE:
        return firmware.campaign(name, count, seed, say)
    # Its program judges itself; that its heap did not grow is one of its promises.
    tally = _on_board(boards.TARGETS[0], count, seed, say)
    return firmware.BoardTally(name, count, dict(tally.names), tally.crashes, 0, tally.seconds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="truewatt bench mutants",
        description="Hostile bytes for every parser of the gateway's side: each must get a name.",
        epilog="Exit code 1 if a parser raised what is no named error, took a forgery, or grew.",
    )
    add = parser.add_argument
    add(
        "--count",
        type=int,
        default=DEFAULT_COUNT,
        help="mutants for each parser (default 1000000: two hours; with --boards half an hour)",
    )
    add("--in-all", action="store_true", help="COUNT in all, shared out by the parsers' speed")
    add("--seed", type=int, default=1, help="the same seed, the same mutants (default 1)")
    add("--boards", action="store_true", help="the firmware's parsers, its BLE link among them")
    add("--only", nargs="*", default=[], metavar="PARSER", help="these parsers alone")
    return parser
