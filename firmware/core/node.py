"""What a meter and an M-LMD have in common: start, tasks, what a link may see of the board.

Start, in this order: relay pins driven (`core.restart`), key, the way to the safe state begun,
journal, new epoch persisted, boot event signed and chained, an interrupted command ended, tasks.
"""

import asyncio
import gc
import os
import sys
import time

from core import paths
from core.certificates import Certificates
from core.chain import Chain
from core.clock import Clock
from core.commands import Commands
from core.comms import CommsWatch
from core.errors import NotProvisioned
from core.events import EventQueue
from core.gate import Gate
from core.identity import Identity
from core.life import Life
from core.liveness import Liveness
from core.log import log
from core.relays import Relay
from core.restart import BROWN_OUT
from journal.journal import SEGMENT_BYTES, Journal
from links.inbox import Inbox
from metering.channel import ChannelMeter
from metering.poller import Poller
from metering.recorder import Recorder
from wireformat import codes, modbus_map

# Nothing that protects waits for a tick: limits are judged with each sample.
_TICK_MS = 1000
# Without switches or contacts to look at, a tick only ends what has expired.
_CALM_TICK_MS = 2000
# A collection walks the whole heap: at 4 KiB it took two thirds of a board's time.
_GC_THRESHOLD_BYTES = 16384
_RESTART_DELAY_MS = 1000
_STACK_DEPTH = 16


