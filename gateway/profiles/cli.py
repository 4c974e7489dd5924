"""`truewatt gateway profiles|read|watch|identify|scan`: commercial meters from the command line."""

import argparse
import asyncio
import contextlib
import sys
from pathlib import Path

from gateway.attest.pages import OTHERS, other_page, relay_frames
from gateway.attest.reading import LINES, opened
from gateway.attest.relay_board import RELAY_BOARD
from gateway.collect.errors import CollectError
from gateway.profiles.codec import Readings
from gateway.profiles.errors import PortLost
from gateway.profiles.frames import as_json, frames, settings
from gateway.profiles.identify import MEANS, Certainty, Match, identify
from gateway.profiles.link import MeterLink, PortConfig
from gateway.profiles.load import find_profile, load_all
from gateway.profiles.page import index, page
from gateway.profiles.plan import plan
from gateway.profiles.profile import Profile, Serial
from gateway.profiles.quantities import QUANTITIES, key, shown
from gateway.profiles.reader import read_meter
from gateway.profiles.scan import Found, names_itself, scan, usual_lines
from gateway.profiles.scan import table as scanned
from gateway.profiles.waiting import Waiting

EXIT_OK, EXIT_FAILED = 0, 1
MAX_ADDRESS = 247
"""Modbus over serial line V1.02, section 2.2."""

