"""One home: what it draws and generates, what its meter sees of that, and its service cable."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from truewatt.emulator.physics.assets import Asset
from truewatt.emulator.physics.battery import Battery
from truewatt.emulator.physics.channel import Channel
from truewatt.emulator.physics.heat_pump import HeatPump
from truewatt.emulator.physics.sources import MinuteSource

# Household electronics and motors; heaters and chargers are taken as 1.
_BASE_POWER_FACTOR = 0.95
_BASE_VAR_PER_W = math.tan(math.acos(_BASE_POWER_FACTOR))
SG_CONTACTS = ("sg1", "sg2")


@dataclass
class Home:
    """Its own load and PV, and assets each behind a relay (True: closed) or with a device.

    `load` and `pv` are what a meter at those circuits sees; `net` all that crosses the service
    cable past the meter. An asset in `circuits` has a circuit and a channel of its own: a
    device with a meter in it measures it, the home's `load` does not. `bypass`: the share of the
    load that flows around the meter. `fault_w`: a load too many, behind the meter.
    `phase` 0, `service_ohm` None: by the feeder's rule.
    """

    name: str
    section: str | None
    service_ohm: complex | None
    source: MinuteSource
    assets: dict[str, Asset]
    phase: int = 0
    circuits: dict[str, Channel] = field(default_factory=dict)
    closed: dict[str, bool] = field(default_factory=dict)
    load: Channel = field(default_factory=Channel)
    pv: Channel = field(default_factory=Channel)
    net: Channel = field(default_factory=Channel)
    asset_w: dict[str, float] = field(default_factory=dict)
    bypass: float = 0.0
    bypassed_wh: float = 0.0
    fault_w: float = 0.0
    voltage_v: float = 0.0
    load_w: float = 0.0
    pv_w: float = 0.0
    wanted_w: float = 0.0
    _minute: int = -1
    _own_w: tuple[float, float] = (0.0, 0.0)
    _reactive_var: float = 0.0

    def __post_init__(self) -> None:
        # Batteries decide by what all others leave over.
        batteries = {n: a for n, a in self.assets.items() if isinstance(a, Battery)}
        self.assets = {n: a for n, a in self.assets.items() if n not in batteries} | batteries

    def switch(self, asset: str, closed: bool) -> None:
        """A relay's contact moved."""
        self.closed[asset] = closed
        if asset in SG_CONTACTS:
            signals = [self.closed.get(contact, False) for contact in SG_CONTACTS]
            for one in self.assets.values():
                if isinstance(one, HeatPump):
                    one.signal(*signals)

    def demand(self, local_s: int, live: bool, sun: float) -> complex:
        """Advance a second; the complex power in VA that it wants. `sun`: share that is left."""
        minute = local_s // 60
        if minute != self._minute:
            self._minute = minute
            self._own_w = self.source.minute(minute)
        if not live:
            self.load_w = self.pv_w = self.wanted_w = self._reactive_var = self.voltage_v = 0.0
            for name, asset in self.assets.items():
                self.asset_w[name] = asset.step(local_s, 0.0)
            return 0j
        own_w, pv_w = self._own_w
        self.pv_w = pv_w * sun
        self._reactive_var = own_w * _BASE_VAR_PER_W
        self.load_w = own_w + self.fault_w
        circuits_w = self._step_assets(local_s)
        self.wanted_w = self.load_w + circuits_w - self.pv_w
        return complex(self.wanted_w, self._reactive_var)

    def _step_assets(self, local_s: int) -> float:
        """Add the assets' powers to the load; the sum of those with a circuit of their own."""
        circuits_w = 0.0
        for name, asset in self.assets.items():
            if isinstance(asset, Battery):
                asset.surplus_w = self.pv_w - self.load_w - circuits_w
            power_w = asset.step(local_s, self.voltage_v if self.closed.get(name, True) else 0.0)
            self.asset_w[name] = power_w
            if name in self.circuits:
                circuits_w += power_w
            else:
                self.load_w += power_w
        return circuits_w

    def settle(self, voltage_v: float, share: float) -> None:
        """Take the second into the meters' channels. `share` of what it wanted was fed."""
        metered = share * (1 - self.bypass)
        load_w, var, pv_w = self.load_w * metered, self._reactive_var * metered, self.pv_w * share
        net_w = load_w - pv_w
        for name, channel in self.circuits.items():
            circuit_w = self.asset_w.get(name, 0.0) * share
            net_w += circuit_w
            channel.step(voltage_v, circuit_w, 0.0)
        self.load.step(voltage_v, load_w, var)
        self.pv.step(voltage_v, pv_w, 0.0)
        self.net.step(voltage_v, net_w, var)
        if self.bypass:
            self.bypassed_wh += self.load_w * share * self.bypass / 3600

    @property
    def battery_w(self) -> float:
        """What its batteries draw, negative when they give."""
        return sum(
            self.asset_w.get(n, 0.0) for n, a in self.assets.items() if isinstance(a, Battery)
        )

    def channels(self) -> tuple[Channel, ...]:
        """Every channel that it has."""
        return (self.load, self.pv, self.net, *self.circuits.values())
