"""Commercial devices bound to the world of a run: what they measure in, what they set out.

    line = on_bus(bus, Path("tty/plant.devices"), [device.server for device in devices])
    each second:  for device in devices: device.step()

`Terminals` is what the world shows of a device's connection, phase by phase. A battery and a
vehicle need no more than is named here; `physics` has them.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from gateway.profiles import find_profile
from truewatt.emulator.commercial.charger import EmulatedActuator
from truewatt.emulator.commercial.line import MeterLine, PortTty, Server
from truewatt.emulator.commercial.meter import EmulatedMeter, Measured
from truewatt.emulator.commercial.storage import EmulatedStorage
from truewatt.emulator.wires.bus import Rs485Bus
from truewatt.emulator.wires.tty import Tty

Terminals = Callable[[], tuple[list[float], list[float]]]
"""V and W of each phase, now; positive power is drawn."""

NowMs = Callable[[], int]


class Battery(Protocol):
    """A battery whose inverter is told a power."""

    power_w: float
    soc: float

    def set_w(self, watts: float | None, revert_s: int | None = None) -> None:
        """Charge (positive) or discharge; None: what it does on its own."""
        ...


class Vehicle(Protocol):
    """A vehicle that draws no more than `limit_w`; None: no limit."""

    limit_w: float | None


class BoundDevice:
    """A device of the world. `server` answers on a bus; `step` passes a second."""

    def __init__(self, server: Server, terminals: Terminals, hz: Callable[[], float]) -> None:
        self.server = server
        self.measured = Measured([230.0], [0.0])
        self._terminals, self._hz = terminals, hz

    def step(self, seconds: float = 1.0) -> None:
        """Measure anew, and count."""
        volts, watts = self._terminals()
        energy_wh = sum(watts) * seconds / 3600
        before = self.measured
        self.measured = Measured(
            volts,
            watts,
            before.import_wh + max(energy_wh, 0.0),
            before.export_wh + max(-energy_wh, 0.0),
            self._hz(),
        )
        self._set_out()

    def _set_out(self) -> None:
        """Let the world do what the device was told."""


class BoundMeter(BoundDevice):
    """A meter that its profile makes, an SDM630 at the transformer for one."""

    def __init__(
        self, server: EmulatedMeter, terminals: Terminals, hz: Callable[[], float]
    ) -> None:
        super().__init__(server, terminals, hz)
        server.watch(lambda: self.measured.values(server.profile))


class BoundCharger(BoundMeter):
    """A charger in front of a vehicle."""

    def __init__(
        self,
        server: EmulatedActuator,
        terminals: Terminals,
        hz: Callable[[], float],
        vehicle: Vehicle,
    ) -> None:
        super().__init__(server, terminals, hz)
        self._vehicle, self._charger = vehicle, server

    def _set_out(self) -> None:
        self._vehicle.limit_w = float(self._charger.limit_w)


class BoundStorage(BoundDevice):
    """An inverter in front of a battery."""

    def __init__(
        self,
        server: EmulatedStorage,
        terminals: Terminals,
        hz: Callable[[], float],
        battery: Battery,
    ) -> None:
        super().__init__(server, terminals, hz)
        self._battery, self._inverter = battery, server
        server.watch(lambda: (self.measured, battery.soc))

    def _set_out(self) -> None:
        # The inverter's own timer decides when it lapses; each second says so again.
        self._battery.set_w(self._inverter.setpoint_w)


def make_meter(
    profile: str, address: int, terminals: Terminals, hz: Callable[[], float]
) -> BoundMeter:
    """A meter of that profile."""
    return BoundMeter(EmulatedMeter(find_profile(profile), address), terminals, hz)


def make_charger(
    profile: str,
    address: int,
    now_ms: NowMs,
    terminals: Terminals,
    hz: Callable[[], float],
    vehicle: Vehicle,
    phases: int = 1,
) -> BoundCharger:
    """A charger of that profile, wired on so many phases."""
    server = EmulatedActuator(find_profile(profile), address, now_ms, phases=phases)
    return BoundCharger(server, terminals, hz, vehicle)


def make_storage(
    address: int,
    now_ms: NowMs,
    terminals: Terminals,
    hz: Callable[[], float],
    battery: Battery,
    rated_w: int = 5000,
    capacity_wh: int = 10_000,
    serial: str = "SIM0001",
) -> BoundStorage:
    """A SunSpec inverter."""
    server = EmulatedStorage(address, now_ms, rated_w, capacity_wh, serial)
    return BoundStorage(server, terminals, hz, battery)


def on_bus(bus: Rs485Bus, path: Path, servers: Sequence[Server]) -> tuple[Tty, MeterLine]:
    """Put devices on an emulated bus, behind one transceiver at `path`; the caller closes both.

    They hear requests only: a bus that boards share too would show them the boards' replies.
    """
    node = Tty(path)
    bus.attach("devices", node)
    line = MeterLine(PortTty(path), servers)
    line.attach()
    return node, line
