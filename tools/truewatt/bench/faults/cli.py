"""`truewatt bench faults`: the gateway's fault campaign, as a table of what each fault cost."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from truewatt.bench.faults.tally import HEAD, Plan, Progress, Tally, row, say

Run = Callable[[Plan, Progress], Tally]


@dataclass(frozen=True)
class Fault:
    """`count` of the whole campaign, and of its short form in the tests."""

    module: str
    count: int
    short: int
    what: str


FAULTS = {
    "sigkill": Fault("kill", 1000, 4, "the whole gateway is killed while records pour in"),
    "power": Fault("power", 10_000, 120, "the power goes at a write of the store"),
    "broker": Fault("broker", 1000, 2, "Mosquitto is killed or stopped, and started again"),
    "unplug": Fault("unplug", 500, 4, "a serial adapter is pulled and put back"),
    "bits": Fault("bits", 1_000_000, 2000, "frames with bit errors of 1e-3 on the wire"),
    "clock": Fault("clock", 1000, 6, "the gateway's clock jumps by up to ten years"),
    "full": Fault("full", 1000, 40, "the disk is full at a write of the store"),
}
_HELP = "\n".join(f"  {name:8} x{fault.count:>9,}  {fault.what}" for name, fault in FAULTS.items())


def main(argv: list[str]) -> int:
    """Print the table; 1 if a promise was broken."""
    options = _parser().parse_args(argv)
    names = options.only or list(FAULTS)
    kept = _kept(options) if options.resume else {}
    lines = []
    print(HEAD, flush=True)
    for name in names:
        count = (options.short and FAULTS[name].short) or options.count or FAULTS[name].count
        line = kept.get(name)
        if line is None or line["asked"] != [options.seed, options.first, count]:
            line = _measured(name, count, options.seed, options.first)
            line["asked"] = [options.seed, options.first, count]
        lines.append(line)
        print(row(line), flush=True)
        if options.json:
            rest = [other for other in kept.values() if other["fault"] not in names]
            options.json.write_text(json.dumps({"faults": lines + rest}, indent=1) + "\n")
    return _conclude(lines)


def _measured(name: str, count: int, seed: int, first: int) -> dict[str, Any]:
    tally = campaign(name, count, seed, first, say)
    return tally.to_json()


def campaign(
    name: str, count: int, seed: int, first: int = 0, told: Callable[[str], None] = say
) -> Tally:
    """One fault, `count` times; the files it needs are gone afterwards."""
    run: Run = import_module(f"{__package__}.{FAULTS[name].module}").run
    with TemporaryDirectory(prefix="truewatt-faults-", dir=_scratch()) as folder:
        plan = Plan(count, seed, Path(folder), first)
        started_s = time.monotonic()
        # Each fault makes it say something, and all of it is counted here.
        logging.getLogger("gateway").setLevel(logging.CRITICAL)
        tally = run(plan, Progress(name, plan, told))
        tally.seconds = time.monotonic() - started_s
    return tally


def _scratch() -> str | None:
    """Memory in place of a medium, where there is some: what is simulated needs no real one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _kept(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    if not options.json or not options.json.exists():
        return {}
    return {line["fault"]: line for line in json.loads(options.json.read_text())["faults"]}


def _conclude(lines: list[dict[str, Any]]) -> int:
    for line in lines:
        notes = ", ".join(f"{name} {count:,}" for name, count in line["notes"].items())
        if notes:
            print(f"  {line['fault']}: {notes}")
        if line["wrong"] is not None:
            print(f"  {line['fault']}: wrong values by chance: {line['wrong']} signed,"
                  f" {line['wrong_expected']:.2g} expected")  # fmt: skip
        for example in line["examples"]:
            print(f"  {line['fault']} BROKEN {example}", file=sys.stderr)
    failed = [line["fault"] for line in lines if not line["passed"]]
    print(f"FAILED: {', '.join(failed)}" if failed else "passed: nothing acked was lost")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="truewatt bench faults",
        description=f"{__doc__}\n\nfaults, and how often each is done:\n{_HELP}",
        epilog="A dash: the fault offered nothing that could be counted there.\n"
        "Boards sign and keep an account of their own: what was acked must be held, once,\n"
        "word for word, under its signer's name. Exit code 1 if anything was not.\n\n"
        "example: truewatt bench faults --only power full --seed 7 --json faults.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--only", nargs="*", choices=list(FAULTS), metavar="FAULT", help="these faults alone")
    add("--count", type=int, default=0, help="how often each, in place of its own count")
    add("--short", action="store_true", help="a few of each, as the tests do")
    add("--seed", type=int, default=1, help="the same seed, the same faults (default 1)")
    add("--first", type=int, default=0, help="begin with this fault's number (default 0)")
    add("--json", type=Path, metavar="FILE", help="write the figures here after each fault")
    add("--resume", action="store_true", help="keep what FILE has of the same seed and count")
    return parser
