"""`truewatt gateway ble-scan`: which boards are on the air here, and how well they are heard.

Only who advertises can be heard: a board that a gateway is connected to does not. Nothing is sent
to the boards.
"""

import argparse
import asyncio
import sys
from dataclasses import dataclass

from gateway.ble.errors import BluetoothAbsent, NoBleak
from wireformat import ble_map

SECONDS = 10.0


@dataclass(frozen=True)
class Heard:
    """A board: what it calls itself, its BLE address, how loud it was at best (dBm)."""

    name: str
    address: str
    dbm: int


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `ble-scan` to the gateway's commands."""
    parser = commands.add_parser(
        "ble-scan",
        help="list the boards that this machine hears over BLE",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--adapter", default="hci0", help="Bluetooth adapter (hci0)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"({SECONDS:.0f})")
    parser.set_defaults(setup=_main)


def _main(arguments: argparse.Namespace) -> int:
    print(f"ble-scan: listening for {arguments.seconds:.0f} s on {arguments.adapter}", flush=True)
    found = asyncio.run(scan(arguments.adapter, arguments.seconds))
    for one in found:
        print(f"{one.name:14} {one.address}  {one.dbm:4} dBm")
    if not found:
        print("ble-scan: no board heard: a connected one does not advertise", file=sys.stderr)
    return 0 if found else 1


async def scan(adapter: str, seconds: float) -> list[Heard]:
    """Boards heard in that time, by name. Raises `BluetoothAbsent`, `NoBleak`."""
    try:
        from bleak import BleakScanner
        from bleak.backends.device import BLEDevice
        from bleak.backends.scanner import AdvertisementData
        from bleak.exc import BleakError
    except ImportError as error:
        raise NoBleak(str(error), "bleak") from error
    found: dict[str, Heard] = {}

    def heard(device: BLEDevice, seen: AdvertisementData) -> None:
        if ble_map.SERVICE not in seen.service_uuids:
            return
        before = found.get(device.address)
        # The first one may come without its name.
        name = seen.local_name or (before.name if before else "?")
        dbm = max(seen.rssi, before.dbm if before else seen.rssi)
        found[device.address] = Heard(name, device.address, dbm)

    try:
        async with BleakScanner(heard, bluez={"adapter": adapter}):
            await asyncio.sleep(seconds)
    except (BleakError, OSError) as error:
        raise BluetoothAbsent(str(error), adapter) from error
    return sorted(found.values(), key=lambda one: one.name)
