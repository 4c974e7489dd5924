"""A board on a bus and on the air: whichever way dies, its command comes over the other, once."""

import asyncio
import contextlib

import pytest
from mqtt_bench import RadioSite

from gateway.carriers import Carriers
from gateway.collect.collector import Collector
from gateway.config import BusConfig, DeviceConfig
from gateway.enforce import Enforcer
from gateway.tests.mqtt.broker import RealBroker
from ledger.clock import Clock
from truewatt.emulator.wires.bus import Rs485Bus
from truewatt.emulator.wires.tty import Tty
from wireformat import codes, cose
from wireformat.chained import Outcome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PATIENCE_S = 45
GATEWAY = "gateway"
HEAP_KIB = 160
"""Two links at once: more than the 128 KiB that boards with one are held to."""

CODE_AT = 9
"""Of a frame's type in a FC16 to the inbox."""


class Drop:
    """The board's end of the bus: a PTY that the workbench made."""

    def __init__(self, line) -> None:
        self.fd, self._line = line.master, line

    def read(self) -> bytes:
        return self._line.read(0)

    def write(self, data: bytes) -> None:
        self._line.write(data)


class CutBus(Rs485Bus):
    """Its cable breaks when a command is on it: before the board has it, or just after."""

    breaks: str | None = None

    def _deliver(self, flight) -> None:
        data = flight.data
        is_command = (
            flight.node.name == GATEWAY and data[1] == 16 and data[CODE_AT] == codes.TICKETED
        )
        if is_command and self.breaks == "before":
            self.disturbance.cut = True
        super()._deliver(flight)
        if is_command and self.breaks == "after":
            self.disturbance.cut = True


class TwoWaySite(RadioSite):
    """A gateway that hears its board over a bus and over a broker."""

    def start(self) -> None:
        super().start()
        device = DeviceConfig(1, "m1", 0)
        config = BusConfig("bus0", str(self.folder / GATEWAY), 115200, "N", 500, 0, (device,))
        self.line = Collector(self.collector._tools, (config,))
        self._line_task = asyncio.create_task(self.line.run())

    @property
    def place(self):
        return self.line.workers[0].places[0]

    async def stop(self) -> None:
        self._line_task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._line_task
        await super().stop()

    def enforcer(self, ways) -> Enforcer:
        rest = (self.directory, self.notices, self.clock, 1, self.chain_id, b"")
        return Enforcer(None, None, self.thread, Carriers(ways), *rest)


def test_a_way_that_dies_in_the_middle_of_a_command_is_replaced_and_nothing_done_twice(
    tmp_path, meter
):
    async def scenario(site, bench, bus):
        for counter, breaks in enumerate(("before", "after"), 1):
            bus.breaks = breaks
            await carried(site, bench, counter, [site.line, site.collector])
            assert bus.disturbance.cut
            bus.breaks, bus.disturbance.cut = None, False
            seen_ms = site.place.seen.seen_ms
            await site.until(lambda was=seen_ms: site.place.seen.seen_ms > was, PATIENCE_S)
        publish = site.collector.boards._publish

        def dying(device, leaf, payload):
            publish(device, leaf, payload)
            site.broker.kill()

        site.collector.boards._publish = dying
        await carried(site, bench, 3, [site.collector, site.line])
        bench.board.kill()
        outcomes = [
            Outcome.from_payload(cose.split(data).payload)
            for code, data in bench.board.journal()
            if code == Outcome.CODE
        ]
        assert [(o.counter, o.status) for o in outcomes] == [(n, codes.DONE) for n in (1, 2, 3)]

    run(tmp_path, meter, scenario)


async def carried(site, bench, counter, ways):
    """The command is taken by the way that is left, and its outcome stored."""
    action = codes.OPEN if counter % 2 else codes.CLOSE
    order = bench.command(counter, action)
    site.store.commands.add(order, bench.order(counter, action), site.clock.unix_ms())
    hand = site.enforcer(ways)
    async with asyncio.timeout(PATIENCE_S):
        while any(one.state == "open" for one in site.store.commands.open()):
            await hand.deliver()
            await asyncio.sleep(0.1)
    await site.until(lambda: site.store.commands.counts() == {"done": counter}, PATIENCE_S)


def run(tmp_path, meter, scenario):
    broker = RealBroker(tmp_path / "broker")
    bus = {"address": 1, "baud": 115200, "uart": 1}
    bench = meter(broker.port, bus=bus, spec={"heap_kib": HEAP_KIB})

    async def whole():
        await asyncio.to_thread(broker.start)
        bus = CutBus("bus0", 115200, False, 1, Clock.system())
        line = Tty(tmp_path / GATEWAY)
        bus.attach(GATEWAY, line)
        bus.attach("m1", Drop(bench.bus))
        try:
            async with TwoWaySite(tmp_path, broker.port, speed=10) as site:
                site.broker = broker
                site.enrol(bench)
                bench.board.start()
                await site.until(lambda: ready(site, bench), PATIENCE_S)
                await scenario(site, bench, bus)
        finally:
            bus.detach_all()
            line.close()
            broker.kill()

    asyncio.run(whole())


def ready(site, bench):
    """Both ways know the board, and it knows the time and the control key."""
    board = site.collector.boards.known.get(bench.address)
    status = board and board.status
    here = site.place.seen.device == bench.address and site.collector.boards.is_here(bench.address)
    return here and status and status.clock_trusted and status.control_serial == 5
