"""`truewatt gateway update`: firmware for one board, brought by the running gateway."""

import argparse
import json
import sys
import time
from pathlib import Path

from gateway.config import Config, load_config
from gateway.updates.errors import NoSuchDevice
from gateway.updates.queue import FOLDER, enqueue, progress_path
from gateway.updates.release_file import read
from ledger.clock import Clock

EXIT_OK, EXIT_FAILED = 0, 1
_LOOK_S = 0.5


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand; its parsed result has `updates`, to be called with the arguments."""
    text = "bring a signed release to a board on a bus, beside its records and commands"
    parser = commands.add_parser(
        "update",
        help=text,
        description=text,
        epilog="The gateway brings it when it runs: now, or when it is started. Build releases with"
        " truewatt device release; what the board does with one: docs/updating.md.",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    parser.add_argument("--device", required=True, metavar="NAME", help="as in the configuration")
    parser.add_argument("file", type=Path, metavar="RELEASE")
    parser.add_argument("--no-wait", action="store_true", help="don't wait for its end")
    parser.set_defaults(updates=_update)


def _update(arguments: argparse.Namespace) -> int:
    config, name = load_config(arguments.config), arguments.device
    names = [device.name for bus in config.buses for device in bus.devices]
    if name not in names:
        raise NoSuchDevice(name, str(arguments.config), f"there is: {', '.join(names)}")
    data = arguments.file.read_bytes()
    release = read(data, str(arguments.file))
    enqueue(config.data_dir / FOLDER, name, data)
    print(f"{name}: firmware {release.record.version}, roll-back index {release.record.index}")
    if arguments.no_wait:
        return EXIT_OK
    return _follow(config, name, release.record.size)


def _follow(config: Config, name: str, size: int) -> int:
    """Show how far it is, until its end; ^C leaves it to the gateway."""
    path, shown = progress_path(config.data_dir / FOLDER, name), ""
    pause_s = Clock.from_env().wall(_LOOK_S)
    while True:
        facts = json.loads(path.read_text(encoding="utf-8"))
        line = f"{facts['state']}, {facts.get('sent', 0)} of at most {size} bytes"
        if line != shown:
            print(f"{name}: {line}", file=sys.stderr, flush=True)
            shown = line
        if facts["state"] == "done":
            print(f"{name}: runs it, confirmed")
            return EXIT_OK
        if facts["state"] == "failed":
            print(f"{name}: {facts['what']}", file=sys.stderr)
            return EXIT_FAILED
        time.sleep(pause_s)
