"""Commercial devices bound to the world of a run: what they measure in, what they set out.

    devices = DeviceBuses(world.devices.values(), clock.mono_ms)
    for each bus:                          devices.attach(bus, out / "tty")
    each second, before the world steps:   devices.set_out()

What is needed of the world is named here; `physics` has it.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from gateway.profiles import find_profile
from truewatt.emulator.commercial.charger import EmulatedActuator
from truewatt.emulator.commercial.line import MeterLine, PortTty, Server
from truewatt.emulator.commercial.meter import EmulatedMeter, Measured
from truewatt.emulator.wires.bus import Rs485Bus
from truewatt.emulator.wires.tty import Tty

STORAGE = "sunspec_storage"

NowMs = Callable[[], int]
"""The run's clock, monotonic: devices' own timers go by it."""


class Point(Protocol):
    """A metering point of one phase; positive power is drawn, and counts as import."""

    voltage_v: float
    power_w: float
    frequency_hz: float

    @property
    def import_wh(self) -> float: ...

    @property
    def export_wh(self) -> float: ...


class ThreePhasePoint(Protocol):
    """Three of them, and their sum."""

    @property
    def phases(self) -> Sequence[Point]: ...

    @property
    def net(self) -> Point: ...


class Battery(Protocol):
    """A battery whose inverter is told a power."""

    soc: float

    def set_w(self, watts: float | None, revert_s: int | None = None) -> None:
        """Charge (positive) or discharge; None: what it does on its own."""
        ...


class Vehicle(Protocol):
    """A vehicle that draws no more than `limit_w`; None: no limit."""

    limit_w: float | None


def at_phases(points: ThreePhasePoint) -> Measured:
    """What a device at three phases measures."""
    net, phases = points.net, points.phases
    return Measured(
        [phase.voltage_v for phase in phases],
        [phase.power_w for phase in phases],
        net.import_wh,
        net.export_wh,
        net.frequency_hz,
        [phase.import_wh for phase in phases],
        [phase.export_wh for phase in phases],
    )


def at_point(point: Point) -> Measured:
    """What a device at one phase measures."""
    return Measured(
        [point.voltage_v], [point.power_w], point.import_wh, point.export_wh, point.frequency_hz
    )


class Bound:
    """A device of the world: `server` answers on a bus, `set_out` lets the world follow it."""

    def __init__(self, server: Server, set_out: Callable[[], None] = lambda: None) -> None:
        self.server = server
        self.set_out = set_out


def meter(profile: str, address: int, points: ThreePhasePoint) -> Bound:
    """A meter that its profile makes, at three phases."""
    server = EmulatedMeter(find_profile(profile), address)
    server.watch(lambda: at_phases(points).values(server.profile))
    return Bound(server)


def charger(profile: str, address: int, now_ms: NowMs, point: Point, vehicle: Vehicle) -> Bound:
    """A charger on one phase, in front of a vehicle."""
    server = EmulatedActuator(find_profile(profile), address, now_ms, phases=1)
    server.watch(lambda: at_point(point).values(server.profile))

    def set_out() -> None:
        vehicle.limit_w = float(server.limit_w)

    return Bound(server, set_out)


def storage(
    address: int,
    now_ms: NowMs,
    point: Point,
    battery: Battery,
    rated_w: int = 5000,
    capacity_wh: int = 10_000,
    serial: str = "SIM0001",
) -> Bound:
    """A SunSpec inverter in front of a battery."""
    # Only who emulates one needs pysunspec2.
    from truewatt.emulator.commercial.storage import EmulatedStorage

    server = EmulatedStorage(address, now_ms, rated_w, capacity_wh, serial)
    server.watch(lambda: (at_point(point), battery.soc))

    def set_out() -> None:
        # The inverter's own timer decides when it lapses; each second says so again.
        battery.set_w(server.setpoint_w)

    return Bound(server, set_out)


def bound(place: Any, now_ms: NowMs) -> Bound:
    """The device of a world's place: `config` (name, bus, address, profile), and what it measures.

    That is `three_phase`, or `channel` with an `asset`.
    """
    config = place.config
    if place.asset is None:
        return meter(config.profile, config.address, place.three_phase)
    if config.profile == STORAGE:
        spec = place.asset.spec
        return storage(
            config.address,
            now_ms,
            place.channel,
            place.asset,
            round(spec.power_w),
            round(spec.capacity_wh),
            config.name,
        )
    return charger(config.profile, config.address, now_ms, place.channel, place.asset)


class DeviceBuses:
    """All devices of a world, each on the bus that its place names."""

    def __init__(self, places: Iterable[Any], now_ms: NowMs) -> None:
        self._bound = [(place.config.bus, bound(place, now_ms)) for place in places]
        self._lines: list[tuple[Tty, MeterLine, PortTty]] = []

    def attach(self, bus: Rs485Bus, folder: Path) -> None:
        """Put the bus's devices on it, behind one transceiver below `folder`.

        They hear requests only: a bus that boards share too would show them the boards' replies.
        """
        servers = [device.server for name, device in self._bound if name == bus.name]
        if not servers:
            return
        node = Tty(folder / f"{bus.name}.devices")
        bus.attach("devices", node)
        port = PortTty(node.path)
        line = MeterLine(port, servers)
        line.attach()
        self._lines.append((node, line, port))

    def set_out(self) -> None:
        """Let the world's batteries and vehicles follow; before it steps."""
        for _, device in self._bound:
            device.set_out()

    def close(self) -> None:
        """Take all devices off; the buses are detached already."""
        for node, line, port in self._lines:
            line.detach()
            port.close()
            node.close()
        self._lines.clear()
