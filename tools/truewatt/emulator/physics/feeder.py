"""A low-voltage feeder: homes behind sections with breakers, voltages that follow the load.

A balanced single-phase equivalent. Each second the currents of the second before set the voltage
drops (source and service line, resistive); the gain of that lag is R*P/V^2, a few percent, so it
settles at once. Line losses lower the voltage but are not counted as energy: a section's power is
the sum of its homes.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from truewatt.emulator.physics.assets import NOMINAL_V, Asset
from truewatt.emulator.physics.sources import MinuteSource

# Household electronics and motors; heaters and chargers are taken as 1.
_BASE_POWER_FACTOR = 0.95
_BASE_VAR_PER_W = math.tan(math.acos(_BASE_POWER_FACTOR))


@dataclass
class Channel:
    """What one metering point sees. Powers signed: into the load positive. Energy exact, in Wh.

    `absolute_wh` is what a module without direction counts.
    """

    voltage_v: float = NOMINAL_V
    power_w: float = 0.0
    reactive_var: float = 0.0
    energy_wh: float = 0.0
    absolute_wh: float = 0.0

    def step(self, voltage_v: float, power_w: float, reactive_var: float) -> None:
        """Take the values of one second."""
        self.voltage_v = voltage_v
        self.power_w = power_w
        self.reactive_var = reactive_var
        self.energy_wh += power_w / 3600
        self.absolute_wh += abs(power_w) / 3600


@dataclass
class Home:
    """One home: its own load and PV, and assets each behind a relay (True: closed)."""

    name: str
    section: str | None
    line_ohm: float
    source: MinuteSource
    assets: dict[str, Asset]
    closed: dict[str, bool] = field(default_factory=dict)
    load: Channel = field(default_factory=Channel)
    pv: Channel = field(default_factory=Channel)
    net: Channel = field(default_factory=Channel)
    asset_w: dict[str, float] = field(default_factory=dict)
    _minute: int = -1
    _own_w: tuple[float, float] = (0.0, 0.0)

    def step(self, local_s: int, busbar_v: float) -> None:
        """Advance a second with `busbar_v` at the junction (0: dead)."""
        minute = local_s // 60
        if minute != self._minute:
            self._minute = minute
            self._own_w = self.source.minute(minute)
        live = busbar_v > 0
        voltage_v = self._terminal_voltage(busbar_v) if live else 0.0
        own_w, pv_w = self._own_w if live else (0.0, 0.0)
        load_w = own_w + self._step_assets(local_s, voltage_v)
        reactive_var = own_w * _BASE_VAR_PER_W
        self.load.step(voltage_v, load_w, reactive_var)
        self.pv.step(voltage_v, pv_w, 0.0)
        self.net.step(voltage_v, load_w - pv_w, reactive_var)

    def _terminal_voltage(self, busbar_v: float) -> float:
        last_v = self.net.voltage_v or NOMINAL_V
        return busbar_v - self.line_ohm * self.net.power_w / last_v

    def _step_assets(self, local_s: int, voltage_v: float) -> float:
        total_w = 0.0
        for name, asset in self.assets.items():
            supply_v = voltage_v if self.closed.get(name, True) else 0.0
            power_w = asset.step(local_s, supply_v)
            self.asset_w[name] = power_w
            total_w += power_w
        return total_w


@dataclass
class Section:
    """A junction of the feeder with its breaker; measured upstream of the breaker."""

    name: str
    homes: list[Home]
    closed: bool = True
    net: Channel = field(default_factory=Channel)


class Feeder:
    """All homes, with and without a section, behind one source."""

    def __init__(
        self, homes: Iterable[Home], voltage_v: float = NOMINAL_V, source_ohm: float = 0.05
    ) -> None:
        self.homes = {home.name: home for home in homes}
        names = sorted({home.section for home in self.homes.values() if home.section is not None})
        self.sections = {
            name: Section(name, [h for h in self.homes.values() if h.section == name])
            for name in names
        }
        self.total = Channel(voltage_v)
        self.peak_w = 0.0
        self._source_v = voltage_v
        self._source_ohm = source_ohm

    def step(self, local_s: int) -> None:
        """Advance one second, beginning at `local_s`."""
        total = self.total
        busbar_v = self._source_v - self._source_ohm * total.power_w / total.voltage_v
        for home in self.homes.values():
            section = self.sections[home.section] if home.section is not None else None
            home.step(local_s, busbar_v if section is None or section.closed else 0.0)
        for section in self.sections.values():
            power_w = sum(home.net.power_w for home in section.homes)
            section.net.step(busbar_v, power_w, sum(h.net.reactive_var for h in section.homes))
        total_w = sum(home.net.power_w for home in self.homes.values())
        total.step(busbar_v, total_w, sum(h.net.reactive_var for h in self.homes.values()))
        self.peak_w = max(self.peak_w, total_w)
