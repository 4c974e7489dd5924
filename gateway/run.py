"""One gateway process: everything wired together, started, supervised and stopped in order.

Other processes may start, stop and die at any time: each loop here retries and says once what is
wrong. Only a bug ends the process from within.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.admit import Admission, Rules
from gateway.attest.devices import make_bus
from gateway.attest.devices import places as attested_places
from gateway.attest.obey import Trust
from gateway.attest.place import MeterPlace
from gateway.ble.errors import NoBleak
from gateway.calibration import CalibrationWatch
from gateway.carriers import Carriers
from gateway.collect.bus import Bus
from gateway.collect.collector import Collector
from gateway.collect.forecast import forecast
from gateway.collect.tools import Tools
from gateway.config import BleConfig, BusConfig, Config
from gateway.directory import Directory
from gateway.enforce import Enforcer
from gateway.errors import GatewayError
from gateway.guarded_clock import GuardedClock
from gateway.ledger_link import ChainStalled, LedgerError, LedgerLink
from gateway.light_node import LightNode
from gateway.mqtt.collector import MqttCollector
from gateway.notices import Notices
from gateway.registry_view import RegistryView
from gateway.rpc_link import RpcLink
from gateway.signer import Signer, load_ack_certificate
from gateway.status import snapshot, write_status
from gateway.store import Store, StoreError, StoreFull, StoreLocked
from gateway.store.database import STORE_FILE
from gateway.store_thread import StoreThread
from gateway.submit import Submitter
from gateway.tasks import is_cancelled
from gateway.updates.air import AirUpdates
from gateway.updates.queue import FOLDER as UPDATES
from gateway.updates.queue import Updates
from ledger.clock import Clock
from ledger.genesis import Genesis
from ledger.lockfile import LockFile

if TYPE_CHECKING:
    from gateway.ble.collector import BleCollector

log = logging.getLogger("gateway")

LEDGER_POLL_S, LEDGER_POLL_WALL_S = 1.0, 0.1
DELIVER_POLL_S, DELIVER_POLL_WALL_S = 1.0, 0.05
STATUS_S, STATUS_WALL_S = 5.0, 1.0
RETRY_WALL_S = 1.0
"""Polling intervals in the run's clock, each with the least of it in wall time."""

RETAIN_S, RETAIN_WALL_S, RETAIN_PAUSE_WALL_S = 3600.0, 10.0, 0.02
DAY_MS = 86_400_000

STALLED_S = 600
"""An honest chain has a block a minute."""

EXPIRY_WARNING_S = 30 * 86_400


class DataDirInUse(GatewayError):
    """Two gateways on one folder and one bus would garble both."""

    code = "data_dir_in_use"
    todo = "stop it first (systemctl status, ps), or give this one another data_dir"


class OtherGenesis(GatewayError):
    """The genesis file belongs to another chain than the configuration names."""

    code = "other_genesis"
    todo = "put the genesis of that chain there, or correct the configuration"


class CertificateExpires(GatewayError):
    """A certificate ends soon: boards and ledger refuse what is signed under it from then on."""

    code = "certificate_expires"
    todo = "ask the operator for a new one with a higher serial"


