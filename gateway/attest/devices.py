"""All devices of a configuration that the gateway signs for."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.attest.driver import Driver, make_driver
from gateway.attest.keys import device_signer, enrolment
from gateway.attest.obey import Trust
from gateway.attest.p1 import P1Bus
from gateway.attest.place import MeterPlace
from gateway.collect.bus import Bus
from gateway.collect.tools import Tools
from gateway.config import BusConfig, Config, MeterConfig, is_p1


@dataclass(frozen=True)
class Joining:
    """A device that an installer can enrol: `enrolment` is signed with its own key."""

    config: MeterConfig
    bus: str
    address: bytes
    enrolment: bytes
    controllable: bool


def places(
    tools: Tools, data_dir: Path, trust: Trust, bus: Bus, config: BusConfig
) -> Iterator[MeterPlace]:
    """The devices of one bus, each with its key. Raises `ProfileError`, `KeyFileError`."""
    for meter in config.meters:
        signer = device_signer(data_dir, meter.name, trust.chain_id)
        where = f"{bus.name} address {meter.address}"
        yield MeterPlace(tools, meter, make_driver(bus, meter), signer, trust, where)


def make_bus(config: BusConfig) -> Bus:
    """A Modbus line, or a smart meter's P1 port, by what is on it."""
    return P1Bus(config) if is_p1(config) else Bus(config)


def drivers(config: Config) -> Iterator[tuple[BusConfig, MeterConfig, Driver]]:
    """A driver for each device, on ports that are not opened; raises what is wrong with one."""
    for bus in config.buses:
        for meter in bus.meters:
            yield bus, meter, make_driver(make_bus(bus), meter)


def joining(config: Config) -> list[Joining]:
    """What an installer needs of each device; makes the keys that are not there yet."""
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = []
    for bus, meter, driver in drivers(config):
        signer = device_signer(config.data_dir, meter.name, config.ledger.chain_id)
        controllable = bool(driver.actions) and meter.control
        signed = enrolment(signer, meter, driver.assets if controllable else 0)
        found.append(Joining(meter, bus.name, signer.address, signed, controllable))
    return found
