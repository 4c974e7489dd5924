"""`truewatt gateway attest`: what an installer needs to enrol the devices of a configuration."""

import argparse
from pathlib import Path

from gateway.attest.devices import Joining, joining
from gateway.config import load_config
from gateway.errors import GatewayError

EXIT_OK, EXIT_FAILED = 0, 1

_DESCRIPTION = """\
Prints, for each [[bus.meter]] of the configuration, the enrolment that an installer countersigns:
the key that this gateway made for the device (data_dir/attest/<name>.key, mode 0600), its channel,
its serial number, and whether it can be commanded. Nothing is read from the bus and nothing is sent
anywhere. The key never leaves this machine: keep it in your back-up, apart from the database."""


class NoDevices(GatewayError):
    """The configuration has no commercial device."""

    code = "no_devices"
    todo = "add a [[bus.meter]] table; docs/gateway.md shows one"


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand; its parsed result has `meters`, to be called with the arguments."""
    attest = commands.add_parser(
        "attest",
        help="print the enrolments of the commercial devices that this gateway signs for",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    attest.add_argument("--config", type=Path, required=True, metavar="FILE")
    attest.add_argument("--out", type=Path, metavar="DIR", help="also write <name>.enrolment there")
    attest.set_defaults(meters=_attest)


def _attest(arguments: argparse.Namespace) -> int:
    devices = joining(load_config(arguments.config))
    if not devices:
        raise NoDevices("no [[bus.meter]]", str(arguments.config))
    for device in devices:
        print(_lines(device))
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        for device in devices:
            path = arguments.out / f"{device.config.name}.enrolment"
            path.write_text(device.enrolment.hex() + "\n")
        print(f"{len(devices)} file(s) written to {arguments.out}")
    return EXIT_OK


def _lines(device: Joining) -> str:
    config = device.config
    commands = "can be commanded" if device.controllable else "is only read"
    return (
        f"{config.name}: {config.profile} on {device.bus} address {config.address},"
        f" {config.kind}/{config.energy}, {commands}\n"
        f"  device    {device.address.hex()}\n"
        f"  enrolment {device.enrolment.hex()}"
    )
