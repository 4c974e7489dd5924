"""A board on a desk, its way to the gateway by cable or radio, and the gateway's half of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey
from release_shop import CHAIN, ROOT_SEED

from gateway.admit import Admission, Board, Rules
from gateway.ble.collector import BleCollector
from gateway.collect.collector import Collector
from gateway.collect.tools import Tools
from gateway.config import BleConfig, BusConfig, DeviceConfig, MqttConfig
from gateway.directory import Directory, Entry
from gateway.mqtt.collector import MqttCollector
from gateway.notices import Notices
from gateway.signer import Signer
from gateway.store import Store
from gateway.store_thread import StoreThread
from gateway.tests.mqtt.broker import RealBroker, free_port
from gateway.tests.running import Running
from gateway.tests.test_config import GOOD
from gateway.updates.air import AirUpdates
from gateway.updates.queue import Updates, read_progress
from ledger.clock import Clock
from ledger.setup import certify, seal
from truewatt.device.provisioning import check
from truewatt.emulator.ble.here import bluetooth
from truewatt.emulator.wires.bus import Disturbance, Rs485Bus
from truewatt.emulator.wires.tty import Tty
from wireformat import ble_map, codes
from wireformat.control import Command

NOW_S = 1_790_000_000
AREA = 1
BAUD = 9600
ADDRESS = 11
ACK_SEED, CONTROL_SEED = bytes([7]) * 32, bytes([8]) * 32


def certificate(role: int, seed: bytes, serial: int) -> bytes:
    key = bytes(SigningKey(seed).verify_key)
    return certify(
        ROOT_SEED,
        CHAIN,
        role=role,
        area=AREA,
        public_key=key,
        serial=serial,
        expires_s=NOW_S + 10**7,
    )


class AirSite(Running):
    """`said`: what provisioning said of the board. `begin_updates` may be called again."""

    PATIENCE_S = 90.0

    def __init__(self, folder: Path, speed: int, said: dict[str, str]) -> None:
        self.folder = folder / "gateway"
        self.folder.mkdir()
        self.clock = Clock.starting_at(NOW_S * 1000, speed)
        self.store = Store.open(self.folder / "gateway.db")
        self.thread = StoreThread(self.store)
        self.directory, self.notices = Directory(), Notices()
        control = certificate(codes.CONTROL, CONTROL_SEED, 5)
        self.directory.set_control(5, control)
        record = check("m1", bytes.fromhex(said["ENROLMENT"]), CHAIN)
        self.device = bytes.fromhex(record.address)
        key = record.record.public_key
        self.directory.put(Entry(Board(self.device, key, codes.METER, channels=1, relays=1)))
        self.tools = Tools(
            self.clock,
            self.thread,
            Admission(CHAIN, Rules(), self.directory.by_kid),
            self.directory,
            Signer(ACK_SEED, CHAIN),
            self.notices,
            (3, certificate(codes.ACK, ACK_SEED, 3)),
            updates=Updates(self.queue, self.clock),
        )
        self.buses: tuple[BusConfig, ...] = ()
        self._updating: asyncio.Task[None] | None = None
        self.collector: Any = None
        self.config = Path()

    @property
    def queue(self) -> Path:
        return self.folder / "updates"

    @property
    def name(self) -> str:
        """What a person calls the board."""
        if self.buses:
            return self.buses[0].devices[0].name
        return self.device.hex()[:8]

    def write_config(self, way: str) -> Path:
        """A gateway's file for the command line: `way` is its [[bus]], [mqtt] or [ble]."""
        head, _, _ = GOOD.replace('"data"', f'"{self.folder}"').partition("[[bus]]")
        path = self.folder / "gateway.toml"
        path.write_text(head + way)
        (self.folder / "keys").mkdir()
        for name in ("keys/gateway", "keys/ack.cert", "genesis.json"):
            (self.folder / name).touch()
        return path

    def on_bus(self, port: str) -> None:
        """The board is asked over `port`."""
        device = DeviceConfig(ADDRESS, "m1", 0)
        self.buses = (BusConfig("bus0", port, BAUD, "N", 2000, 0, (device,)),)
        way = f'[[bus]]\nname = "bus0"\nport = "{port}"\nbaud = {BAUD}\n'
        self.config = self.write_config(way + f'[[bus.device]]\naddress = {ADDRESS}\nname = "m1"\n')

    def progress(self) -> dict[str, Any]:
        return read_progress(self.queue, self.name)

    def collect(self, collector: Any) -> None:
        self.collector = collector
        self.begin(collector.run())

    async def begin_updates(self) -> None:
        """A gateway that was started anew: it knows no more than its files."""
        if isinstance(self.collector, Collector):
            await self.stop()
            tools = replace(self.tools, updates=Updates(self.queue, self.clock))
            self.collect(Collector(tools, self.buses))
            return
        if self._updating is not None:
            self._updating.cancel()
            await asyncio.gather(self._updating, return_exceptions=True)
        updates = Updates(self.queue, self.clock)
        air = AirUpdates(updates, [self.collector.boards], self.clock, self.notices)
        self._updating = asyncio.create_task(air.run())

    async def close(self) -> None:
        if self._updating is not None:
            self._updating.cancel()
            await asyncio.gather(self._updating, return_exceptions=True)
        await self.stop()
        self.thread.close()

    @property
    def status(self) -> Any:
        if isinstance(self.collector, Collector):
            return self.collector.workers[0].places[0].seen.status
        board = self.collector.boards.known.get(self.device)
        return board and board.status

    def well(self) -> bool:
        return bool(self.status and self.status.clock_trusted and self.status.control_serial == 5)

    def stored(self) -> list[tuple[int, int, int, bytes]]:
        return [(row[0], row[1], row[2], row[3]) for row in self.store.records(self.device)]

    def order(self, counter: int, action: int) -> bytes:
        now_s = self.clock.unix_ms() // 1000
        command = Command(
            id=counter.to_bytes(8, "big"),
            height=7,
            index=0,
            target=self.device,
            asset=0,
            action=action,
            value=0,
            counter=counter,
            not_before_s=now_s - 60,
            expires_s=now_s + 600,
        )
        return bytes(seal(command, CONTROL_SEED, CHAIN))

    def said(self) -> str:
        return f"{self.progress()} {self.status}"


