"""What the live view shows, as plain values: no widget, no I/O, no clock.

Powers in W (import positive), energies in Wh, shares 0 to 1, prices in micro-units per kWh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NOMINAL_V, EN50160_LOW_V, EN50160_HIGH_V = 230.0, 207.0, 253.0
"""230 V +- 10 %: EN 50160 clause 4.2.2 wants 95 % of ten-minute means within."""

ALARM, ACTION, MOVE, NOTE = "alarm", "action", "move", "note"
"""What kind an event is: something is wrong; a person did it; a contact moved; good to know."""


@dataclass(frozen=True)
class Asset:
    """One load or store of a home. `on`: its contact, None if it has none. `soc`: 0 to 1."""

    kind: str
    on: bool | None = None
    power_w: float = 0.0
    soc: float | None = None
    temperature_c: float | None = None
    connected: bool = True
    remaining_wh: float | None = None
    unmet_wh: float = 0.0
    mode: int | None = None
    setpoint_w: float | None = None


@dataclass(frozen=True)
class Home:
    """A home as the physics has it. `bypass`: share of the load that flows around the meter."""

    name: str
    section: str
    meter: str
    phase: int = 0
    load_w: float = 0.0
    pv_w: float = 0.0
    net_w: float = 0.0
    voltage_v: float | None = None
    bypass: float = 0.0
    assets: Mapping[str, Asset] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """What an M-LMD stands before. `closed`: its breaker's contact."""

    name: str
    closed: bool
    power_w: float = 0.0
    phase_w: tuple[float, ...] = ()
    phase_a: tuple[float, ...] = ()
    voltage_v: tuple[float, ...] = ()


@dataclass(frozen=True)
class Feeder:
    """At the transformer: with control, and its twin on which nobody switches."""

    power_w: float
    twin_w: float
    losses_w: float | None = None
    voltage_v: tuple[float, ...] = ()
    energy_wh: float = 0.0
    twin_energy_wh: float = 0.0


@dataclass(frozen=True)
class World:
    """The emulated world at one simulated instant. `bus_cut`: by bus, whether its cable is cut."""

    t_ms: int
    local: str
    feeder: Feeder
    sections: Mapping[str, Section]
    homes: Mapping[str, Home]
    bus_cut: Mapping[str, bool] = field(default_factory=dict)
    frequency_hz: float | None = None

    def behind(self, section: str) -> list[Home]:
        """The homes of a section, in their order."""
        return [home for home in self.homes.values() if home.section == section]


@dataclass(frozen=True)
class Board:
    """A board as the gateway last saw it (`gateway.status`).

    `attested`: a commercial device, for which the gateway signs.
    """

    name: str
    device: str
    bus: str
    address: int
    state: str
    held: str = ""
    seen_ms: int = 0
    records: int = 0
    unacked: int = 0
    epoch: int = 0
    next_seq: int = 0
    clock_trusted: bool = False
    relays: int = 0
    counter: int = 0
    attested: bool = False


@dataclass(frozen=True)
class Gateway:
    """The gateway's word on itself. `lost`: records missing between those it holds."""

    time_ms: int
    boards: Mapping[str, Board]
    records: int = 0
    outbox: int = 0
    refusals: Mapping[str, int] = field(default_factory=dict)
    commands: Mapping[str, int] = field(default_factory=dict)
    notices: Mapping[str, str] = field(default_factory=dict)
    bus_failures: int = 0
    lost: int = 0
    limits_w: Mapping[str, int] = field(default_factory=dict)
    breakers: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def on_boards(self) -> int:
        """Records that boards hold and the gateway has not acked yet."""
        return sum(board.unacked for board in self.boards.values())

    @property
    def signing(self) -> list[Board]:
        """Those that sign for themselves: commercial devices are on the same buses."""
        return [board for board in self.boards.values() if not board.attested]

    @property
    def answering(self) -> int:
        """Boards that the gateway reads right now."""
        return sum(board.state == "ok" for board in self.signing)


@dataclass(frozen=True)
class Wish:
    """What the contract last asked of an asset (`ledger.contracts.objects.Asset`), and why."""

    closed: bool | None
    reason: str
    since_ms: int = 0


@dataclass(frozen=True)
class Ledger:
    """The chain's tip, the prices in force by energy type, and the contract's wishes."""

    height: int
    prices: Mapping[str, int]
    wishes: Mapping[tuple[str, int], Wish] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    """Addresses of M-LMDs whose section loses energy, to that of the likely meter (or empty)."""

    def why(self, device: str, asset: int) -> str:
        """The contract's reason for the state of an asset; empty if it has none."""
        wish = self.wishes.get((device, asset))
        return "" if wish is None else wish.reason


@dataclass(frozen=True)
class Event:
    """Something that happened, for the log."""

    t_ms: int
    kind: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command's life: when seen, delivered, ended; ms, None while it has not happened."""

    id: str
    action: str
    asset: int
    state: str
    reason: str
    seen_ms: int
    delivered_ms: int | None
    ended_ms: int | None


@dataclass(frozen=True)
class Snapshot:
    """All that is known at one instant. A part that is down is the last that it said.

    `silent_s`: by part (rig, gateway, ledger), how long it has not answered; real seconds.
    """

    world: World | None = None
    gateway: Gateway | None = None
    ledger: Ledger | None = None
    silent_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def limit_w(self) -> int | None:
        """What all sections together may draw, by the limits in force; None if unknown."""
        limits = self.gateway.limits_w if self.gateway else {}
        sections = self.world.sections if self.world else {}
        if not sections or not sections.keys() <= limits.keys():
            return None
        return sum(limits[name] for name in sections)

    def board_of(self, name: str) -> Board | None:
        """The board of a section or a home by the name of either."""
        if self.gateway is None:
            return None
        home = self.world.homes.get(name) if self.world else None
        return self.gateway.boards.get(home.meter if home else name)
