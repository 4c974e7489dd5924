"""The electrical world of a run: the feeder that boards switch, and its twin that nobody does.

No I/O and no clock of its own: `step` advances one simulated second.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from truewatt.emulator.physics.ambient import Ambient
from truewatt.emulator.physics.assets import Asset
from truewatt.emulator.physics.battery import Battery, BatterySpec
from truewatt.emulator.physics.channel import Channel, ThreePhase
from truewatt.emulator.physics.cooling import Cooling, CoolingSpec
from truewatt.emulator.physics.feeder import Feeder
from truewatt.emulator.physics.heat_pump import HeatPump, HeatPumpSpec
from truewatt.emulator.physics.home import Home
from truewatt.emulator.physics.network import load_network
from truewatt.emulator.physics.profiles import Profiles
from truewatt.emulator.physics.vehicle import DailyCharge, DailyChargeSpec, Vehicle, VehicleSpec
from truewatt.emulator.physics.water_heater import WaterHeater
from truewatt.emulator.rig_assets import AssetSpec
from truewatt.emulator.rig_config import (
    TRANSFORMER,
    DeviceConfig,
    HomeConfig,
    RelayConfig,
    RigConfig,
    RigConfigError,
    SensorConfig,
)
from truewatt.emulator.sites import Sites
from truewatt.emulator.wires.atm90e32 import Atm90e32Chip, Balanced
from truewatt.emulator.wires.pzem import PzemModule

_DAY_S = 86400


@dataclass
class Relay:
    """A relay and its contact."""

    config: RelayConfig
    closed: bool

    def contact_for(self, level: int | None) -> bool:
        """Where the contact goes when the pin is at `level`; None: not driven."""
        if level is None:
            rest = self.config.rest
            return self.closed if rest == "hold" else rest == "closed"
        return bool(level) == self.config.active_high


@dataclass
class BoardPlace:
    """What one board measures and switches.

    `channels`: by what they measure. `three_phase`: an M-LMD's section, for chips that
    see phases.
    """

    name: str
    home: Home | None
    channels: dict[str, Channel]
    modules: list[PzemModule]
    three_phase: ThreePhase | None = None
    relays: list[Relay] = field(default_factory=list)
    chips: list[Atm90e32Chip] = field(default_factory=list)


@dataclass
class DevicePlace:
    """What one commercial device measures, and what it steers.

    A meter has `three_phase`. An actuator has its `home`, its `asset` (a Battery: `set_w`,
    `setpoint_w`, `power_w`, `soc`; a Vehicle: `limit_w`, `offered_w`, `connected`, `soc`) and its
    circuit's `channel` (voltage, power, energies).
    """

    config: DeviceConfig
    three_phase: ThreePhase | None = None
    home: Home | None = None
    asset: Battery | Vehicle | None = None
    channel: Channel | None = None


class World:
    """The feeder, its uncontrolled twin, and each board's place in it.

    `unix_s`: simulated time that the world begins at.
    """

    def __init__(self, config: RigConfig, unix_s: int) -> None:
        self.config = config
        self.unix_s = self._start_s = unix_s
        self.sites = Sites(config)
        self._local_offset_s = _local_start_s(config, self.sites.profiles, unix_s) - unix_s
        self._ambient = Ambient(config.ambient, config.seed)
        self._schedule = sorted(config.frequency_schedule, reverse=True)
        self.feeder = self._build(metered=True)
        self.twin = self._build(metered=False)
        self.places = {name: self._place(name) for name in config.boards}
        self.devices = {device.name: self._device(device) for device in config.devices}
        self.set_frequency(config.frequency_hz)

    @property
    def local_s(self) -> int:
        """Local time of the world, seconds since 1970 read as UTC."""
        return self.unix_s + self._local_offset_s

    @property
    def ambient_c(self) -> float:
        """Temperature outside."""
        return self._ambient.temperature_c(self.local_s)

    def step(self) -> None:
        """Advance one second."""
        while self._schedule and self.unix_s - self._start_s >= self._schedule[-1][0]:
            self.set_frequency(self._schedule.pop()[1])
        self.feeder.step(self.local_s)
        self.twin.step(self.local_s)
        for place in self.places.values():
            for module in place.modules:
                module.step()
            for chip in place.chips:
                chip.step()
        self.unix_s += 1

    def set_frequency(self, hz: float) -> None:
        """The grid's frequency, until the schedule changes it."""
        self.feeder.set_frequency(hz)

    def set_sun(self, scale: float) -> None:
        """Clouds over everybody, the twin too: the share of the generation that is left."""
        self.feeder.sun = self.twin.sun = scale

    def set_home_fault(self, home: str, power_w: float) -> None:
        """A load too many in a home, in the twin too; 0 clears it. Raises KeyError."""
        for feeder in (self.feeder, self.twin):
            feeder.homes[home].fault_w = power_w

    def set_section_fault(self, section: str, power_w: float) -> None:
        """A load too many behind a section's breaker, in the twin too. Raises KeyError."""
        for feeder in (self.feeder, self.twin):
            feeder.set_fault(section, power_w)

    def set_bypass(self, home: str, share: float) -> None:
        """Theft: lead a share of a home's load around its meter. Raises KeyError."""
        self.feeder.homes[home].bypass = share

    def drive_pin(self, board: str, pin: int, level: int | None) -> Relay | None:
        """Apply a pin's level (None: floating); the relay if its contact moved."""
        place = self.places[board]
        for relay in place.relays:
            if relay.config.pin == pin:
                closed = relay.contact_for(level)
                if closed != relay.closed:
                    self._switch(place, relay, closed)
                    return relay
        return None

    def chip_for(self, board: str, sensor: SensorConfig, path: Path) -> Atm90e32Chip:
        """Put a three-phase chip, whose registers are the file `path`, at a board's place."""
        place = self.places[board]
        point = place.three_phase or Balanced(place.channels[sensor.measure])
        chip = Atm90e32Chip(point, path, sensor.cs, sensor.ratio)
        place.chips.append(chip)
        return chip

    def _switch(self, place: BoardPlace, relay: Relay, closed: bool) -> None:
        relay.closed = closed
        if place.home is None:
            self.feeder.sections[place.name].closed = closed
        else:
            place.home.switch(relay.config.asset, closed)

    def _build(self, metered: bool) -> Feeder:
        config = self.config
        homes = [self._home(home) for home in config.homes]
        network = load_network(config.network)
        return Feeder(homes, config.voltage_v, config.source_ohm, network, metered)

    def _home(self, config: HomeConfig) -> Home:
        assets = {name: self._asset(config, name, spec) for name, spec in config.assets.items()}
        own = [d.asset for d in self.config.devices if d.at == config.name and d.asset is not None]
        return Home(
            config.name,
            config.section,
            None if config.line_ohm is None else complex(config.line_ohm),
            self.sites.source(config),
            assets,
            config.phase,
            circuits={name: Channel() for name in own},
        )

    def _asset(self, home: HomeConfig, name: str, spec: AssetSpec) -> Asset:
        random = Random(f"{self.config.seed}/{home.name}/{name}")
        if isinstance(spec, VehicleSpec):
            return Vehicle(spec, self.local_s)
        if isinstance(spec, DailyChargeSpec):
            return DailyCharge(spec, self.local_s)
        if isinstance(spec, BatterySpec):
            return Battery(spec)
        if isinstance(spec, HeatPumpSpec):
            return HeatPump(spec, self._ambient, random)
        if isinstance(spec, CoolingSpec):
            return Cooling(spec, self._ambient, random)
        return WaterHeater(spec, random)

    def _place(self, name: str) -> BoardPlace:
        config = self.config.boards[name]
        home = None if config.home is None else self.feeder.homes[config.home]
        channels = {s.measure: self._channel(name, home, s) for s in config.sensors}
        modules = [
            PzemModule(s.address, channels[s.measure])
            for s in config.sensors
            if s.chip == "pzem004t"
        ]
        three_phase = self.feeder.sections[name].meter if home is None else None
        place = BoardPlace(name, home, channels, modules, three_phase)
        for relay_config in config.relays:
            relay = Relay(relay_config, closed=True)
            place.relays.append(relay)
            # No board is on yet.
            self._switch(place, relay, relay.contact_for(None))
        return place

    def _device(self, config: DeviceConfig) -> DevicePlace:
        if config.at == TRANSFORMER:
            return DevicePlace(config, self.feeder.transformer)
        if config.at in self.feeder.sections:
            return DevicePlace(config, self.feeder.sections[config.at].meter)
        home = self.feeder.homes[config.at]
        asset = home.assets[config.asset or ""]
        assert isinstance(asset, Battery | Vehicle)
        return DevicePlace(config, None, home, asset, home.circuits[config.asset or ""])

    def _channel(self, board: str, home: Home | None, sensor: SensorConfig) -> Channel:
        if home is None:
            return self.feeder.sections[board].net
        return {"load": home.load, "pv": home.pv, "net": home.net}[sensor.measure]

    def summary(self) -> dict[str, Any]:
        """What this world is made of, for reports."""
        config, feeder = self.config, self.feeder
        return {
            "seed": config.seed,
            "network": feeder.network.name,
            "sections": {
                name: feeder.network.connection(number)
                for number, name in enumerate(feeder.sections)
            },
            "phases": {name: home.phase for name, home in feeder.homes.items()},
            "profiles": self.sites.summary(),
        }


def _local_start_s(config: RigConfig, profiles: Profiles | None, unix_s: int) -> int:
    """Local time that the run begins at: the profile's first day, at the time of day wanted."""
    text = config.start_local
    earliest_s = unix_s - unix_s % _DAY_S if profiles is None else profiles.start_s
    of_day_s = unix_s % _DAY_S
    if text is not None:
        try:
            if len(text) > len("HH:MM"):
                return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
            clock = datetime.strptime(text, "%H:%M")
        except ValueError as error:
            expected = "YYYY-MM-DDTHH:MM or HH:MM"
            raise RigConfigError("start_local", expected, text) from error
        of_day_s = clock.hour * 3600 + clock.minute * 60
    return earliest_s + (of_day_s - earliest_s) % _DAY_S
