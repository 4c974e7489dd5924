"""`truewatt device provision`: what a person decides about one board, and what it costs."""

import argparse
import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any

from truewatt.device import heap, image, provisioning
from truewatt.device.errors import BadOption
from truewatt.device.label import label
from truewatt.device.link import attached
from truewatt.device.profiles import load
from truewatt.device.settings import Wishes, compose, read_extra, read_root
from wireformat import ble_map

MODBUS_PORT = 502

Say = Callable[[str], None]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's options."""
    who = parser.add_argument_group("who it is")
    who.add_argument("--board", required=True, metavar="NAME", help="as for flash")
    who.add_argument("--role", required=True, choices=image.ROLES)
    who.add_argument("--name", required=True, help="up to 32 characters; it goes on the label")
    whose = parser.add_argument_group("whom it trusts, pinned from now on")
    whose.add_argument("--chain-id", required=True)
    whose.add_argument("--area", required=True, type=int, help="number of its area")
    whose.add_argument(
        "--operator-root", required=True, metavar="KEY", help="public key: 64 hex digits, or a file"
    )
    way = parser.add_argument_group("its way to the gateway: one or more")
    way.add_argument("--address", type=int, metavar="N", help="on its RS-485 bus, 1 to 247")
    way.add_argument("--wifi", metavar="SSID", help="its network; asks for the password")
    way.add_argument("--wifi-password-file", type=Path, metavar="FILE", help="instead of asking")
    way.add_argument("--broker", metavar="HOST", help="MQTT broker, with --wifi")
    way.add_argument(
        "--modbus-tcp",
        type=int,
        nargs="?",
        const=MODBUS_PORT,
        metavar="PORT",
        help=f"Modbus TCP server on --wifi ({MODBUS_PORT}): the gateway's port is tcp://HOST:PORT;"
        " instead of a broker, or beside it where the chip has heap for both",
    )
    way.add_argument(
        "--tcp-connections",
        type=int,
        metavar="N",
        help="how many at a time, 1 to 4 (2): one for the gateway, one for who looks in",
    )
    way.add_argument(
        "--ble",
        action="store_true",
        help="BLE: the board makes a passkey, which is on its label and nowhere else",
    )
    way.add_argument(
        "--little-heap",
        action="store_true",
        help="the module has more memory (PSRAM), or this board may keep less in reserve: warn of"
        " links and options that leave less than 20 of 112 KiB of heap, in place of refusing them",
    )
    _add_time(parser)
    what = parser.add_argument_group("what it measures")
    what.add_argument("--driver", help="metering chip (the board's own, else pzem004t)")
    what.add_argument(
        "--meter-profile",
        metavar="NAME",
        help="a bought meter on the board's second RS-485, by the gateway's profile: sdm120",
    )
    what.add_argument("--meter-address", type=int, default=1, metavar="N", help="its address (1)")
    what.add_argument("--meter-baud", type=int, metavar="B", help="if not as it left the factory")
    what.add_argument(
        "--pulses-per-kwh",
        type=int,
        nargs="+",
        default=[],
        metavar="N",
        help="S0 outputs of meters, as on their plates: 1000 for one, 1000 800 for load and PV",
    )
    what.add_argument("--generation", action="store_true", help="a second module measures PV")
    what.add_argument("--limit-w", type=int, metavar="W", help="M-LMD: its fixed limit")
    what.add_argument("--config", type=Path, metavar="FILE", help="fields of config.json that win")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("."),
        metavar="DIR",
        help="for NAME.enrolment, NAME.svg (.)",
    )


def _add_time(parser: argparse.ArgumentParser) -> None:
    time = parser.add_argument_group(
        "its time", "which it has from the gateway's signed beacons; these help in between"
    )
    time.add_argument(
        "--sntp",
        metavar="HOST",
        help="a time server on --wifi; nobody signs its answers, so they never make time trusted:"
        " before the first beacon they raise it, then they are compared (4 KiB of heap)",
    )
    time.add_argument(
        "--sntp-interval-s",
        type=int,
        metavar="S",
        help="between two questions, 64 to 86400 (3600)",
    )
    time.add_argument(
        "--drift",
        action="store_true",
        help="learn from beacons how fast the crystal is: a day without one then costs 1 s, not 7"
        " (1.5 KiB of heap)",
    )


