"""The electrical world of a run: the feeder that boards switch, and its twin that nobody does.

No I/O and no clock of its own: `step` advances one simulated second.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from truewatt.emulator.physics.assets import Asset, DailyCharge, DailyChargeSpec, WaterHeater
from truewatt.emulator.physics.feeder import Channel, Feeder, Home
from truewatt.emulator.physics.profiles import ProfileError, Profiles, load_profiles
from truewatt.emulator.physics.sources import (
    MeasuredHome,
    MinuteSource,
    ModelledHome,
    ModelledPv,
    WithModelledPv,
)
from truewatt.emulator.rig_config import (
    AssetSpec,
    HomeConfig,
    RelayConfig,
    RigConfig,
    RigConfigError,
    SensorConfig,
)
from truewatt.emulator.wires.atm90e32 import Atm90e32Chip, Balanced, ThreePhase
from truewatt.emulator.wires.pzem import PzemModule

_DAY_S = 86400
_DEFAULT_PV_KWP = 4.0


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
    """What one board measures and switches."""

    name: str
    home: Home | None
    channels: dict[str, Channel]
    modules: list[PzemModule]
    relays: list[Relay] = field(default_factory=list)
    chips: list[Atm90e32Chip] = field(default_factory=list)


class World:
    """The feeder, its uncontrolled twin, and each board's place in it.

    `unix_s`: simulated time that the world begins at.
    """

    def __init__(self, config: RigConfig, unix_s: int) -> None:
        self.config = config
        self.unix_s = unix_s
        profiles = self._profiles()
        self._local_offset_s = _local_start_s(config, profiles, unix_s) - unix_s
        self.feeder = self._build(profiles)
        self.twin = self._build(profiles)
        self.places = {name: self._place(name) for name in config.boards}

    @property
    def local_s(self) -> int:
        """Local time of the world, seconds since 1970 read as UTC."""
        return self.unix_s + self._local_offset_s

    def step(self) -> None:
        """Advance one second."""
        self.feeder.step(self.local_s)
        self.twin.step(self.local_s)
        for place in self.places.values():
            for module in place.modules:
                module.step()
            for chip in place.chips:
                chip.step()
        self.unix_s += 1

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
        chip = Atm90e32Chip(
            self._point(place.channels[sensor.measure]), path, sensor.cs, sensor.ratio
        )
        place.chips.append(chip)
        return chip

    def _point(self, channel: Channel) -> ThreePhase:
        return Balanced(channel, self.config.frequency_hz)

    def _switch(self, place: BoardPlace, relay: Relay, closed: bool) -> None:
        relay.closed = closed
        if place.home is None:
            self.feeder.sections[place.name].closed = closed
        else:
            place.home.closed[relay.config.asset] = closed

    def _profiles(self) -> Profiles | None:
        config = self.config
        if config.profiles is None:
            return None
        profiles = load_profiles(
            config.profiles,
            sites=len(config.homes),
            label=config.profile_label,
            slot_minutes=config.slot_minutes,
        )
        for home in config.homes:
            if home.site is not None and home.site not in profiles.sites:
                expected = f"a site of the profile file, for home {home.name}"
                raise ProfileError(config.profiles, 1, "site", f"no {home.site}", expected)
        return profiles

    def _build(self, profiles: Profiles | None) -> Feeder:
        config = self.config
        taken = {home.site for home in config.homes}
        free = iter([] if profiles is None else [s for s in profiles.sites if s not in taken])
        homes = [self._home(home, profiles, home.site or next(free, "")) for home in config.homes]
        return Feeder(homes, config.voltage_v, config.source_ohm)

    def _home(self, config: HomeConfig, profiles: Profiles | None, site: str) -> Home:
        source = _source(self.config.seed, config, profiles, site)
        assets = {name: self._asset(config, name, spec) for name, spec in config.assets.items()}
        return Home(config.name, config.section, config.line_ohm, source, assets)

    def _asset(self, home: HomeConfig, name: str, spec: AssetSpec) -> Asset:
        if isinstance(spec, DailyChargeSpec):
            return DailyCharge(spec, self.local_s)
        return WaterHeater(spec, Random(f"{self.config.seed}/{home.name}/{name}"))

    def _place(self, name: str) -> BoardPlace:
        config = self.config.boards[name]
        home = None if config.home is None else self.feeder.homes[config.home]
        channels = {s.measure: self._channel(name, home, s) for s in config.sensors}
        modules = [
            PzemModule(s.address, channels[s.measure], self.config.frequency_hz)
            for s in config.sensors
            if s.chip == "pzem004t"
        ]
        place = BoardPlace(name, home, channels, modules)
        for relay_config in config.relays:
            relay = Relay(relay_config, closed=True)
            place.relays.append(relay)
            # No board is on yet.
            self._switch(place, relay, relay.contact_for(None))
        return place

    def _channel(self, board: str, home: Home | None, sensor: SensorConfig) -> Channel:
        if home is None:
            return self.feeder.sections[board].net
        return {"load": home.load, "pv": home.pv, "net": home.net}[sensor.measure]


def _source(seed: int, home: HomeConfig, profiles: Profiles | None, site: str) -> MinuteSource:
    pv_kwp = _DEFAULT_PV_KWP if home.pv_kwp is None else home.pv_kwp
    if profiles is None:
        return ModelledHome(seed, home.name, pv_kwp)
    measured = MeasuredHome(profiles, profiles.sites[site], seed, home.pv_kwp)
    if profiles.has_pv:
        return measured
    return WithModelledPv(measured, ModelledPv(seed, home.name, pv_kwp))


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