class Bus:
    """RS-485 at 9600 baud: a line that takes its time, as long as it is not cut."""

    def __init__(self, folder: Path) -> None:
        self._far = Tty(folder / "gateway-end")
        self.config: dict[str, Any] = {"bus": {"uart": 1, "address": ADDRESS}}
        self.spec: dict[str, Any] = {}

    @asynccontextmanager
    async def joined(self, site: AirSite, said: dict[str, str]) -> AsyncIterator[None]:
        site.on_bus(str(self._far.path))
        self._line = Rs485Bus("bus0", BAUD, True, 1, site.clock)
        self._line.attach("gateway", self._far)
        self._line.attach("m1", self.desk.bus)
        site.collect(Collector(site.tools, site.buses))
        try:
            yield
        finally:
            await site.stop()
            self._line.detach_all()

    async def cut(self) -> None:
        self._line.disturb(Disturbance(cut=True))
        await asyncio.sleep(1)
        self._line.disturb(Disturbance())

    desk: Any = None

    def close(self) -> None:
        self._far.close()


class Tcp:
    """The board's radio is Wi-Fi, and it is a Modbus TCP server behind an access point."""

    def __init__(self, folder: Path) -> None:
        self._board_port, self._port = free_port(), free_port()
        tcp = {"ssid": "s", "psk": "p", "port": self._board_port, "connections": 2}
        self.config: dict[str, Any] = {"tcp": tcp}
        self.spec: dict[str, Any] = {"radio": True}
        self._ends: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def joined(self, site: AirSite, said: dict[str, str]) -> AsyncIterator[None]:
        site.on_bus(f"tcp://127.0.0.1:{self._port}")
        await self._open()
        site.collect(Collector(site.tools, site.buses))
        try:
            yield
        finally:
            await site.stop()
            self._shut()

    async def cut(self) -> None:
        self._shut()
        await asyncio.sleep(1)
        await self._open()

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", self._port)

    def _shut(self) -> None:
        self._server.close()
        for end in tuple(self._ends):
            end.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            back, board = await asyncio.open_connection("127.0.0.1", self._board_port)
            ends.append(board)
            self._ends.update(ends)
            await asyncio.gather(_copied(reader, board), _copied(back, writer))
        except OSError:
            pass  # cut, or the board is away
        finally:
            self._ends.difference_update(ends)
            for end in ends:
                end.transport.abort()

    desk: Any = None

    def close(self) -> None:
        pass


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until it ends: each part after what a busy access point takes."""
    while data := await reader.read(1024):
        await asyncio.sleep(0.005)
        writer.write(data)
    raise ConnectionResetError


class Mqtt:
    """The board's radio is Wi-Fi, its broker a Mosquitto."""

    def __init__(self, folder: Path) -> None:
        self.broker = RealBroker(folder / "broker")
        self.broker.start()
        self.config = {
            "mqtt": {"ssid": "s", "psk": "p", "host": "127.0.0.1", "port": self.broker.port}
        }
        self.spec: dict[str, Any] = {"radio": True}

    @asynccontextmanager
    async def joined(self, site: AirSite, said: dict[str, str]) -> AsyncIterator[None]:
        config = MqttConfig("127.0.0.1", self.broker.port)
        way = f'[mqtt]\nhost = "127.0.0.1"\nport = {self.broker.port}\n'
        site.config = site.write_config(way)
        site.collect(MqttCollector(site.tools, config, AREA, "gw"))
        yield

    desk: Any = None

    async def cut(self) -> None:
        await asyncio.to_thread(self.broker.kill)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(self.broker.start)

    def close(self) -> None:
        self.broker.kill()


class Ble:
    """The board's radio is BLE, in an emulated air with an emulated BlueZ."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "air"
        self.config: dict[str, Any] = {"ble": {}}
        self.spec: dict[str, Any] = {"ble": self._path}

    @asynccontextmanager
    async def joined(self, site: AirSite, said: dict[str, str]) -> AsyncIterator[None]:
        name = ble_map.name(site.device)
        passkeys = site.folder / "passkeys"
        passkeys.touch(0o600)
        passkeys.write_text(f"{name} {int(said['PASSKEY']):06d}\n")
        way = f'[ble]\ndevices = ["{name}"]\npasskey_file = "{passkeys}"\n'
        site.config = site.write_config(way)
        async with bluetooth(self._path) as (self.air, _):
            site.collect(BleCollector(site.tools, BleConfig("hci0", (name,), passkeys)))
            try:
                yield
            finally:
                await site.stop()

    async def cut(self) -> None:
        radio = self.desk.board.spec.unique_id
        await self.air.away(radio)
        await asyncio.sleep(1)
        await self.air.away(radio, False)

    desk: Any = None

    def close(self) -> None:
        pass