def provision(options: argparse.Namespace, say: Say) -> int:
    """Run the subcommand."""
    profile = load(options.board)
    wishes = _wishes(options)
    config = compose(profile, wishes)
    if little := heap.shortage(config):
        if not options.little_heap:
            raise little
        say(str(little))
    with attached(options.port) as link:
        say(f"found {link.require(profile.chip)}")
        say("the board makes its key, if it has none, and signs its enrolment")
        enrolled = provisioning.provision(link, config)
        link.restart()
    place = _place(options, enrolled.address)
    drawn = label(
        enrolled.address, wishes.name, wishes.chain_id, wishes.role, place, enrolled.passkey
    )
    written = provisioning.write_files(enrolled, drawn, options.out)
    print(f"name       {wishes.name}\naddress    {enrolled.address}")
    print(f"enrolment  {enrolled.data.hex()}")
    if enrolled.record.calibration is not None:
        print(f"calibrated {enrolled.record.calibration.hex()}")
    print(f"written    {', '.join(map(str, written))}")
    if enrolled.passkey:
        print(f"on the air {ble_map.name(bytes.fromhex(enrolled.address))}")
        say(f"the passkey is in {written[1]} alone: print it, note it for the gateway, delete it")
    return 0


def _place(options: argparse.Namespace, address: str) -> str:
    """Where the gateway finds it, for the label."""
    if options.address is not None:
        return f"address {options.address}"
    if options.modbus_tcp is not None:
        return f"Wi-Fi {options.wifi}, port {options.modbus_tcp}"
    if options.wifi:
        return f"Wi-Fi {options.wifi}"
    return ble_map.name(bytes.fromhex(address))


def _wishes(options: argparse.Namespace) -> Wishes:
    return Wishes(
        role=options.role,
        name=options.name,
        chain_id=options.chain_id,
        area=options.area,
        operator_root=read_root(options.operator_root),
        address=options.address,
        drift=options.drift,
        **_radio(options),
        ble=options.ble,
        driver=options.driver,
        generation=options.generation,
        limit_w=options.limit_w,
        meter_profile=options.meter_profile,
        meter_address=options.meter_address,
        meter_baud=options.meter_baud,
        pulses_per_kwh=tuple(options.pulses_per_kwh),
        extra=read_extra(options.config),
    )


def _radio(options: argparse.Namespace) -> dict[str, Any]:
    """Wishes that need the network: the broker on it, a Modbus TCP server, a time server.

    The password comes from the terminal or a file: an argument is for everybody to read.
    """
    _require_whole(options)
    if not options.wifi:
        return {}
    file = options.wifi_password_file
    try:
        password = file.read_text().strip() if file else getpass.getpass("Wi-Fi password: ")
    except OSError as error:
        raise BadOption(str(error), "--wifi-password-file", "Name a file to read.") from None
    network = {"ssid": options.wifi, "psk": password}
    found: dict[str, Any] = {}
    if options.broker:
        found["network"] = network | {"host": options.broker}
    if options.modbus_tcp is not None:
        found["tcp"] = network | {"port": options.modbus_tcp}
        if options.tcp_connections is not None:
            found["tcp"]["connections"] = options.tcp_connections
    if options.sntp:
        found["sntp"] = {"host": options.sntp}
        if options.sntp_interval_s is not None:
            found["sntp"]["interval_s"] = options.sntp_interval_s
    return found


_NEEDS = (
    ("broker", "wifi", "SSID"),
    ("modbus_tcp", "wifi", "SSID"),
    ("sntp", "wifi", "SSID"),
    ("wifi_password_file", "wifi", "SSID"),
    ("tcp_connections", "modbus_tcp", ""),
    ("sntp_interval_s", "sntp", "HOST"),
)
"""(option, the option that it means nothing without, that one's value)."""


def _require_whole(options: argparse.Namespace) -> None:
    """Raises `BadOption` for an option whose other half is missing."""
    for name, other, value in _NEEDS:
        if getattr(options, name) is not None and getattr(options, other) is None:
            needed = f"--{other.replace('_', '-')} {value}".rstrip()
            option = f"--{name.replace('_', '-')}"
            raise BadOption(f"it means nothing without {needed}", option, f"Give {needed} too.")
    if options.wifi and not options.broker and options.modbus_tcp is None:
        todo = "Give --broker HOST, or --modbus-tcp, too."
        raise BadOption("a network, but no way to the gateway on it", "--wifi", todo)
