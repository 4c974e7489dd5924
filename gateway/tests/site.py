"""A gateway's collecting half around test boards: real store, real admission, real PTY."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from nacl.signing import SigningKey

from gateway.admit import Admission, Rules
from gateway.collect.collector import Collector
from gateway.collect.tools import Tools
from gateway.config import BusConfig, DeviceConfig
from gateway.directory import Directory, Entry
from gateway.notices import Notices
from gateway.signer import Signer
from gateway.store import Store
from gateway.store_thread import StoreThread
from gateway.tests.board_server import BoardServer, PtyBus
from gateway.tests.running import Running
from gateway.tests.signing import CHAIN, T0, seal
from gateway.updates.queue import Updates
from ledger.clock import Clock
from wireformat import codes
from wireformat.control import Certificate, Command

ROOT, GATEWAY, CONTROL = b"\xf1" * 32, b"\xf2" * 32, b"\xf3" * 32
ROOT_KEY = bytes(SigningKey(ROOT).verify_key)


def certificate(seed: bytes, role: int, serial: int) -> bytes:
    """A certificate under the root for the key of `seed`."""
    return seal(
        ROOT,
        Certificate(
            role=role,
            area=1,
            public_key=bytes(SigningKey(seed).verify_key),
            serial=serial,
            expires_s=T0 + 10**7,
        ),
    )


class Site(Running):
    """Use as `async with Site(tmp_path) as site`, then `site.start({address: board, ...})`."""

    PATIENCE_S = 8.0

    def __init__(self, folder: Path, speed: float = 60.0) -> None:
        self.folder = folder
        self.clock = Clock.starting_at(T0 * 1000, speed)
        self.store = Store.open(folder / "gateway.db")
        self.thread = StoreThread(self.store)
        self.directory = Directory()
        self.notices = Notices()
        self.directory.set_control(5, certificate(CONTROL, codes.CONTROL, 5))
        self.collector: Collector
        self.bus: PtyBus
        self.time_is_sound = True

    async def __aenter__(self) -> "Site":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        self.bus.unplug()
        self.thread.close()

    def board(self, number: int, **kwargs) -> BoardServer:
        """A board with its key pinned to this site's operator."""
        return BoardServer(number, ROOT_KEY, self.clock, **kwargs)

    def enrol(self, *boards: BoardServer, **changes) -> None:
        for board in boards:
            self.directory.put(Entry(board.board(**changes)))

    def start(self, boards: dict, timeout_ms: int = 150, plugged: bool = True) -> None:
        """Put the boards on a bus and begin to collect."""
        self.bus = PtyBus(self.folder, boards)
        if plugged:
            self.bus.plug()
        devices = tuple(DeviceConfig(at, f"d{at}", 30_000) for at in boards)
        config = BusConfig("bus0", str(self.bus.port), 115200, "N", timeout_ms, 0, devices)
        rules = Rules()
        tools = Tools(
            self.clock,
            self.thread,
            Admission(CHAIN, rules, self.directory.by_kid),
            self.directory,
            Signer(GATEWAY, CHAIN),
            self.notices,
            (3, certificate(GATEWAY, codes.ACK, 3)),
            time_is_sound=lambda: self.time_is_sound,
            updates=Updates(self.folder / "updates", self.clock),
        )
        self.collector = Collector(tools, (config,))
        self.begin(self.collector.run())

    def held(self, board: BoardServer) -> list[bytes]:
        """The board's records in the store."""
        return [row[3] for row in self.store.records(board.address)]

    def command(
        self,
        board: BoardServer,
        counter: int = 1,
        asset: int = 0,
        action: int = codes.OPEN,
        expires_s: int = T0 + 3600,
    ) -> tuple[Command, bytes]:
        """An order to open a relay, signed by the control key."""
        record = Command(
            id=counter.to_bytes(8, "big"),
            counter=counter,
            target=board.address,
            asset=asset,
            action=action,
            value=0,
            not_before_s=T0,
            expires_s=expires_s,
            height=2,
            index=0,
        )
        return record, seal(CONTROL, record)


def run(tmp_path: Path, scenario: Callable) -> None:
    """Run `scenario(site)` to its end."""

    async def main() -> None:
        async with Site(tmp_path) as site:
            await scenario(site)

    asyncio.run(main())


def filled(site: Site, number: int, records: int = 5, **kwargs) -> BoardServer:
    """A board with some readings in its journal."""
    board = site.board(number, **kwargs)
    for _ in range(records):
        board.add()
    return board


def journal(board: BoardServer) -> list[bytes]:
    """The records on a board's flash."""
    return [data for _, data in board.journal]
