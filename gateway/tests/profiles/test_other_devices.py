"""The same walk over devices that are no table of registers: driver, emulated device, page."""

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.attest.devices import make_bus
from gateway.attest.driver import make_driver
from gateway.attest.p1 import SPECIFICATIONS
from gateway.attest.pages import OTHERS, other_page, relay_frames
from gateway.attest.reading import LINES
from gateway.attest.relay_board import RELAY_BOARD
from gateway.attest.sunspec import SUNSPEC_STORAGE
from gateway.attest.sunspec_meter import SUNSPEC_METER
from gateway.collect.bus import Bus
from gateway.config import BusConfig, MeterConfig
from gateway.profiles import find_profile, frames, load_all
from gateway.profiles.sample import sample
from gateway.tests.attest.test_p1 import Port, telegram
from gateway.tests.profiles.rigs import brisk, on_a_line
from truewatt.emulator.commercial import EmulatedActuator
from truewatt.emulator.commercial.meter import Measured
from truewatt.emulator.commercial.relay_board import EmulatedRelayBoard
from truewatt.emulator.commercial.storage import EmulatedStorage
from truewatt.emulator.commercial.sunspec_meter import EmulatedSunSpecMeter
from wireformat import codes

FRAMES = json.loads((Path(__file__).parent / "frames.json").read_text())
DOCS = Path(__file__).resolve().parents[3] / "docs" / "meters"
SEEN = Measured([230.4, 229.0, 231.1], [1200.0, -300.0, 50.0], 123_456.0, 7_890.0)
BY_NAME = {name: other for other in OTHERS for name in other.names}


def settings(name, path):
    return BusConfig(name, str(path), 115_200, "N", 2000, 0, (), (MeterConfig(1, name, name),))


class TappedBus(Bus):
    """Keeps what went over the wire, both ways, as it was there."""

    def __init__(self, config):
        super().__init__(config)
        self.wire = []

    def _trace(self, sending, data):
        if sending:
            self.wire.append([data.hex(), ""])
        else:
            self.wire[-1][1] = data.hex()
        return super()._trace(sending, data)


@asynccontextmanager
async def opened(bus, name):
    await bus.open()
    try:
        yield make_driver(bus, MeterConfig(1, name, name))
    finally:
        bus.close()


def sunspec_meter():
    meter = EmulatedSunSpecMeter(1)
    meter.measure(SEEN)
    return meter


MADE = {
    SUNSPEC_METER: sunspec_meter,
    SUNSPEC_STORAGE: lambda: EmulatedStorage(1, lambda: 0),
    RELAY_BOARD: lambda: EmulatedRelayBoard(1, lambda: 0),
}


async def over_modbus(name, folder):
    async with on_a_line(folder, MADE[name]()) as line:
        bus = TappedBus(settings(name, line.line.path))
        async with opened(bus, name) as driver:
            await driver.contact()
            return driver, await driver.read()


async def from_a_p1_port(name, folder):
    port = Port(SimpleNamespace(folder=folder))
    port.data = telegram()
    try:
        async with opened(make_bus(settings(name, folder / "tty")), name) as driver:
            await driver.contact()
            return driver, await driver.read()
    finally:
        port.close()


# DSMR 5's is the only example telegram at hand.
@pytest.mark.parametrize("name", [*MADE, "p1_v5"])
def test_what_its_page_says_is_what_its_driver_does(name, tmp_path):
    other = BY_NAME[name]
    read = over_modbus if name in MADE else from_a_p1_port
    driver, readings = asyncio.run(read(name, tmp_path))
    found = {*readings.values, *readings.unavailable}
    if name in MADE:
        assert found == set(other.measures)
    else:
        # The example is of a meter on one phase.
        assert {"import_wh", "export_wh", "power_w", "voltage_l1_dv"} <= found
        assert found <= set(other.measures)
    assert (driver.actions, driver.timeout_s) == (other.actions, other.timeout_s)
    assert driver.assets == other.assets


def test_a_relay_board_is_driven_by_the_pinned_frames(tmp_path):
    async def main():
        async with on_a_line(tmp_path, MADE[RELAY_BOARD]()) as line:
            bus = TappedBus(settings(RELAY_BOARD, line.line.path))
            async with opened(bus, RELAY_BOARD) as driver:
                await driver.contact()
                await driver.apply(codes.CLOSE, 0, 0)
                await driver.apply(codes.OPEN, 0, 0)
                return bus.wire

    assert asyncio.run(main()) == FRAMES[RELAY_BOARD]
    assert [[e.request.hex(), e.reply.hex()] for e in relay_frames()] == FRAMES[RELAY_BOARD]


WRITABLE = [profile.name for profile in load_all() if profile.writes]


@pytest.mark.parametrize("name", WRITABLE)
def test_a_writable_profile_is_set_to_its_default_by_the_pinned_frames(name, tmp_path):
    profile = brisk(name)
    device = EmulatedActuator(profile, 1, lambda: 0, sample(profile))

    async def main():
        async with on_a_line(tmp_path, device) as line:
            bus = TappedBus(settings(name, line.line.path))
            async with opened(bus, name) as driver:
                await driver.restore()
                return bus.wire

    pinned = FRAMES[f"{name} settings"]
    assert asyncio.run(main()) == pinned
    made = frames.settings(find_profile(name))
    assert [[each.request.hex(), each.reply.hex()] for each in made] == pinned


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: other.page)
def test_the_page_is_up_to_date(other):
    assert (DOCS / f"{other.page}.md").read_text() == other_page(other), (
        "run: truewatt gateway profiles --write-docs docs/meters"
    )


def test_every_device_that_can_be_configured_has_a_page():
    assert set(BY_NAME) == {*LINES, *SPECIFICATIONS, RELAY_BOARD, SUNSPEC_STORAGE}
    assert {name for name, other in BY_NAME.items() if other.readable} == set(LINES)
