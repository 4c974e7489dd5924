"""Commercial devices on an emulated bus, bound to a world: read and set with the gateway's bus."""

import asyncio
from collections import namedtuple
from dataclasses import dataclass

from gateway.attest.driver import make_driver
from gateway.collect.bus import Bus
from gateway.config import BusConfig, MeterConfig
from ledger.clock import Clock
from truewatt.emulator.commercial import bind
from truewatt.emulator.wires.bus import Rs485Bus
from truewatt.emulator.wires.tty import Tty
from wireformat import codes


@dataclass
class Point:
    """A metering point as the world has it."""

    voltage_v: float = 230.0
    power_w: float = 0.0
    frequency_hz: float = 49.98
    import_wh: float = 0.0
    export_wh: float = 0.0

    def step(self, power_w):
        self.power_w = power_w
        self.import_wh += max(power_w, 0.0) / 3600
        self.export_wh += max(-power_w, 0.0) / 3600


class ThreePhase:
    def __init__(self):
        self.phases = [Point(231.0), Point(229.0), Point(230.0)]
        self.net = Point()


BatterySpec = namedtuple("BatterySpec", "power_w capacity_wh")


class Battery:
    """As far as an inverter sees it."""

    spec = BatterySpec(5000, 10_000)

    def __init__(self):
        self.power_w, self.soc = 0.0, 0.5

    def set_w(self, watts, revert_s=None):
        self.power_w = 300.0 if watts is None else watts


class Vehicle:
    def __init__(self):
        self.limit_w = None


@dataclass
class Config:
    name: str
    address: int
    profile: str
    bus: str = "plant"


@dataclass
class Place:
    config: Config
    three_phase: ThreePhase | None = None
    channel: Point | None = None
    asset: Battery | Vehicle | None = None


class Plant:
    """A meter, an inverter and a charger on one bus, and the world's second hand."""

    def __init__(self, folder, clock):
        self.battery, self.vehicle, self.feeder = Battery(), Vehicle(), ThreePhase()
        self.at_battery, self.at_charger = Point(), Point()
        self.bus = Rs485Bus("plant", 115200, False, 1, clock)
        self.master = Tty(folder / "plant")
        self.bus.attach("master", self.master)
        places = [
            Place(Config("t1", 1, "sdm630"), self.feeder),
            Place(Config("b1", 21, "sunspec_storage"), None, self.at_battery, self.battery),
            Place(Config("c1", 31, "ev_charger"), None, self.at_charger, self.vehicle),
        ]
        self.devices = bind.DeviceBuses(places, clock.mono_ms)
        self.devices.attach(self.bus, folder)
        self.config = BusConfig("plant", str(folder / "plant"), 115200, "N", 1000, 0, ())

    def pass_time(self, seconds):
        for _ in range(seconds):
            self.devices.set_out()
            self.at_battery.step(self.battery.power_w)
            self.at_charger.step(min(3700.0, self.vehicle.limit_w))
            powers = [4000.0, -1000.0, self.battery.power_w]
            for phase, power_w in zip(self.feeder.phases, powers, strict=True):
                phase.step(power_w)
            self.feeder.net.step(sum(powers))

    def driver(self, bus, address, profile, **more):
        return make_driver(bus, MeterConfig(address, f"d{address}", profile, **more))

    def close(self):
        self.bus.detach_all()
        self.devices.close()
        self.master.close()


def test_what_the_world_does_is_read_and_what_is_set_the_world_does(tmp_path):
    async def scenario(plant):
        bus = Bus(plant.config)
        meter = plant.driver(bus, 1, "sdm630")
        storage = plant.driver(bus, 21, "sunspec_storage")
        charger = plant.driver(bus, 31, "ev_charger", phases=1)
        await bus.open()
        plant.pass_time(3600)
        values = (await meter.read()).values
        assert values["power_w"] == 3300
        assert (values["voltage_l2_dv"], values["power_l2_w"]) == (2290, -1000)
        assert (values["import_wh"], values["export_l2_wh"]) == (3300, 1000)
        await storage.contact()
        assert storage.max_power_w == 5000
        assert (await storage.read()).values["import_wh"] == 300
        await storage.apply(codes.DISCHARGE, 2000)
        await charger.apply(codes.SET_LIMIT, 2300)
        plant.pass_time(1800)
        assert plant.battery.power_w == -2000
        assert plant.vehicle.limit_w == 2300
        plant.pass_time(1800)
        values = (await storage.read()).values
        assert (values["power_w"], values["export_wh"]) == (-2000, 2000)
        assert (await charger.read()).values["power_w"] == 2300
        assert (await meter.read()).values["power_w"] == 1000
        await storage.restore()
        await charger.restore()
        plant.pass_time(1)
        assert plant.battery.power_w == 300
        assert plant.vehicle.limit_w == 3680
        bus.close()

    async def main():
        plant = Plant(tmp_path, Clock.from_env())
        try:
            await scenario(plant)
        finally:
            plant.close()

    asyncio.run(main())
