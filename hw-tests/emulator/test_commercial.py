"""Commercial devices on an emulated bus, bound to a world: read and set with the gateway's bus."""

import asyncio

from gateway.attest.driver import make_driver
from gateway.collect.bus import Bus
from gateway.config import BusConfig, MeterConfig
from ledger.clock import Clock
from truewatt.emulator.commercial import bind
from truewatt.emulator.physics.assets import DailyChargeSpec
from truewatt.emulator.wires.bus import Rs485Bus
from truewatt.emulator.wires.tty import Tty
from wireformat import codes


class Battery:
    """As far as an inverter sees it."""

    def __init__(self):
        self.power_w, self.soc = 0.0, 0.5

    def set_w(self, watts, revert_s=None):
        self.power_w = 300.0 if watts is None else watts


class Vehicle:
    def __init__(self):
        self.limit_w = None

    @property
    def power_w(self):
        return min(DailyChargeSpec().power_w, self.limit_w or 0.0)


class Plant:
    """A meter, a charger and an inverter on one bus, and the world's second hand."""

    def __init__(self, folder, clock):
        self.battery, self.vehicle = Battery(), Vehicle()
        self.bus = Rs485Bus("plant", 115200, False, 1, clock)
        self.master = Tty(folder / "plant")
        self.bus.attach("master", self.master)

        def hz():
            return 49.98

        self.devices = [
            bind.make_meter("sdm630", 1, self.feeder, hz),
            bind.make_storage(
                21, clock.mono_ms, lambda: ([230.0], [self.battery.power_w]), hz, self.battery
            ),
            bind.make_charger("ev_charger", 31, clock.mono_ms, self.at_charger, hz, self.vehicle),
        ]
        servers = [device.server for device in self.devices]
        self.node, self.line = bind.on_bus(self.bus, folder / "plant.devices", servers)
        self.config = BusConfig("plant", str(folder / "plant"), 115200, "N", 1000, 0, ())

    def feeder(self):
        return [231.0, 229.0, 230.0], [4000.0, -1000.0, self.battery.power_w]

    def at_charger(self):
        return [230.0, 230.0, 230.0], [self.vehicle.power_w, 0.0, 0.0]

    def pass_time(self, seconds):
        for _ in range(seconds):
            for device in self.devices:
                device.step()

    def driver(self, bus, address, profile, **more):
        return make_driver(bus, MeterConfig(address, f"d{address}", profile, **more))

    def close(self):
        self.line.detach()
        self.line.line.close()
        self.bus.detach_all()
        self.node.close()
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
        assert abs(values["import_wh"] - 3300) <= 1
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
        # A second passes before a battery follows.
        assert values["power_w"] == -2000
        assert abs(values["export_wh"] - 2000) <= 2
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
