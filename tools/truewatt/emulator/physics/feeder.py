"""A low-voltage feeder: sections of homes with breakers on a published network (`network`).

Each second homes say what they want at the voltage of the second before, and `sweep` finds the
voltages and currents of the second. So a heater's power lags its voltage by a second, and nothing
else does. What the transformer delivers is homes, faults and losses in the cables.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from truewatt.emulator.physics.channel import NOMINAL_V, Channel, ThreePhase
from truewatt.emulator.physics.home import Home
from truewatt.emulator.physics.network import Network, balanced, load_network
from truewatt.emulator.physics.sweep import Sweep
from truewatt.emulator.physics.tree import build_tree

_LOW_SHARE = 0.7


@dataclass
class Section:
    """A junction of the feeder with its breaker; measured upstream of the breaker.

    `fault_w`: a load downstream of the breaker, even over the phases, that no home has.
    """

    name: str
    homes: list[Home]
    closed: bool = True
    meter: ThreePhase = field(default_factory=ThreePhase)
    fault_w: float = 0.0
    node: int = 0
    fault_taps: tuple[int, ...] = ()

    @property
    def net(self) -> Channel:
        """The sum of its phases."""
        return self.meter.net


class Feeder:
    """All homes, with and without a section, behind one transformer.

    `voltage_v`: of the grid, phase to neutral, on the low-voltage side. `source_ohm` in place of
    the network's own grid and transformer. `metered` False leaves out all channels but the
    transformer's: half the work, for a twin that no board looks at.
    """

    def __init__(
        self,
        homes: Iterable[Home],
        voltage_v: float = NOMINAL_V,
        source_ohm: float | None = None,
        network: Network | None = None,
        metered: bool = True,
    ) -> None:
        self.network = load_network() if network is None else network
        self.homes = {home.name: home for home in homes}
        names = list(dict.fromkeys(h.section for h in self.homes.values() if h.section is not None))
        self.sections = {
            name: Section(name, [h for h in self.homes.values() if h.section == name])
            for name in names
        }
        self.transformer = ThreePhase()
        self.sun = 1.0
        self.frequency_hz = 50.0
        self.peak_w = self.losses_w = self.losses_wh = 0.0
        self.brownout_s = 0
        source_z = self.network.source_z if source_ohm is None else balanced(complex(source_ohm))
        tree = build_tree(self.network, names)
        self.sweep = Sweep(tree, source_z, voltage_v)
        self._low_v = _LOW_SHARE * voltage_v
        self._metered = metered
        self._taps: list[tuple[Home, Section | None]] = []
        self._connect(tree.sections)

    @property
    def total(self) -> Channel:
        """The sum over the transformer's phases."""
        return self.transformer.net

    def _connect(self, nodes: dict[str, int]) -> None:
        """Give each home its phase and its cable: by its place in the section, in turn."""
        loose = [home for home in self.homes.values() if home.section is None]
        self._connect_group(None, loose)
        for section in self.sections.values():
            section.node = nodes[section.name]
            self._connect_group(section, section.homes)

    def _connect_group(self, section: Section | None, homes: list[Home]) -> None:
        for number, home in enumerate(homes):
            home.phase = home.phase or number % 3 + 1
            if home.service_ohm is None:
                home.service_ohm = self.network.service(number)
            node = 0 if section is None else section.node
            tap = self.sweep.add_tap(node, home.phase, home.service_ohm)
            home.voltage_v = abs(self.sweep.tap_v[tap])
            self._taps.append((home, section))

    def set_frequency(self, hz: float) -> None:
        """The grid's frequency; every metering point sees it."""
        self.frequency_hz = hz
        points = [self.transformer, *(section.meter for section in self.sections.values())]
        channels = [channel for point in points for channel in point.channels()]
        channels += [channel for home in self.homes.values() for channel in home.channels()]
        for channel in channels:
            channel.frequency_hz = hz

    def set_fault(self, section: str, power_w: float) -> None:
        """Connect a load at a section that no home has; 0 takes it away. Raises KeyError."""
        found = self.sections[section]
        found.fault_w = power_w
        if not found.fault_taps:
            taps = [self.sweep.add_tap(found.node, phase, 0j) for phase in (1, 2, 3)]
            found.fault_taps = tuple(taps)

    def step(self, local_s: int) -> None:
        """Advance one second, beginning at `local_s`."""
        sun = self.sun
        demands = [
            home.demand(local_s, section is None or section.closed, sun)
            for home, section in self._taps
        ]
        wanted_w = sum(demands).real
        faults_w = self._add_faults(demands)
        self.sweep.solve(demands)
        fed_w = self._settle(wanted_w) + faults_w * self.sweep.served
        sweep = self.sweep
        self.transformer.step(sweep.node_v[:3], sweep.node_a[:3])
        self.losses_w = self.total.power_w - fed_w
        self.losses_wh += self.losses_w / 3600
        self.peak_w = max(self.peak_w, self.total.power_w)

    def _add_faults(self, demands: list[complex]) -> float:
        """Put the sections' faults at their taps, which come after the homes'; their sum in W."""
        demands += [0j] * (len(self.sweep.tap_v) - len(demands))
        total_w = 0.0
        for section in self.sections.values():
            if section.fault_w and section.closed:
                total_w += section.fault_w
                for tap in section.fault_taps:
                    demands[tap] = complex(section.fault_w / 3)
        return total_w

    def _settle(self, wanted_w: float) -> float:
        """Hand voltages to homes and values to channels; what the homes were fed in W."""
        sweep, low_v, metered = self.sweep, self._low_v, self._metered
        if sweep.served < 1:
            self.brownout_s += 1
        fed_w = wanted_w
        for (home, section), voltage in zip(self._taps, sweep.tap_v, strict=False):
            voltage_v = abs(voltage) if section is None or section.closed else 0.0
            home.voltage_v = voltage_v
            share = sweep.served
            if voltage_v < low_v and voltage_v > 0:
                share *= (voltage_v / low_v) ** 2
            if share < 1:
                fed_w -= home.wanted_w * (1 - share)
            if metered:
                home.settle(voltage_v, share)
        if metered:
            for each in self.sections.values():
                at = 3 * each.node
                each.meter.step(sweep.node_v[at : at + 3], sweep.node_a[at : at + 3])
        return fed_w
