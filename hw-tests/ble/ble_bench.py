"""A workbench's board on the air, an emulated BlueZ, and the gateway's BLE half with its bleak."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from workbench import CHAIN, GATEWAY, NOW_S, Workbench, certificates, signed

from gateway.admit import Admission, Board, Rules
from gateway.ble.collector import BleCollector
from gateway.collect.tools import Tools
from gateway.config import BleConfig
from gateway.directory import Directory, Entry
from gateway.notices import Notices
from gateway.signer import Signer
from gateway.store import Store
from gateway.store_thread import StoreThread
from gateway.tests.running import Running
from ledger.clock import Clock
from truewatt.emulator.ble.here import bluetooth
from wireformat import ble_map, codes
from wireformat.control import Command

SPEED = 10


class BleBench(Workbench):
    """A board whose only way to the gateway is its BLE radio."""

    def __init__(self, folder: Path, air: Path, speed: int = SPEED, **changes: Any) -> None:
        spec = changes.pop("spec", {})
        changes = {"ble": {}, "bus": None, "interval_s": 5, "boundary_s": 10} | changes
        super().__init__(folder, changes, speed, ble=air, **spec)

    @property
    def radio(self) -> bytes:
        """Its BLE address."""
        return self.board.spec.unique_id

    @property
    def name(self) -> str:
        return ble_map.name(self.address)

    @property
    def passkey(self) -> int:
        assert self.board.passkey is not None
        return self.board.passkey

    def journal(self) -> list[bytes]:
        return [data for _, data in self.board.journal()]

    def order(self, counter: int, action: int, **changes: Any) -> bytes:
        command: Command = self.command(counter, action, **changes)
        return signed(command, self.authority)


class BleSite(Running):
    """Use as `async with BleSite(folder) as site`: air, BlueZ and board; `start` the gateway."""

    PATIENCE_S = 45.0

    def __init__(self, folder: Path, speed: int = SPEED, **board: Any) -> None:
        self.folder, self.speed, self._board = folder, speed, board
        self.store = Store.open(folder / "gateway.db")
        self.thread = StoreThread(self.store)
        self.directory, self.notices = Directory(), Notices()
        self.directory.set_control(5, certificates()[1])
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> "BleSite":
        stack = await self._stack.__aenter__()
        self.air, self.bluez = await stack.enter_async_context(bluetooth(self.folder / "air"))
        self.bench = BleBench(self.folder / "bench", self.air.path, self.speed, **self._board)
        stack.callback(self.bench.close)
        await asyncio.to_thread(self.bench.provision)
        entry = Board(self.bench.address, self.bench.public_key, codes.METER, channels=2, relays=2)
        self.directory.put(Entry(entry))
        self.passkeys = self.folder / "passkeys"
        self.write_passkey(self.bench.passkey)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        await self._stack.aclose()
        self.thread.close()

    def write_passkey(self, passkey: int) -> None:
        self.passkeys.touch(0o600)
        self.passkeys.write_text(f"{self.bench.name} {passkey:06d}\n")

    def start(self) -> None:
        clock = Clock.starting_at(NOW_S * 1000, self.speed)
        tools = Tools(
            clock,
            self.thread,
            Admission(CHAIN, Rules(), self.directory.by_kid),
            self.directory,
            Signer(bytes(GATEWAY), CHAIN),
            self.notices,
            (3, certificates()[0]),
        )
        config = BleConfig("hci0", (self.bench.name,), self.passkeys)
        self.collector = BleCollector(tools, config)
        self.session = self.collector.sessions[0]
        self.begin(self.collector.run())

    def said(self) -> str:
        return self.bench.console()[-3000:]

    def open_codes(self) -> dict[str, str]:
        return {key: str(notice.error) for key, notice in self.notices.open().items()}

    def stored(self) -> list[bytes]:
        return [row[3] for row in self.store.records(self.bench.address)]

    def kinds(self) -> list[int]:
        """Type codes of what is stored."""
        return [row[2] for row in self.store.records(self.bench.address)]

    @property
    def status(self) -> Any:
        board = self.collector.boards.known.get(self.bench.address)
        return board and board.status

    def well(self) -> bool:
        """The board has the time and both certificates, and its records are acked as they come."""
        status = self.status
        return bool(
            status and status.clock_trusted and status.control_serial == 5 and status.unacked < 6
        )
