"""A gateway's collecting half around emulated commercial devices: real store, bus, PTY, keys."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from gateway.admit import Admission, Board, Rules
from gateway.attest.devices import make_bus, places
from gateway.attest.keys import device_signer
from gateway.attest.obey import Trust
from gateway.collect.collector import Collector
from gateway.collect.errors import FrameRefused
from gateway.collect.tools import Tools
from gateway.config import BusConfig, MeterConfig
from gateway.directory import Directory, Entry
from gateway.notices import Notices
from gateway.signer import Signer
from gateway.store import Store
from gateway.store_thread import StoreThread
from gateway.tests.running import Running
from gateway.tests.signing import CHAIN, T0, seal
from gateway.tests.site import CONTROL, GATEWAY, ROOT_KEY, certificate
from ledger.clock import Clock
from truewatt.emulator.commercial import EmulatedMeter, MeterLine
from truewatt.emulator.wires.tty import Tty
from wireformat import codes, identity
from wireformat.control import Command
from wireformat.registry import open_signed


class Devices(Running):
    """`async with Devices(folder) as site`, then `site.start(line's devices, configs)`."""

    PATIENCE_S = 15.0

    def __init__(self, folder: Path, speed: float = 300.0, start_s: int = T0) -> None:
        self.folder = folder
        self.clock = Clock.starting_at(start_s * 1000, speed)
        self.store = Store.open(folder / "gateway.db")
        self.thread = StoreThread(self.store)
        self.directory = Directory()
        self.directory.set_control(5, certificate(CONTROL, codes.CONTROL, 5))
        self.notices = Notices()
        self.line: MeterLine | None = None
        self.time_is_sound = True
        self.collector: Collector

    async def __aenter__(self) -> "Devices":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        self.unplug()
        self.thread.close()

    def plug(self, *devices: EmulatedMeter) -> None:
        """Put devices on the line."""
        self.line = MeterLine(Tty(self.folder / "tty"), list(devices))
        self.line.attach()

    def unplug(self) -> None:
        """Take the line's adapter away."""
        if self.line is not None:
            self.line.detach()
            self.line.line.close()
            self.line = None

    def signer(self, name: str) -> Signer:
        return device_signer(self.folder, name, CHAIN)

    def enrol(self, name: str, relays: int = 0, fresh: bool = True, **changes) -> bytes:
        """Let the registry hold the device; returns its address."""
        signer = self.signer(name)
        board = Board(signer.address, signer.public_key, codes.ATTESTED, 1, relays)
        last = changes.pop("last", None)
        self.directory.put(Entry(replace(board, **changes), last, fresh))
        return signer.address

    def start(self, *meters: MeterConfig, timeout_ms: int = 150, port: str = "") -> None:
        """Begin to collect, on the line or on `port`."""
        port = port or str(self.folder / "tty")
        config = BusConfig("plant", port, 115200, "N", timeout_ms, 0, (), meters)
        tools = Tools(
            self.clock,
            self.thread,
            Admission(CHAIN, Rules(), self.directory.by_kid),
            self.directory,
            Signer(GATEWAY, CHAIN),
            self.notices,
            (3, b""),
            time_is_sound=lambda: self.time_is_sound,
        )

        def attested(tools, bus, config):
            return places(tools, self.folder, Trust(CHAIN, 1, ROOT_KEY), bus, config)

        self.collector = Collector(tools, (config,), attested, make_bus)
        self.begin(self.collector.run())

    def records(self, name: str) -> list:
        """The device's records, opened, in their order."""
        rows = self.store.records(self.signer(name).address)
        return [open_signed(row[2], row[3], CHAIN).record for row in rows]

    def readings(self, name: str) -> list:
        return [record for record in self.records(name) if record.TYPE == "reading"]

    def command(self, name: str, action: int, value: int = 0, counter: int = 1, **changes):
        """An order for the device, signed by the control key."""
        now_s = self.clock.unix_ms() // 1000
        fields = {
            "id": counter.to_bytes(8, "big"),
            "counter": counter,
            "target": self.signer(name).address,
            "asset": 0,
            "action": action,
            "value": value,
            "not_before_s": now_s - 60,
            "expires_s": now_s + 900,
            "height": 2,
            "index": 0,
        }
        return seal(changes.pop("key", CONTROL), Command(**{**fields, **changes}))

    async def order(self, name: str, action: int, value: int = 0, counter: int = 1, **changes):
        """Bring it the order as the enforcer does; returns the reason for which it was refused."""
        data = self.command(name, action, value, counter, **changes)
        try:
            await self.collector.command(self.signer(name).address, data)
        except FrameRefused as error:
            return error.reason
        return codes.R_NONE

    def outcomes(self, name: str) -> list[tuple[int, int, int, int]]:
        """(counter, status, reason, state) of each."""
        return [
            (r.counter, r.status, r.reason, r.state)
            for r in self.records(name)
            if r.TYPE == "outcome"
        ]

    def events(self, name: str) -> list[int]:
        return [record.kind for record in self.records(name) if record.TYPE == "event"]


def run(tmp_path: Path, scenario: Callable, **kwargs) -> None:
    """Run `scenario(site)` to its end."""

    async def main() -> None:
        async with Devices(tmp_path, **kwargs) as site:
            await scenario(site)

    asyncio.run(main())


def check_chain(rows: list[tuple[int, int, int, bytes, int]]) -> None:
    """Every record names the one before it, and no place is taken twice."""
    prev, places = identity.GENESIS_PREV, []
    for epoch, seq, code, data, _ in rows:
        record = open_signed(code, data, CHAIN).record
        assert record.prev == prev
        prev = identity.prev_hash(data)
        places.append((epoch, seq))
    assert places == sorted(set(places))
