"""An air and an emulated BlueZ as a process: `python -m truewatt.emulator.ble AIR_SOCKET`.

Says the address of its message bus (for DBUS_SYSTEM_BUS_ADDRESS) and serves until its standard
input ends.
"""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from truewatt.emulator.ble.air import Air
from truewatt.emulator.ble.bluez import Bluez
from truewatt.emulator.ble.dbus_daemon import DBusDaemon


async def serve(path: Path, folder: Path) -> None:
    """Serve until standard input ends."""
    air = Air(path)
    await air.open()
    with DBusDaemon(folder) as address:
        async with Bluez(air, address):
            print(address, flush=True)
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    air.close()


def main(argv: list[str]) -> int:
    """Run it."""
    with TemporaryDirectory(prefix="tw-ble-") as folder:
        asyncio.run(serve(Path(argv[0]), Path(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
