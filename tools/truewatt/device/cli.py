"""`truewatt device`: flash a board, give it its identity, look at it, reset it."""

import argparse
import json
import sys
import time
from itertools import chain
from pathlib import Path
from typing import Any

from truewatt.device import (
    calibration,
    cli_provision,
    cli_release,
    esptool,
    image,
    logs,
    provisioning,
    release,
    update,
)
from truewatt.device.chips import Chip
from truewatt.device.errors import BadOption, DeviceError
from truewatt.device.flash import damaged, flash, listed, read_manifest
from truewatt.device.link import Link, attached
from truewatt.device.profiles import LINKS, known, load

_EXAMPLES = """\
a new board, from the box to its place on the bus:
  truewatt device boards                        which boards there are, what each can't do
  truewatt device flash --port /dev/ttyUSB0 --board esp32-devkitc \\
      --erase-and-flash ESP32_GENERIC.bin       MicroPython, then the firmware
  truewatt device provision --port /dev/ttyUSB0 --board esp32-devkitc --role meter --name m1 \\
      --chain-id my-chain --area 1 --operator-root root.pub --address 11
                                                its key, its configuration, its label
  truewatt device logs --port /dev/ttyUSB0      what it says as it runs

Everything can be run again: what is on the board already is not sent again. Wiring, replacing a
board and what to do about errors: docs/flashing.md. Isolate the mains before you open a case."""


def main(argv: list[str]) -> int:
    """Run a subcommand; returns the exit status. Named errors are the caller's to show."""
    options = _parser().parse_args(argv)
    status: int = options.run(options)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="truewatt device",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    boards = commands.add_parser("boards", help="list the boards that are known, with their pins")
    boards.set_defaults(run=_boards)
    what = "the calibration of a chip, from what it showed and what a reference meter did"
    calibrating = commands.add_parser("calibration", help=what, description=what)
    calibrating.set_defaults(run=_calibration)
    _add_calibration(calibrating)
    _add_flash(_at_port(commands, "flash", _flash, "bring the firmware to a board, and verify it"))
    cli_provision.add_options(
        _at_port(commands, "provision", _provision, "make its key, configure it, label it")
    )
    cli_release.add_commands(commands)
    brought = _expecting(
        _at_port(commands, "update", _update, "bring a signed release; it is tried, then kept")
    )
    brought.add_argument("file", type=Path, metavar="FILE", help="from truewatt device release")
    brought.add_argument("--no-wait", action="store_true", help="don't wait for the trial's end")
    what = "chip, firmware, key, and whether every file is whole"
    _expecting(_at_port(commands, "info", _info, what))
    shown = _at_port(commands, "logs", _logs, "show what the board prints, without disturbing it")
    shown.add_argument("--seconds", type=float, metavar="S", help="stop after S seconds (else: ^C)")
    what = "end a breaker's lock-out, after a look at the section: the breaker may close at once"
    _expecting(_at_port(commands, "clear-lockout", _clear_lockout, what))
    what = "destroy key, configuration and journal"
    _expecting(_at_port(commands, "factory-reset", _factory_reset, what))
    return parser


