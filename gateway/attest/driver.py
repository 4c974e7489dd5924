"""What a commercial device can do, and the driver of those that a profile describes.

Drivers speak over the bus that boards use too: reading waits its turn, writing goes first.
"""

from collections.abc import Mapping
from typing import Protocol

from gateway.attest.actuator import ProfileActuator
from gateway.attest.errors import CannotMeter, WrongMeter
from gateway.attest.p1 import P1Bus, P1Driver
from gateway.attest.relay_board import RELAY_BOARD, RelayBoard
from gateway.attest.sunspec import SUNSPEC_STORAGE, SunSpecStorage
from gateway.attest.sunspec_meter import SUNSPEC_METER, SunSpecMeter
from gateway.collect.bus import Bus
from gateway.collect.errors import ModbusRefused
from gateway.config import MeterConfig
from gateway.profiles import Profile, Readings, decode, find_profile, plan
from gateway.profiles.counter import CounterLimits
from gateway.profiles.profile import Register
from gateway.profiles.words import bits_from

Registers = Mapping[str, CounterLimits]
"""Which of `import_wh`, `export_wh` the device counts, and what each counter can do."""

_FLOAT_STEP_WH = 120
"""A float32 counter is coarsest where it is large: one step at 1 GWh, where few meters ever get."""


class Driver(Protocol):
    """One device at its address. All methods raise `CollectError`s.

    `actions`: those of `codes` that it can be commanded to. `timeout_s`: after this long without a
    word from the gateway it goes to its safe state by itself. `assets`: how many parts of it can be
    commanded, numbered from 0; `rests_closed`: whether they are switched on unless commanded.
    """

    max_power_w: int
    actions: frozenset[int]
    timeout_s: int
    assets: int
    rests_closed: bool

    @property
    def registers(self) -> Registers: ...

    async def contact(self, probe_s: float | None = None) -> None:
        """Make sure that the configured device answers; raises `WrongMeter` for another."""
        ...

    async def read(self) -> Readings:
        """What it measures now; positive power is drawn from the grid."""
        ...

    def fault(self, action: int, value: int, asset: int = 0) -> int:
        """Why the device can never be set to this (`codes.R_*`), or R_NONE."""
        ...

    async def apply(self, action: int, value: int, asset: int = 0) -> None:
        """Set it, ahead of all polling, and read it back; raises `NotFollowed`.

        Repeating it keeps the device from going to its safe state.
        """
        ...

    async def state(self, action: int, asset: int = 0) -> int:
        """Read back: W, or 0 and 1 for open and closed."""
        ...

    async def restore(self, asset: int | None = None) -> None:
        """Set it, or one asset, to what holds while nobody commands it and it is left alone."""
        ...


class ProfileDriver:
    """A device with a profile in `gateway/profiles/models`."""

    def __init__(self, bus: Bus, config: MeterConfig, profile: Profile) -> None:
        self._bus, self._config, self.profile = bus, config, profile
        self._actuator = ProfileActuator(bus, config, profile)
        self.actions = self._actuator.actions
        self.timeout_s = self._actuator.timeout_s
        self.assets, self.rests_closed = 1, True
        self._chosen = profile.chosen(config.unconfirmed)
        self._blocks = plan(profile, self._chosen)
        phases = config.phases or profile.phases
        whole_w = phases * profile.max_voltage_v * profile.max_current_a
        self.max_power_w = config.max_power_w or whole_w
        self._registers = self._counters()
        bus.pauses_s[config.address] = profile.pause_ms / 1000

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self._bus.name} address {self._config.address}"

    @property
    def registers(self) -> Registers:
        return self._registers

    async def contact(self, probe_s: float | None = None) -> None:
        """A model that names itself is asked; others are told by the way they answer."""
        identity = self.profile.identity
        if identity is None:
            return
        count = 2 if identity.type == "u32" else 1
        try:
            words = await self._bus.read(
                self._config.address,
                identity.address,
                count,
                probe_s=probe_s,
                function=identity.function,
            )
        except ModbusRefused as error:
            raise WrongMeter(f"no {self.profile.model}: {error.what}", self.where) from error
        found = bits_from(words, "high_first", "big")
        if found not in identity.values:
            raise WrongMeter(f"no {self.profile.model}: it names itself {found}", self.where)

    async def read(self) -> Readings:
        """Block reads as the profile's plan says."""
        words: dict[int, int] = {}
        for block in self._blocks:
            try:
                row = await self._bus.read(
                    self._config.address, block.first, block.count, function=self.profile.function
                )
            except ModbusRefused as error:
                raise WrongMeter(f"no {self.profile.model}: {error.what}", self.where) from error
            words.update(enumerate(row, block.first))
        return self._checked(decode(self.profile, words, self._chosen))

    def fault(self, action: int, value: int, asset: int = 0) -> int:
        return self._actuator.fault(action, value)

    async def apply(self, action: int, value: int, asset: int = 0) -> None:
        await self._actuator.apply(action, value)

    async def state(self, action: int, asset: int = 0) -> int:
        return await self._actuator.state(action)

    async def restore(self, asset: int | None = None) -> None:
        await self._actuator.restore()

    def _checked(self, readings: Readings) -> Readings:
        """Another model's words are noise under this profile: most of it can't be."""
        strange = readings.implausible
        if len(strange) > len(readings.values):
            name, value = sorted(strange.items())[0]
            raise WrongMeter(f"no {self.profile.model}: {name} would be {value}", self.where)
        total_wh = readings.values.get("total_wh")
        if total_wh is not None and "import_wh" not in readings.values and self._only_total:
            readings.values["import_wh"] = total_wh
        return readings

    def _counters(self) -> Registers:
        by_key = {register.key: register for register in self._chosen}
        self._only_total = "import_wh" not in by_key and "export_wh" not in by_key
        if self._only_total and "total_wh" in by_key:
            by_key["import_wh"] = by_key["total_wh"]
        names = [name for name in ("import_wh", "export_wh") if name in by_key]
        if not names:
            raise CannotMeter("no counter of energy in the profile", self.profile.name)
        return {name: self._limits(by_key[name]) for name in names}

    def _limits(self, register: Register) -> CounterLimits:
        """A fall by one step is no reset: a count that trembles would gain by it (ADR 72)."""
        is_float = register.type == "float32"
        return CounterLimits(
            max_power_w=self.max_power_w,
            wrap_wh=register.wrap,
            resolution_wh=_FLOAT_STEP_WH if is_float else register.step,
            rollback_wh=register.step if register.rollback is None else register.rollback,
        )


def make_driver(bus: Bus, config: MeterConfig) -> Driver:
    """The driver of a configured device; raises `ProfileError`s, `CannotMeter`, `NeedsPackage`."""
    if isinstance(bus, P1Bus):
        return P1Driver(bus, config)
    if config.profile == SUNSPEC_STORAGE:
        return SunSpecStorage(bus, config)
    if config.profile == RELAY_BOARD:
        return RelayBoard(bus, config)
    if config.profile == SUNSPEC_METER:
        return SunSpecMeter(bus, config)
    return ProfileDriver(bus, config, find_profile(config.profile))