_DEFAULT_LINE = Serial(9600, "N", 1)


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommands; each parsed result has `meters`, to be called with the arguments."""
    listing = commands.add_parser("profiles", help="list the commercial meters that are known")
    listing.add_argument("--write-docs", type=Path, metavar="DIR", help="write the pages of all")
    listing.add_argument("--frames", action="store_true", help="print whole frames of all, as JSON")
    listing.set_defaults(meters=_profiles)
    read = commands.add_parser("read", help="read a commercial meter once")
    watch = commands.add_parser("watch", help="read a commercial meter again and again")
    for parser in (read, watch):
        parser.add_argument(
            "--profile",
            required=True,
            metavar="NAME",
            help="of truewatt gateway profiles, or " + ", ".join(LINES),
        )
        parser.add_argument("--unconfirmed", action="store_true", help="one source is enough")
        _add_line(parser)
        parser.add_argument("--address", type=_address, default=1, metavar="N")
    read.set_defaults(meters=lambda a: asyncio.run(_read(a)))
    watch.add_argument("--every", type=float, default=5.0, metavar="SECONDS")
    watch.add_argument("--count", type=int, default=0, metavar="N", help="end after N readings")
    watch.set_defaults(meters=lambda a: asyncio.run(_watch(a)))
    who = commands.add_parser("identify", help="say which models a meter may be")
    _add_line(who)
    who.add_argument("--address", type=_addresses, default=[1], metavar="N[-M][,...]")
    who.set_defaults(meters=lambda a: asyncio.run(_identify(a)))
    scanning = commands.add_parser(
        "scan",
        help="ask every address of a line who is there",
        description="Asks each address at each usual speed and parity, and says what answers."
        " Nothing is written. Stop the gateway first: two masters garble each other.",
    )
    _add_line(scanning)
    scanning.set_defaults(timeout_ms=150, meters=lambda a: asyncio.run(_scan(a)))
    everybody = list(range(1, MAX_ADDRESS + 1))
    scanning.add_argument("--address", type=_addresses, default=everybody, metavar="N[-M][,...]")


def _add_line(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", required=True, help="/dev/ttyUSB0 or tcp://HOST[:PORT]")
    parser.add_argument("--baud", type=int, help="default: as the profile says, or 9600")
    parser.add_argument("--parity", choices=("N", "E", "O"))
    parser.add_argument("--timeout-ms", type=int, default=1000)


def _profiles(arguments: argparse.Namespace) -> int:
    profiles = load_all()
    if arguments.frames:
        rows = {profile.name: frames(profile) for profile in profiles}
        rows |= {f"{x.name} settings": row for x in profiles if (row := settings(x))}
        print(as_json({**rows, RELAY_BOARD: relay_frames()}), end="")
        return EXIT_OK
    if arguments.write_docs is None:
        print(f"{'profile':16} {'meter':32} {'link':5} {'phases':>6} {'values':>6}  sources")
        for profile in profiles:
            print(_line(profile))
        print(f"without registers of their own: {', '.join(LINES)}")
        return EXIT_OK
    arguments.write_docs.mkdir(parents=True, exist_ok=True)
    pages = {profile.name: page(profile) for profile in profiles}
    pages |= {other.page: other_page(other) for other in OTHERS}
    pages["README"] = index(profiles, {other.page: other.title for other in OTHERS})
    for name, text in pages.items():
        (arguments.write_docs / f"{name}.md").write_text(text)
    print(f"{len(pages)} pages written to {arguments.write_docs}")
    return EXIT_OK


def _line(profile: Profile) -> str:
    meter = f"{profile.manufacturer} {profile.model}"
    sources = "1: needs --unconfirmed" if profile.single_source else str(len(profile.sources))
    return (
        f"{profile.name:16} {meter:32} {profile.transport:5} {profile.phases:>6}"
        f" {len(profile.registers):>6}  {sources}"
    )


async def _read(arguments: argparse.Namespace) -> int:
    if arguments.profile in LINES:
        return await _read_other(arguments, 1)
    profile = _chosen(arguments)
    link = MeterLink(_port(arguments, profile.serial))
    try:
        await _open(link)
        readings = await _read_once(link, profile, arguments)
    finally:
        link.close()
    print(table(profile, readings, arguments.unconfirmed))
    return EXIT_OK if readings.values else EXIT_FAILED


async def _watch(arguments: argparse.Namespace) -> int:
    """Until interrupted. A reading that fails is told; the next one is tried all the same."""
    if arguments.profile in LINES:
        return await _read_other(arguments, arguments.count)
    profile = _chosen(arguments)
    good = done = 0
    link = MeterLink(_port(arguments, profile.serial))
    try:
        await _open(link)
        while True:
            done += 1
            try:
                readings = await _read_once(link, profile, arguments)
                print(table(profile, readings, arguments.unconfirmed), flush=True)
                good += 1
            except CollectError as error:
                print(error, file=sys.stderr, flush=True)
                await _reopened(link, error)
            if done == arguments.count:
                return EXIT_OK if good == done else EXIT_FAILED
            await _until_next(arguments.every)
            print()
    finally:
        link.close()


async def _read_other(arguments: argparse.Namespace, count: int) -> int:
    """A device that has no profile of registers, `count` times, 0 for ever."""
    good = done = 0
    port = _port(arguments, LINES[arguments.profile])

    def asking(seconds: int) -> str:
        return f"{arguments.profile} on {port.port}, {seconds} s"

    async with contextlib.AsyncExitStack() as stack:
        async with Waiting(asking):
            found = opened(arguments.profile, port, arguments.address)
            device = await stack.enter_async_context(found)
        while True:
            done += 1
            try:
                async with Waiting(asking):
                    readings = await device.read()
                print(plain_table(device.title, readings), flush=True)
                good += bool(readings.values)
            except CollectError as error:
                print(error, file=sys.stderr, flush=True)
            if done == count:
                return EXIT_OK if good == done else EXIT_FAILED
            await _until_next(arguments.every)
            print()


async def _until_next(every_s: float) -> None:
    async with Waiting(lambda past_s: f"next reading in {max(0, round(every_s - past_s))} s"):
        await asyncio.sleep(every_s)


def _chosen(arguments: argparse.Namespace) -> Profile:
    """The profile that is asked for; refused before a port is opened if one source is too few."""
    profile = find_profile(arguments.profile)
    profile.chosen(arguments.unconfirmed)
    return profile


async def _open(link: MeterLink) -> None:
    async with Waiting(lambda seconds: f"opening {link.config.port}, {seconds} s"):
        await link.open()


async def _reopened(link: MeterLink, error: CollectError) -> None:
    if isinstance(error, PortLost):
        try:
            await _open(link)
        except PortLost:
            return  # Told at the next reading.


async def _read_once(link: MeterLink, profile: Profile, arguments: argparse.Namespace) -> Readings:
    """The meter's readings; on a terminal, what is asked is told as soon as it takes its time."""
    asked, blocks = 1, len(plan(profile, profile.chosen(arguments.unconfirmed)))

    def progress(done: int, of: int) -> None:
        nonlocal asked
        asked = min(done + 1, of)

    def asking(seconds: int) -> str:
        return f"address {arguments.address}, block {asked} of {blocks}, {seconds} s"

    async with Waiting(asking):
        return await read_meter(link, profile, arguments.address, arguments.unconfirmed, progress)


