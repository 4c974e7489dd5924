"""Devices without a profile of registers, read once from the command line: SunSpec and P1.

async with opened("sunspec_meter", port, address) as device:
    readings = await device.read()
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Protocol

from gateway.attest.p1 import SPECIFICATIONS, P1Bus, P1Driver
from gateway.attest.sunspec_map import SunSpecMap
from gateway.attest.sunspec_meter import MODELS, SUNSPEC_METER, SunSpecMeter
from gateway.config import BusConfig, MeterConfig
from gateway.profiles import Readings
from gateway.profiles.link import READ_HOLDING, MeterLink, PortConfig
from gateway.profiles.profile import Serial

LINES = {SUNSPEC_METER: Serial(9600, "N", 1)}
LINES |= dict.fromkeys(SPECIFICATIONS, Serial(115_200, "N", 1))
"""Their names, in the place of a profile, and how their ports are usually set."""

_KIND = {701: "inverter", 101: "inverter", 103: "inverter"}


class Readable(Protocol):
    """A device that was found."""

    @property
    def title(self) -> str: ...

    async def read(self) -> Readings: ...


class _Line:
    """A `MeterLink` as a bus is asked."""

    def __init__(self, link: MeterLink) -> None:
        self._link = link
        self.name = link.config.port

    async def read(
        self, address: int, first: int, count: int, *, probe_s: float | None = None
    ) -> list[int]:
        return await self._link.read(READ_HOLDING, address, first, count)


class _House:
    def __init__(self, driver: P1Driver, name: str) -> None:
        self.title = f"smart meter on a P1 port ({name})"
        self._driver = driver

    async def read(self) -> Readings:
        return await self._driver.read()


@asynccontextmanager
async def opened(name: str, port: PortConfig, address: int) -> AsyncIterator[Readable]:
    """The device, found to be one of that kind. Raises `CollectError`s, `NeedsPackage`."""
    config = MeterConfig(address, name, name)
    if name == SUNSPEC_METER:
        async with MeterLink(port) as link:
            meter = SunSpecMeter(_Line(link), config)
            await meter.contact()
            yield meter
        return
    bus = P1Bus(BusConfig(name, port.port, port.baud, port.parity, port.timeout_ms, 0, ()))
    driver = P1Driver(bus, replace(config, address=1))
    await bus.open()
    try:
        await driver.contact()
        yield _House(driver, name)
    finally:
        bus.close()


async def sunspec_name(link: MeterLink, address: int) -> str:
    """What a SunSpec device says it is, and whether it is a meter. Raises `CollectError`s."""
    found = SunSpecMap(_Line(link), address)
    await found.scan()
    maker, model, _ = await found.common()
    kinds = {"meter" for number in MODELS if number in found.models}
    kinds |= {kind for number, kind in _KIND.items() if number in found.models}
    what = " and ".join(sorted(kinds)) or "device"
    return f"SunSpec {what}: {maker} {model}"
