"""`truewatt gateway update`: firmware for boards, brought by the running gateway, in stages."""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from gateway.config import Config, load_config
from gateway.updates.errors import NoSuchDevice
from gateway.updates.names import is_known
from gateway.updates.queue import FOLDER, Facts, enqueue, names_told, read_progress
from gateway.updates.release_file import read
from ledger.clock import Clock

EXIT_OK, EXIT_FAILED = 0, 1
_LOOK_S = 0.5
_ENDS = ("done", "failed")
_SAYS = {
    "waiting": "waits for its turn, or for the gateway to meet it",
    "none": "offered",
    "busy": "the board compares and copies files",
    "wants": "sending",
    "armed": "whole; the board restarts and tries it",
    "trial": "runs on trial, 1 to 15 minutes",
    "runs": "runs",
}
_EPILOG = """\
one board, then a site:
  truewatt gateway update --config gateway.toml --device m1 meter-0.2.0.tw
  truewatt gateway update --config gateway.toml --device m1,m2,m3,m4 meter-0.2.0.tw
                          m1 alone first; when it runs it, confirmed, m2, then m3, ...
                          (--at-once 3: three of them at a time)

If a board refuses it or rolls back, those that were not begun are not. The gateway does the work,
now or when it is started; ^C ends the watching alone. Build releases with truewatt device release;
what the board does with one: docs/updating.md."""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand; its parsed result has `updates`, to be called with the arguments."""
    text = "bring a signed release to boards on buses, MQTT or BLE, beside records and commands"
    parser = commands.add_parser(
        "update",
        help=text,
        description=text,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--device",
        required=True,
        metavar="NAME[,NAME...]",
        help="in this order, the first alone; as in the configuration, or of a board over MQTT or"
        " BLE its ledger address, of which the eight digits that the status shows are enough",
    )
    parser.add_argument(
        "--at-once", type=_count, default=1, metavar="N", help="how many after the first (1)"
    )
    parser.add_argument("file", type=Path, metavar="RELEASE")
    parser.add_argument("--no-wait", action="store_true", help="don't wait for the end")
    parser.set_defaults(updates=_update)


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def _update(arguments: argparse.Namespace) -> int:
    config = load_config(arguments.config)
    names = _names(config, arguments)
    data = arguments.file.read_bytes()
    release = read(data, str(arguments.file))
    folder = config.data_dir / FOLDER
    for at, name in enumerate(names):
        enqueue(folder, name, data, names[:at], arguments.at_once)
    what = f"firmware {release.record.version}, roll-back index {release.record.index}"
    print(f"{', '.join(names)}: {what}")
    if arguments.no_wait:
        return EXIT_OK
    return _follow(folder, names, release.record.size)


def _names(config: Config, arguments: argparse.Namespace) -> list[str]:
    """Whom it is for, each once. Raises `NoSuchDevice`."""
    on_buses = [device.name for bus in config.buses for device in bus.devices]
    names = list(dict.fromkeys(filter(None, arguments.device.split(","))))
    for name in names:
        if not is_known(config, name):
            there = f"there is: {', '.join(on_buses)}"
            raise NoSuchDevice(name, str(arguments.config), there)
    if not names:
        raise NoSuchDevice("no name", "--device", "name one board, or several with commas")
    return names


def _follow(folder: Path, names: list[str], size: int) -> int:
    """Show how far each is, until the end of all; ^C leaves it to the gateway."""
    shown: dict[str, str] = {}
    pause_s = Clock.from_env().wall(_LOOK_S)
    while True:
        found = {name: read_progress(folder, name) for name in names}
        for name, facts in found.items():
            line = _line(facts, size)
            if line != shown.get(name):
                print(f"{name}: {line}", file=sys.stderr, flush=True)
                shown[name] = line
        if all(facts["state"] in _ENDS for facts in found.values()):
            return _ended(found)
        time.sleep(pause_s)


def _line(facts: Facts, size: int = 0) -> str:
    state, sent = facts["state"], facts.get("sent", 0)
    if state == "failed":
        return str(facts["what"])
    most = f" of at most {size}" if size else ""
    done = f", {sent}{most} bytes" if sent else ""
    return f"{_SAYS.get(state, state)}{done}"


def told(data_dir: Path) -> Iterator[str]:
    """A line for each board that gets a release, or for which the last one failed."""
    folder = data_dir / FOLDER
    for name in names_told(folder):
        facts = read_progress(folder, name)
        if facts["state"] != "done":
            yield f"update {name}: {_line(facts)}"


def _ended(found: dict[str, Facts]) -> int:
    for name, facts in found.items():
        if facts["state"] == "done":
            print(f"{name}: runs it, confirmed")
    failed = [name for name, facts in found.items() if facts["state"] == "failed"]
    if failed and len(found) > 1:
        print(f"{len(found) - len(failed)} of {len(found)} run it", file=sys.stderr)
    return EXIT_FAILED if failed else EXIT_OK