class Gateway:
    """Built from a configuration; `run` returns after `stop`."""

    def __init__(self, config: Config, clock: Clock, store: StoreThread, link: LedgerLink) -> None:
        clock = guarded = GuardedClock.over(clock)
        self._config, self._clock, self._store, self._link = config, guarded, store, link
        ledger = config.ledger
        genesis = load_genesis(config)
        self.notices = Notices()
        self._new_records = asyncio.Event()
        self.directory = Directory(config.max_channel_w, config.max_section_w)
        signer = Signer.load(config.key_file, ledger.chain_id)
        certificate, data = load_ack_certificate(
            config.ack_certificate, signer, ledger.chain_id, ledger.operator_root, config.area
        )
        self.node = LightNode(
            link,
            genesis,
            config.data_dir / "light.db",
            clock,
            ledger.trusting_period_s,
            ledger.trusted,
        )
        guarded.watch(self.node.seen)
        self._certificate = certificate
        self._updates = Updates(config.data_dir / UPDATES, guarded)
        tools = self._tools(signer, (certificate.serial, data))
        tools.admission.on_event = CalibrationWatch(self.notices, guarded)
        self.collector = Collector(tools, config.buses, self._attested, make_bus)
        self.mqtt = (
            None
            if config.mqtt is None
            else MqttCollector(tools, config.mqtt, config.area, config.name)
        )
        self.ble = None if config.ble is None else _ble_collector(tools, config.ble)
        self._admitted = tools.admitted
        self.registry = RegistryView(
            self.node,
            link,
            store,
            self.directory,
            clock,
            config.area,
            ledger.chain_id,
            ledger.operator_root,
        )
        self.submitter = Submitter(
            self.node,
            link,
            store,
            signer,
            self.notices,
            clock,
            ledger.chain_id,
            batched=config.submit == "boundaries",
        )
        self.enforcer = Enforcer(
            self.node,
            link,
            store,
            Carriers([way for way in (self.collector, self.mqtt, self.ble) if way is not None]),
            self.directory,
            self.notices,
            clock,
            config.area,
            ledger.chain_id,
            ledger.operator_root,
        )
        self._stop = asyncio.Event()

    def _tools(self, signer: Signer, ack_certificate: tuple[int, bytes]) -> Tools:
        config = self._config
        rules = Rules(config.clock_ahead_s, config.clock_age_s)
        return Tools(
            clock=self._clock,
            store=self._store,
            admission=Admission(config.ledger.chain_id, rules, self.directory.by_kid),
            directory=self.directory,
            signer=signer,
            notices=self.notices,
            ack_certificate=ack_certificate,
            poll_s=config.poll_s,
            beacon_s=config.beacon_s,
            batch_records=config.batch_records,
            updates=self._updates,
            on_records=self._new_records.set,
            time_is_sound=self.node.time_is_sound,
        )

    def _attested(self, tools: Tools, bus: Bus, config: BusConfig) -> Iterator[MeterPlace]:
        ledger = self._config.ledger
        trust = Trust(ledger.chain_id, self._config.area, ledger.operator_root)
        return attested_places(tools, self._config.data_dir, trust, bus, config)

    def stop(self) -> None:
        """Let `run` return."""
        self._stop.set()

    async def run(self) -> None:
        """Collect, follow, submit and enforce until `stop`."""
        self._admitted.update(await self._store.run(self._store.store.counts))
        await self.registry.load()
        links: list[Collector | MqttCollector | BleCollector] = []
        links += [self.collector] if self._config.buses else []
        links += [link for link in (self.mqtt, self.ble) if link is not None]
        loops = [
            *(asyncio.create_task(link.run(), name="collect") for link in links),
            asyncio.create_task(self._bring_updates(), name="updates"),
            asyncio.create_task(self._for_ever(self._ledger_step, "ledger"), name="ledger"),
            asyncio.create_task(self._for_ever(self._submit_step, "submit"), name="submit"),
            asyncio.create_task(self._for_ever(self._deliver_step, "enforce"), name="enforce"),
            asyncio.create_task(self._for_ever(self._status_step, "status"), name="status"),
            asyncio.create_task(self._for_ever(self._retain_step, "retain"), name="retain"),
        ]
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        try:
            done, _ = await asyncio.wait([*loops, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in [*loops, stopping]:
                task.cancel()
            await asyncio.gather(*loops, stopping, return_exceptions=True)
            await self.registry.close()
            await self._close()

    async def _bring_updates(self) -> None:
        """Boards on a bus get theirs at their visits."""
        on_air = [link.boards for link in (self.mqtt, self.ble) if link is not None]
        await AirUpdates(self._updates, on_air, self._clock, self.notices).run()

    async def _close(self) -> None:
        await self._link.close()
        self.node.close()
        self._store.close()
        log.info("stopped")

    async def _for_ever(self, step: Callable[[], Awaitable[None]], key: str) -> None:
        """Repeat `step`; a named error is told once and tried again, others are bugs."""
        while not is_cancelled():
            try:
                await step()
            except StoreError as error:
                self.notices.report("store", error, self._clock.unix_ms())
                await asyncio.sleep(RETRY_WALL_S)
            except (GatewayError, OSError) as error:
                named = error if isinstance(error, GatewayError) else GatewayError(str(error), key)
                self.notices.report(key, named, self._clock.unix_ms())
                await asyncio.sleep(RETRY_WALL_S)
            else:
                self.notices.clear(key)

    async def _ledger_step(self) -> None:
        """One round with the ledger: headers, registry, commands."""
        await self.node.follow()
        self._look_ahead()
        await self.registry.keep_up()
        try:
            await self.enforcer.fetch()
        except LedgerError as error:
            self.notices.report("commands", error, self._clock.unix_ms())
        else:
            self.notices.clear("commands")
        # The state that a new header proves is also where submitted records show.
        self._new_records.set()
        await self._link.new_block(max(self._clock.wall(LEDGER_POLL_S), LEDGER_POLL_WALL_S))

    def _look_ahead(self) -> None:
        """Tell what stops the gateway soon, while there is time to do something about it."""
        now_ms = self._clock.unix_ms()
        silent_s = now_ms // 1000 - self.node.time_ms // 1000
        if silent_s > STALLED_S:
            stalled = ChainStalled(f"the newest block is {silent_s} s old")
            self.notices.report("chain", stalled, now_ms)
        else:
            self.notices.clear("chain")
        control = self.registry.control_expires_s()
        for key, expires_s in (
            ("ack certificate", self._certificate.expires_s),
            ("control certificate", control),
        ):
            left_s = None if expires_s is None else expires_s - now_ms // 1000
            if left_s is not None and left_s < EXPIRY_WARNING_S:
                what = f"expired {-left_s} s ago" if left_s <= 0 else f"{left_s // 86400} days left"
                self.notices.report(key, CertificateExpires(what, key), now_ms)
            else:
                self.notices.clear(key)

    def _look_at_the_clock(self) -> None:
        jumped = self._clock.jumped()
        if jumped is None:
            self.notices.clear("clock")
        else:
            self.notices.report("clock", jumped, self._clock.unix_ms())

    async def _submit_step(self) -> None:
        """Records out. Apart from the other round, so that a backlog delays no command."""
        self._new_records.clear()
        while await self.submitter.step():
            pass
        wait_s = max(self._clock.wall(LEDGER_POLL_S), LEDGER_POLL_WALL_S)
        await _wait(self._new_records, wait_s)

    async def _deliver_step(self) -> None:
        self.enforcer.work.clear()
        await self.enforcer.deliver()
        wait_s = max(self._clock.wall(DELIVER_POLL_S), DELIVER_POLL_WALL_S)
        await _wait(self.enforcer.work, wait_s)

    async def _status_step(self) -> None:
        self._look_at_the_clock()
        status = await self._store.run(
            snapshot,
            self._config.name,
            self._clock.unix_ms(),
            self.collector,
            self.node,
            self._store.store,
            self.notices,
            dict(self._admitted),
            self.mqtt,
            self.ble,
        )
        write_status(self._config.data_dir, status)
        await asyncio.sleep(max(self._clock.wall(STATUS_S), STATUS_WALL_S))

    async def _retain_step(self) -> None:
        """Let old records go, a slice at a time, so that no commit of readings waits for it."""
        config, retention = self._config, self._store.store.retention
        if config.keep_days:
            before_ms = self._clock.unix_ms() - config.keep_days * DAY_MS
            for device in await self._store.run(retention.devices):
                while await self._store.run(retention.prune, device, before_ms):
                    await asyncio.sleep(RETAIN_PAUSE_WALL_S)
        await asyncio.sleep(max(self._clock.wall(RETAIN_S), RETAIN_WALL_S))


def _ble_collector(tools: Tools, config: BleConfig) -> "BleCollector":
    """Loaded by those gateways only that have such boards: bleak is an extra."""
    try:
        from gateway.ble.collector import BleCollector
    except ImportError as error:
        raise NoBleak(str(error), "[ble]") from error
    return BleCollector(tools, config)


async def _wait(event: asyncio.Event, wall_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wall_s):
            await event.wait()


async def run_gateway(config: Config, clock: Clock) -> None:
    """Run until SIGTERM or SIGINT. Raises the named error of what can't be started with."""
    # Readings tell when somebody is at home: nobody else on this machine needs them.
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    taken = DataDirInUse("another gateway runs on it", str(config.data_dir))
    with LockFile(config.data_dir / "lock", taken):
        store = StoreThread(await _open_store(config.data_dir / STORE_FILE))
        gateway = Gateway(config, clock, store, RpcLink(config.ledger.rpc))
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_one_line)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, gateway.stop)
        log.info("gateway %s, area %d, %s", config.name, config.area, config.data_dir)
        for bus in config.buses:
            found = forecast(bus, config.poll_s)
            log.log(logging.WARNING if found.advice else logging.INFO, "%s", found)
        await gateway.run()


def load_genesis(config: Config) -> Genesis:
    """The chain's genesis, held against what the configuration says of the chain."""
    genesis, ledger = Genesis.load(config.ledger.genesis), config.ledger
    for what, found, expected in (
        ("chain_id", genesis.chain_id, ledger.chain_id),
        ("operator_root", genesis.params.operator_root.hex(), ledger.operator_root.hex()),
    ):
        if found != expected:
            raise OtherGenesis(f"ledger.{what} is {expected}, there {found}", str(ledger.genesis))
    return genesis


async def _open_store(path: Path) -> Store:
    """Wait for what passes by itself; what doesn't is for a person."""
    told = False
    while True:
        try:
            return Store.open(path)
        except (StoreLocked, StoreFull) as error:
            if not told:
                log.warning("%s", error)
            told = True
            await asyncio.sleep(RETRY_WALL_S)


def _one_line(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """Frames that pymodbus can't decode surface in the event loop: one line each is enough."""
    log.debug("%s: %r", context.get("message"), context.get("exception"))
