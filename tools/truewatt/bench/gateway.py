"""`truewatt bench gateway [ingest|bus|backlog|enforce]`: what one gateway takes, reads and orders.

Without a word all of it is measured, with one table at the end. `bus`, `backlog` and `enforce` have
a `--help` of their own. `ingest`: Mosquitto (QoS 1) ->
signature -> full admission -> durable commit -> PUBACK and signed ack. Broker, gateway and load
generator are processes of one machine and share its cores: the CPU time of each is given a reading,
so that it can be told what a machine does whose load comes from outside.
"""

import argparse
import tempfile
import traceback
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from truewatt.bench import _ingest_peers as peers
from truewatt.bench._figures import progress
from truewatt.bench._gateway_rows import Row, all_met, print_summary
from truewatt.bench._ingest_report import HALF, Limits, print_report
from truewatt.bench._ingest_run import Load, Run
from truewatt.cli import run

PART_TURNS = 100
"""Readings of each device in one file of the load."""

HALF_LOAD_S = 12

OTHERS = {"backlog": "_backlog_run", "bus": "_bus_load", "enforce": "_enforce_run"}
"""What else of a gateway is measured, each by a module of its own."""


@dataclass(frozen=True)
class Part:
    """One part of the whole: its arguments, those of its short form, and about how long it takes;
    the short form's figures show that it works and meet no bar."""

    argv: tuple[str, ...]
    short: tuple[str, ...]
    minutes: int


_SHORT_BUS = (
    *("--baud", "9600", "--boards", "2", "--alone", "3"),
    *("--seconds", "4", "--dead", "3"),
)

PARTS = {
    "ingest": Part(("--peers",), ("--devices", "10", "--each", "20"), 6),
    "bus": Part((), _SHORT_BUS, 7),
    "enforce": Part((), ("--link", "9600", "--boards", "2", "--seconds", "5"), 12),
    "backlog": Part(
        ("--link", "115200"),
        ("--link", "115200", "--boards", "2", "--records", "20", "--minutes", "2"),
        14,
    ),
}
"""In the order in which they are measured."""


def main(argv: list[str]) -> int:
    """Print the table; return 1 if a bar is missed."""
    if not argv or argv[0] in _OF_ALL:
        return _all(argv)
    if argv[0] in OTHERS:
        return run(f"truewatt.bench.{OTHERS[argv[0]]}", argv[1:])
    return 0 if all_met(_ingest(argv)) else 1


_OF_ALL = ("--skip", "--short")


def _all(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="truewatt bench gateway")
    parser.add_argument("--skip", nargs="+", choices=list(PARTS), default=[], metavar="PART")
    parser.add_argument("--short", action="store_true", help="a little of each: does it work")
    options = parser.parse_args(argv)
    parts = {name: part for name, part in PARTS.items() if name not in options.skip}
    if not parts:
        parser.error("nothing is left to measure")
    if not options.short:
        times = ", ".join(f"{name} {part.minutes} min" for name, part in parts.items())
        total = sum(part.minutes for part in parts.values())
        progress(f"about {total} minutes on two quiet cores: {times}; --skip PART leaves one out")
    found = {}
    for name, part in parts.items():
        progress(f"{name} begins")
        found[name] = _part(name, part.short if options.short else part.argv)
    print_summary(found)
    return 0 if all(all_met(rows) for rows in found.values()) else 1


def _part(name: str, argv: tuple[str, ...]) -> list[Row]:
    """Its figures; none if it fails: what was measured before is not lost with it."""
    try:
        if name == "ingest":
            return _ingest([name, *argv])
        rows: list[Row] = import_module(f"truewatt.bench.{OTHERS[name]}").measure(list(argv))
    except Exception:
        traceback.print_exc()
        return []
    return rows


def _ingest(argv: list[str]) -> list[Row]:
    options = _parser().parse_args(argv)
    with ExitStack() as stack:
        if options.folder:
            folder = options.folder
            folder.mkdir(parents=True, exist_ok=True)
        else:
            scratch = tempfile.TemporaryDirectory(prefix="truewatt-bench-")
            folder = Path(stack.enter_context(scratch))
        if options.million:
            return _long(folder, options)
        return _short(folder, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="truewatt bench gateway",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=["ingest", *OTHERS], help="what to measure; nothing: all,"
                        " where --skip PART... leaves parts out and --short takes a little of each"
                        )  # fmt: skip
    parser.add_argument("--devices", type=int, default=1000, help="boards that send (1000)")
    parser.add_argument("--each", type=int, default=120, help="readings of each (120)")
    parser.add_argument(
        "--links", type=int, default=1, help="connections that they share (1); at most --devices"
    )
    parser.add_argument(
        "--peers",
        action="store_true",
        help="also bare paho, amqtt as broker, and the converter of ThingsBoard's gateway, which"
        " is installed into a folder of its own for it; each gives up after some minutes",
    )
    parser.add_argument(
        "--million",
        type=float,
        default=0.0,
        metavar="N",
        help="instead: N million readings through one gateway, with its memory on the way (1 to 4"
        " minutes a million, a third of it signing; 300 bytes of disk a reading)",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        help="where load and databases are, kept afterwards; --million goes on from there",
    )
    return parser


def _short(folder: Path, options: argparse.Namespace) -> list[Row]:
    load = Load(folder / "load", options.devices, options.links)
    parts = -(-options.each // PART_TURNS)
    turns = -(-options.each // parts)
    names = [load.part(number, turns) for number in range(parts)]
    count = options.devices * turns
    with Run(folder / "full", load) as full:
        for name in names:
            full.publish(name, count)
    with Run(folder / "half", load, rate=HALF) as half:
        for name in names[: max(1, HALF_LOAD_S * HALF // count)]:
            half.publish(name, count)
    found = print_report(full.figures, half.figures)
    if options.peers:
        found += peers.measure(folder, load, names[0], count)
    return found


def _long(folder: Path, options: argparse.Namespace) -> list[Row]:
    """Parts are signed, sent and deleted one after the other: the load needs no room."""
    load = Load(folder / "load", options.devices, options.links)
    count = options.devices * PART_TURNS
    parts = max(1, round(1e6 * options.million / count))
    rows: list[dict[str, float]] = []
    with Run(folder / "long", load) as one:
        for number in range(load.published(), parts):
            one.publish(load.part(number, PART_TURNS), count)
            load.prune(number)
            rows.append(dict(one.figures, sent=(number + 1) * count))
            rate = one.figures["committed"] / one.figures["busy_s"]
            progress(
                f"{rows[-1]['sent']:>11,.0f} of {parts * count:,}: {rate:,.0f} /s,"
                f" {one.figures['rss_mb']:.0f} MB"
            )
    if not rows:
        progress(f"all {parts * count:,} were sent before; another --folder begins anew")
        return [Row("sent before", f"{parts * count:,}", "", "", True)]
    return print_report(rows[-1], None, rows, Limits())