class Node:
    """One board at work; `kind` is the class of its interval record.

    Raises `NotProvisioned` without a key.
    """

    def __init__(self, board: object, config: object, kind: type) -> None:
        seed = board.store.blob("seed")
        if len(seed) != paths.SEED_BYTES:
            raise NotProvisioned("no key on this board", "NVS key seed", "provision it")
        self.config = config
        self.role = config.role
        self.board = board  # until the start is over
        self._browned_out = board.reset_cause == BROWN_OUT
        self.store = board.store
        self.clock = Clock(time)
        if config.drift:
            from core.drift import DriftClock

            self.clock = DriftClock(time, self.store)
        self.events = EventQueue()
        self.owner = Identity(seed, config.chain_id)
        self.relays = [
            Relay(pin, relay, self.clock) for pin, relay in zip(board.relay_pins, config.relays)
        ]
        watched = False
        for relay, sense in zip(self.relays, board.senses()):
            if sense is not None:
                relay.watch(sense)
                watched = True
        self._life = Life(self.relays, self.store, self.clock)
        self.assets: list = list(self.relays)
        if config.sg_ready is not None:
            self.assets = [_sg_ready(self.relays, config.sg_ready, self.clock)]
        self.inputs = None
        pins = board.inputs()
        if pins:
            from core.inputs import Inputs

            self.inputs = Inputs(pins, self)
        calm = self.role == codes.METER and not (watched or pins)
        self._tick_ms = _CALM_TICK_MS if calm else _TICK_MS
        self._make_chain()
        self._make_metering(kind)

    def _make_chain(self) -> None:
        limit_bytes = self.config.journal_kib * 1024
        # Segments go as a whole: a small journal in few of them would lose what is not yet acked.
        journal = Journal(paths.JOURNAL, limit_bytes, min(SEGMENT_BYTES, limit_bytes // 8))
        self.chain = Chain(self.owner, journal, self.clock, self.store)
        self.chain.flags = self.flags
        self.certificates = Certificates(
            self.config.operator_root, self.config.area, self.store, self.clock
        )
        self.gate = Gate(self.owner, self.certificates, self.chain, self.clock)
        self.comms = CommsWatch(self.config.comms_timeout_s * 1000, self.clock)
        self.commands = Commands(self.assets, self.chain, self.clock, self.store)
        self.gate.comms = self.comms
        self.gate.commands = self.commands
        self.gate.node = self
        self.update = 0

    def _make_metering(self, kind: type) -> None:
        metering = self.config.metering
        port = self.board.metering_port()
        driver = __import__("drivers." + metering.driver, None, None, ("make",))
        channels = []
        for channel in self.config.channels:
            sensor = driver.make(metering, channel, port, self.clock)
            meter = _net_channel() if sensor.direction else ChannelMeter
            channels.append(meter(channel.kind, sensor))
        self.poller = Poller(channels, metering.poll_ms, self.clock, self.store, self.events)
        self._kind = kind

    # ---- state that records and links show ---------------------------------------------------

    def flags(self) -> int:
        """Flag bits (wireformat.codes) of this moment."""
        bits = self.chain.gap_flag | (self.inputs.flags() if self.inputs else 0)
        if not self.clock.trusted():
            bits |= codes.CLOCK_UNTRUSTED
        if self.comms.lost or not self.comms.ever:
            bits |= codes.SAFE_STATE
        for relay, bit in zip(self.relays, codes.RELAY_CLOSED):
            if relay.closed():
                bits |= bit
        if self._browned_out:
            bits |= codes.BROWN_OUT
        for channel in self.poller.channels:
            if channel.faulty:
                bits |= codes.SENSOR_FAULT
        return bits

    def relay_mask(self) -> int:
        """Bit n set: relay n is closed."""
        mask = 0
        for index, relay in enumerate(self.relays):
            mask |= relay.closed() << index
        return mask

    def live_values(self) -> "list[tuple[int, float]]":
        """(SDM630 address, value) of what is measured now."""
        channels = self.poller.channels
        first = channels[0].last
        power_w = sum(channel.power_w() for channel in channels)
        registers = [channel.registers() for channel in channels]
        import_kwh = sum(pair[0] for pair in registers) / 1000
        export_kwh = sum(pair[1] for pair in registers) / 1000
        return [
            (modbus_map.LIVE_VOLTAGE, first.voltage_dv / 10 if first else 0),
            (modbus_map.LIVE_CURRENT, first.current_ma / 1000 if first else 0),
            (modbus_map.LIVE_POWER_L1, power_w),
            (modbus_map.LIVE_TOTAL_POWER, power_w),
            (modbus_map.LIVE_TOTAL_PF, first.power_factor_milli / 1000 if first else 0),
            (modbus_map.LIVE_FREQUENCY, first.frequency_mhz / 1000 if first else 0),
            (modbus_map.LIVE_IMPORT, import_kwh),
            (modbus_map.LIVE_EXPORT, export_kwh),
            (modbus_map.LIVE_TOTAL, import_kwh + export_kwh),
        ]

    # ---- run ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Start and work until something essential fails; that is raised."""
        gc.collect()
        gc.threshold(_GC_THRESHOLD_BYTES)
        watchdog = self.board.watchdog()
        self.liveness = Liveness(watchdog, self.clock, max(5000, self.config.wdt_ms))
        await self._start_up()
        recorder = Recorder(self._kind, self.poller, self.chain, self.clock, self.config)
        recorder.extra = self.record_extra
        links = self._links()
        # Firmware on trial, or the end of one that is still to be told (update/slots.py).
        if any(self.store.blob("slot")[2:5]):
            from update import trial

            links.append(trial.run(self, self._kind))
        self._shed()
        gc.collect()
        log("node", "%s runs, %d bytes free" % (self.config.name, gc.mem_free()))
        await asyncio.gather(
            self.poller.run(self.liveness),
            *links,
            recorder.run(self.liveness),
            self._keep_house(),
            self.events.run(self.chain),
        )

    def _shed(self) -> None:
        from core.shed import shed

        shed(self)

    def _links(self) -> list:
        """What each way to the gateway has to run; a way that is not used takes no heap."""
        runs = []
        if self.config.bus is not None:
            from links.bus import bus_link

            inbox = Inbox(self.gate, self.liveness, "inbox")
            runs += [bus_link(self, inbox).run(), inbox.run()]
        if self.config.mqtt is not None:
            from links.mqtt_link import MqttLink

            inbox = Inbox(self.gate, self.liveness, "mqtt inbox")
            station = self.board.station()
            runs += [MqttLink(self, inbox, station, self.config.mqtt).run(), inbox.run()]
        if self.config.tcp is not None:
            from links.modbus_tcp import ModbusTcpLink

            runs += ModbusTcpLink(self, self.board.station(), self.config.tcp).tasks()
        if self.config.ble is not None:
            from links.ble_link import ble_link

            inbox = Inbox(self.gate, self.liveness, "ble inbox")
            runs += [ble_link(self, inbox).run(), inbox.run()]
        if self.config.sntp is not None:
            from links.sntp import Sntp

            sntp = Sntp(self, self.board.station(), self.clock.not_before)
            runs.append(sntp.run())
        return runs

    async def _start_up(self) -> None:
        if self.inputs:
            await self.inputs.look()
        # Before anything that may fail: a board whose flash is broken still serves its loads.
        self._fall_back()
        self.chain.start()
        self.poller.restore(self.chain.newest(self._kind))
        log("node", "epoch %d, %d unacknowledged" % (self.chain.epoch, self.chain.journal.unacked))
        digest = self.config.calibration
        halves = [int.from_bytes(digest[at : at + 4], "big") for at in (0, 4)]
        await self.chain.event(codes.EV_BOOT, [self.board.reset_cause] + halves)
        await self.commands.finish_pending()

    def _fall_back(self) -> None:
        for relay in self.relays:
            relay.fall_back(self._restore_delay_ms())

    def _restore_delay_ms(self) -> int:
        least, most = self.config.restore_delay_s
        draw = int.from_bytes(os.urandom(2), "big")
        return least * 1000 + (most - least) * 1000 * draw // 0xFFFF

    def record_extra(self) -> dict:
        """Fields that only this role's interval record has."""
        return {}

    def protect(self) -> None:
        """Called every tick; roles that protect something override it."""

    async def _keep_house(self) -> None:
        while True:
            self.liveness.beat("house")
            self._watch_comms()
            if self.inputs:
                await self.inputs.look()
            for number, relay in enumerate(self.relays):
                relay.tick()
                if relay.welded():
                    self.events.report(codes.EV_RELAY_FAULT, [number])
            self._life.tick()
            self.protect()
            stalled = self.liveness.feed()
            if stalled:
                log("watchdog", "not fed, stalled: %s" % ", ".join(stalled))
            await asyncio.sleep_ms(self._tick_ms)

    # ---- inputs on site (core.inputs) --------------------------------------------------------

    def opt_out(self, on: bool) -> None:
        """Assets follow their local default; no order leads them away from it."""
        self.commands.opted_out = on
        if on:
            self._fall_back()
        self.events.report(codes.EV_OPT_OUT if on else codes.EV_OPT_IN)

    def lockout(self, on: bool) -> None:
        """All relays open, and stay open until a person says otherwise."""
        for relay in self.relays:
            relay.lock(on)
        if not on:
            self._fall_back()
        self.events.report(codes.EV_LOCKOUT, [1 if on else 0])

    def tamper(self, on: bool) -> None:
        """The case was opened, or closed."""
        self.events.report(codes.EV_TAMPER, [1 if on else 0])

    def _watch_comms(self) -> None:
        if not self.comms.changed():
            return
        if self.comms.lost:
            self._fall_back()
            self.events.report(codes.EV_SAFE_STATE, [self.relay_mask()])
        else:
            self.events.report(codes.EV_RECOVERED)


def _sg_ready(relays: list, config: object, clock: object) -> object:
    from core.sg_ready import SgReady

    return SgReady(relays, config, clock)


def _net_channel() -> type:
    from metering.net_channel import NetChannel

    return NetChannel


def _overwrite_stack(depth: int) -> None:
    """The collector takes any word on the C stack for a pointer: what loading modules left there
    would hold on to garbage for as long as the event loop stands above it.
    """
    if depth:
        _overwrite_stack(depth - 1)


def run(node: Node, reset: object) -> None:
    """Run `node`; a board that can't go on restarts rather than stand still."""
    try:
        _overwrite_stack(_STACK_DEPTH)
    except RuntimeError:
        pass  # as deep as it goes
    try:
        asyncio.run(node.run())
    except Exception as error:  # whatever it is, a meter must not stand still
        try:
            sys.print_exception(error)
            time.sleep_ms(_RESTART_DELAY_MS)
        except KeyboardInterrupt:
            return  # a person at the cable: else nobody gets at a board that can't start
        except Exception:
            pass
        reset()