def _add_calibration(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--driver", required=True, choices=calibration.DRIVERS)
    for name in ("voltage", "current", "power", "energy"):
        parser.add_argument(
            f"--{name}", type=float, nargs=2, metavar=("SHOWN", "REFERENCE"), help="in any unit"
        )
    parser.add_argument("--phase", type=int, default=0, metavar="STEPS", help="ADE7953 only")


def _calibration(options: argparse.Namespace) -> int:
    names = ("voltage", "current", "power", "energy")
    pairs = {name: getattr(options, name) for name in names if getattr(options, name)}
    found = calibration.found(options.driver, pairs, options.phase)
    print(json.dumps({"calibration": found}))
    return 0


def _at_port(commands: Any, name: str, run: Any, summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    parser.add_argument("--port", required=True, metavar="P", help="its serial port: /dev/ttyUSB0")
    parser.set_defaults(run=run)
    return parser


def _expecting(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """With options that say which board is meant, for whoever has several cables."""
    parser.add_argument("--board", metavar="NAME", help="refuse a board with another chip")
    parser.add_argument("--role", choices=image.ROLES, help="refuse a board that is the other")
    return parser


def _chip(options: argparse.Namespace) -> Chip | None:
    return load(options.board).chip if options.board else None


def _require(link: Link, options: argparse.Namespace) -> None:
    """That the board is what the options say. Raises `WrongChip`, `WrongRole`, `TooOld`."""
    _say(f"found {link.require(_chip(options))}")
    if options.role:
        provisioning.require_role(link, options.role)


def _add_flash(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--board", required=True, metavar="NAME", help=f"{', '.join(known())}, or FILE.toml"
    )
    parser.add_argument("--role", choices=image.ROLES, help="leave the other role's modules out")
    parser.add_argument(
        "--links",
        metavar="A,B",
        help=f"what it will talk over: {', '.join(LINKS)}; refused if the chip can't carry them",
    )
    parser.add_argument(
        "--erase-and-flash",
        type=Path,
        metavar="IMAGE.bin",
        help="first erase the whole chip (key too) and write MicroPython, with esptool",
    )


def _say(text: str) -> None:
    print(f"device: {text}", file=sys.stderr, flush=True)


def _bar(done: int, total: int) -> None:
    """On a terminal one line that grows, else a line each tenth."""
    if sys.stderr.isatty():
        end = "\n" if done == total else "\r"
        print(
            f"device: {done * 100 // max(1, total):3} % of {total} bytes", end=end, file=sys.stderr
        )
    elif done == total or done * 10 // total > (done - 1024) * 10 // total:
        _say(f"{done * 100 // total:3} % of {total} bytes")


def _boards(_: argparse.Namespace) -> int:
    for name in known():
        profile = load(name)
        print(f"{name:18} {profile.title} ({profile.chip.word})")
        for role in ("bus", "metering", "spi", "i2c", "counters", "inputs"):
            pins = getattr(profile, role)
            if pins:
                print(f"  {role:9} " + ", ".join(f"{key} {pin}" for key, pin in pins.items()))
        if profile.pulses:
            print("  pulses    " + ", ".join(map(str, profile.pulses)))
        print("  relays    " + (", ".join(map(str, profile.relays)) or "none"))
        for text in profile.cannot:
            print(f"  cannot    {text}")
        for text in profile.notes:
            print(f"  note      {text}")
    return 0


def _flash(options: argparse.Namespace) -> int:
    profile = load(options.board)
    links = set(options.links.split(",")) if options.links else None
    if links and not links <= set(LINKS):
        raise BadOption(
            f"no such link: {', '.join(links - set(LINKS))}", "--links", ", ".join(LINKS)
        )
    if links:
        profile.require_links(links)
    if options.erase_and_flash:
        esptool.erase_and_flash(options.port, profile.chip, options.erase_and_flash, _say)
    started = time.monotonic()
    with attached(options.port) as link:
        _say(f"found {link.require(profile.chip)}")
        _say(f"building the image for {profile.chip.name}")
        built = image.build(profile, options.role, links)
        plan = flash(link, built, _say, _bar)
        link.restart()
    if plan.complete:
        _say(f"the board has this image already: {len(built.files)} files verified")
    else:
        took = f"{plan.size} bytes in {time.monotonic() - started:.1f} s"
        _say(f"{len(plan.write)} files written and verified, {took}; the board restarts")
    return 0


def _provision(options: argparse.Namespace) -> int:
    return cli_provision.provision(options, _say)


def _update(options: argparse.Namespace) -> int:
    offered = release.load(options.file)
    _say(f"release {release.summary(offered)}")
    started = time.monotonic()
    with attached(options.port) as link:
        _require(link, options)
        sent = update.update(link, offered, _say, _bar)
        link.restart()
        _say(f"{sent} bytes in {time.monotonic() - started:.1f} s; the board tries it now")
        if options.no_wait:
            return 0
        _say("it is confirmed when it works: 2 to 15 minutes; ^C to stop waiting")
        heard = chain(link.lines(update.PATIENCE_S), logs.follow(options.port, update.PATIENCE_S))
        took_s = update.follow(heard, _say)
    print(f"confirmed  {offered.record.version} after {took_s} s")
    return 0


def _info(options: argparse.Namespace) -> int:
    with attached(options.port) as link:
        found = link.require(_chip(options))
        print(f"board      {found}")
        whole = _show_firmware(link)
        if whole:
            for key, value in provisioning.facts(link).items():
                print(f"{key:10} {value}")
            if options.role:
                provisioning.require_role(link, options.role)
        link.restart()
    return 0 if whole else 1


def _show_firmware(link: Link) -> bool:
    try:
        manifest = read_manifest(link)
        files = listed(link, manifest)
    except DeviceError as error:
        print(f"firmware   {error.what}\n           {error.todo}")
        return False
    origin = "signed release" if manifest["signed"] else "flashed, not signed"
    print(f"image      {manifest['firmware']} build {manifest['build']} for {manifest['chip']}")
    print(f"slot       {manifest['folder']}, roll-back index {manifest['index']}, {origin}")
    bad = damaged(link, files)
    for path in bad:
        print(f"damaged    {path}: not what was flashed")
    print(f"files      {len(files)}, {len(bad)} of them damaged")
    return not bad


def _logs(options: argparse.Namespace) -> int:
    for line in logs.follow(options.port, options.seconds):
        print(line, flush=True)
    return 0


def _clear_lockout(options: argparse.Namespace) -> int:
    with attached(options.port) as link:
        _require(link, options)
        provisioning.clear_lockout(link)
        link.restart()
    _say("done: no lock-out keeps the breaker open; the board restarts")
    return 0


def _factory_reset(options: argparse.Namespace) -> int:
    with attached(options.port) as link:
        _require(link, options)
        wanted = provisioning.confirmation(link)
        _say("key, configuration and every record that the gateway hasn't got will be destroyed")
        print(f"To destroy them type {wanted}: ", end="", file=sys.stderr, flush=True)
        provisioning.factory_reset(link, sys.stdin.readline())
        link.restart()
    _say("done: the board has no key and no configuration; revoke its old address on the ledger")
    return 0
