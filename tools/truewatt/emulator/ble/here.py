"""Bluetooth for this process: an emulated air, and a BlueZ on a system bus of its own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from truewatt.emulator.ble.air import Air
from truewatt.emulator.ble.bluez import Bluez
from truewatt.emulator.ble.dbus_daemon import DBusDaemon

_BUS = "DBUS_SYSTEM_BUS_ADDRESS"


@asynccontextmanager
async def bluetooth(path: Path) -> AsyncIterator[tuple[Air, Bluez]]:
    """The air at `path`, and the BlueZ of its adapter; the environment names the bus meanwhile."""
    async with AsyncExitStack() as stack:
        # A bus listens in a folder whose path must be short.
        short = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tw-ble-")))
        air = Air(path)
        await air.open()
        stack.callback(air.close)
        bus = stack.enter_context(DBusDaemon(short))
        stack.callback(_restore, os.environ.get(_BUS))
        os.environ[_BUS] = bus
        yield air, await stack.enter_async_context(Bluez(air, bus))


def _restore(before: str | None) -> None:
    if before is None:
        os.environ.pop(_BUS, None)
    else:
        os.environ[_BUS] = before