async def _identify(arguments: argparse.Namespace) -> int:
    config = _port(arguments, None)
    wanted = "tcp" if "://" in config.port else "rtu"
    profiles = [p for p in load_all() if p.transport == wanted or wanted == "tcp"]
    found = 0
    async with MeterLink(config) as link:
        for address in arguments.address:
            _say(f"address {address}: ")
            try:
                named = await names_itself(link, address)
                if named is not None:
                    print(f"\naddress {address}: {named} (names itself)")
                    found += 1
                    continue
                matches = await identify(link, address, profiles, _say_dot)
            except PortLost:
                raise
            except CollectError as error:
                print(f"\naddress {address}: {error}")
                continue
            _say("\n")
            print(matches_table(address, matches))
            found += matches[0].certainty > Certainty.NO
    if wanted == "rtu":
        print(f"tried at {config.baud} 8{config.parity}{config.stop_bits} only")
    return EXIT_OK if found else EXIT_FAILED


async def _scan(arguments: argparse.Namespace) -> int:
    profiles = load_all()
    found: list[Found] = []
    width = 0

    def progress(asked: int, whole: int, what: str) -> None:
        nonlocal width
        text = f"{100 * asked // whole:3} %, {len(found)} found, {what}"
        _say(f"\r{text:{width}}")
        width = len(text)

    ports = _lines(arguments, profiles)
    async for one in scan(ports, arguments.address, profiles, progress):
        found.append(one)
    _say("\n")
    print(scanned(found))
    return EXIT_OK if found else EXIT_FAILED


def _lines(arguments: argparse.Namespace, profiles: list[Profile]) -> list[PortConfig]:
    """The settings to try: those that were asked for, or all usual ones; one on TCP."""
    lines = [
        line
        for line in usual_lines(profiles)
        if arguments.baud in (None, line.baud) and arguments.parity in (None, line.parity)
    ]
    if "://" in arguments.port or not lines:
        return [_port(arguments, None)]
    return [
        PortConfig(arguments.port, x.baud, x.parity, x.stop_bits, arguments.timeout_ms)
        for x in lines
    ]


def table(profile: Profile, readings: Readings, unconfirmed: bool) -> str:
    """One line a quantity, and what is wrong with those that have no value."""
    lines = [f"{profile.manufacturer} {profile.model}"]
    registers = {register.quantity: register for register in profile.chosen(unconfirmed)}
    for quantity in QUANTITIES:
        if quantity not in registers:
            continue
        name = key(quantity)
        value = readings.values.get(name)
        mark = "  one source" if registers[quantity].single_source or profile.single_source else ""
        text = _absent(readings, name) if value is None else shown(quantity, value)
        lines.append(f"  {quantity:16} {text:>18}{mark}")
    return "\n".join(lines)


def plain_table(title: str, readings: Readings) -> str:
    """The same for a device that has no profile: what it measures, and what it can't."""
    lines = [title]
    absent = [*readings.unavailable, *readings.implausible, *readings.missing]
    for quantity in QUANTITIES:
        name = key(quantity)
        if name in readings.values:
            lines.append(f"  {quantity:16} {shown(quantity, readings.values[name]):>18}")
        elif name in absent:
            lines.append(f"  {quantity:16} {_absent(readings, name):>18}")
    return "\n".join(lines)


def matches_table(address: int, matches: list[Match]) -> str:
    """The candidates that fit, best first, with what speaks for them."""
    fits = [match for match in matches if match.certainty > Certainty.NO]
    if not fits:
        return f"address {address}: somebody answers, but no profile fits"
    lines = [f"address {address}:"]
    for match in fits:
        lines.append(f"  {match.profile.name:16} {MEANS[match.certainty]}")
        lines += [f"    + {says}" for says in match.evidence]
    if fits[0].certainty < Certainty.NAMED:
        lines.append("  The meter doesn't say its model: compare with its label.")
    return "\n".join(lines)


def _absent(readings: Readings, name: str) -> str:
    if name in readings.implausible:
        return f"implausible: {readings.implausible[name]}"
    return "not available" if name in readings.unavailable else "not read"


def _port(arguments: argparse.Namespace, usual: Serial | None) -> PortConfig:
    line = usual or _DEFAULT_LINE
    return PortConfig(
        arguments.port,
        arguments.baud or line.baud,
        arguments.parity or line.parity,
        line.stop_bits,
        arguments.timeout_ms,
    )


def _address(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MAX_ADDRESS:
        raise argparse.ArgumentTypeError(f"{number}: an address is from 1 to {MAX_ADDRESS}")
    return number


def _addresses(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        found += range(_address(first), _address(last if dash else first) + 1)
    return found


def _say(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)


def _say_dot(_: str) -> None:
    _say(".")
