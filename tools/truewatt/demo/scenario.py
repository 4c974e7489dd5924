"""What the demo builds, as data: M-LMDs, homes with a meter each, what is behind their relays.

One place decides names, addresses, pins and sizes; `site` turns them into the files that the
rig, the boards, the gateway and the ledger read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from random import Random

from ledger.contracts.params import Area, ChainParams, EnergyPrice, Limits
from wireformat import codes

AREA = 1
CHAIN_ID = "truewatt-demo"

WATER_HEATER, EV = 0, 1
ASSETS = ("water_heater", "ev")
RELAY_PINS = (26, 27)
UTC_DAY_S = 86_400

FIRST_METER = 11
"""Bus address of a section's first meter; its M-LMD is at 1."""
MAX_METERS_PER_MLMD = 100
MAX_MLMDS = 30

METER_POLL_MS, MLMD_POLL_MS = 5_000, 2_000
"""A meter's registers are read once a minute: a dozen samples of each. An M-LMD protects."""
GATEWAY_POLL_S = 20
"""A third of the boards' minute; commands and what they bring don't wait for it."""

SECTION_CS = 5
CHIP_MOST_A = 65
"""A section's ATM90E32: its chip select pin, and where its current registers end."""

OVERLOAD_DELAY_MS = 900_000
"""The overload limit stands for a warming cable: the contract has this long to shed before the
breaker would. The fixed limit acts within a second."""

FIXED_LIMIT_W_PER_HOME, LEAST_FIXED_LIMIT_W, MOST_FIXED_LIMIT_W = 7_000, 40_000, 250_000
"""The breaker's size: what homes draw together with every load on, 3 x 100 A for ten of them; at
least 3 x 63 A, and at most what the ledger believes of a section."""
OVERLOAD_PERCENT = 75
"""What the cable bears for longer than `OVERLOAD_DELAY_MS`, of the fixed limit."""
EVENING_LIMIT_W_PER_HOME = 3_000
"""What the operator grants each home of a section this evening."""

ORIGIN_MS = 1_782_864_000_000
"""Simulated time that every run begins at, less the time of day: 2026-07-01T00:00:00Z."""


@dataclass(frozen=True)
class HomePlan:
    """One home: its place, its assets' powers, the price its owner accepts, when the car must be
    full. `address` is the meter's on the bus of its section."""

    name: str
    meter: str
    section: str
    address: int
    heater_w: int
    ev_w: int
    ev_need_wh: int
    price_limit: int
    ev_deadline_s: int


@dataclass(frozen=True)
class Section:
    """An M-LMD, its RS-485 bus, and the homes behind it. Limits in W."""

    mlmd: str
    bus: str
    homes: tuple[HomePlan, ...]

    @property
    def boards(self) -> list[str]:
        """Names of the boards on the bus, the M-LMD first."""
        return [self.mlmd, *(home.meter for home in self.homes)]

    @property
    def fixed_limit_w(self) -> int:
        """The M-LMD trips within a second above it."""
        wanted_w = max(FIXED_LIMIT_W_PER_HOME * len(self.homes), LEAST_FIXED_LIMIT_W)
        return min(wanted_w, MOST_FIXED_LIMIT_W)

    @property
    def transformer_ratio(self) -> int:
        """Of the section's current transformers: a phase may carry twice its share of the limit."""
        return 1 + 2 * self.fixed_limit_w // (3 * 230 * CHIP_MOST_A)

    @property
    def overload_limit_w(self) -> int:
        """The M-LMD trips above it after `OVERLOAD_DELAY_MS`."""
        return self.fixed_limit_w * OVERLOAD_PERCENT // 100

    @property
    def evening_limit_w(self) -> int:
        """What the operator limits the section to."""
        return min(EVENING_LIMIT_W_PER_HOME * len(self.homes), self.overload_limit_w)


@dataclass(frozen=True)
class Scenario:
    """A run's plan; everything random in it comes from `seed`, but for the boards' keys."""

    seed: int
    minutes: float
    speed: float
    homes: tuple[HomePlan, ...]
    start_min: int
    profiles: tuple[Path, ...] | None = None
    kills: int = 0
    arch: str = "native"
    origin_ms: int = field(default=ORIGIN_MS)

    @property
    def start_ms(self) -> int:
        """Simulated Unix time at which the run begins."""
        return self.origin_ms + self.start_min * 60_000

    @property
    def wall_s(self) -> float:
        """Real seconds that the run takes, without setting up and draining."""
        return self.minutes * 60.0

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The M-LMDs with what is behind them, in the order of the homes."""
        behind = groupby(self.homes, lambda home: home.section)
        return tuple(
            Section(name, f"bus{number}", tuple(homes))
            for number, (name, homes) in enumerate(behind, 1)
        )

    @property
    def mlmds(self) -> list[str]:
        """Names of the M-LMDs."""
        return [section.mlmd for section in self.sections]

    @property
    def boards(self) -> list[str]:
        """Names of all boards, the M-LMDs first."""
        return [*self.mlmds, *(home.meter for home in self.homes)]

    def section_of(self, board: str) -> Section:
        """The section whose bus the board is on."""
        return next(section for section in self.sections if board in section.boards)

    def channel_names(self, board: str) -> tuple[str, ...]:
        """What each channel of a board measures, as the rig's log calls it."""
        return ("section",) if board in self.mlmds else ("load", "pv")


def plan_homes(seed: int, count: int, mlmds: int = 1) -> tuple[HomePlan, ...]:
    """Homes of a seed, in equal parts behind each M-LMD: the first ones behind `x1`.

    Half of the cars have a deadline soon enough to overrule the price.

    Their owners' limits lie apart, as people's do: if all let go and came back at one price, the
    price would swing with them.
    """
    homes = []
    seats = [
        (f"x{mlmd + 1}", FIRST_METER + seat)
        for mlmd in range(mlmds)
        for seat in range(count // mlmds + (mlmd < count % mlmds))
    ]
    for number, (section, address) in enumerate(seats, 1):
        rng = Random(f"home-{seed}-{number}")
        homes.append(
            HomePlan(
                name=f"h{number}",
                meter=f"m{number}",
                section=section,
                address=address,
                heater_w=rng.choice([1500, 2000, 2500]),
                ev_w=3700,
                ev_need_wh=rng.choice([7000, 9000, 11000]),
                price_limit=220_000 + 30_000 * (number % 3) + rng.randrange(0, 30_000, 1_000),
                ev_deadline_s=(21 if number % 2 else 23) * 3600,
            )
        )
    return tuple(homes)


def chain_params(operator_root: bytes, certificates: tuple[bytes, ...], homes: int) -> ChainParams:
    """Prices of the demo's area: they rise with its load and fall with its own sun.

    The slopes scale with the number of homes, so that a street of 30 sees the prices of one of 3.
    """
    return ChainParams(
        operator_root=operator_root,
        areas=(
            Area(
                area=AREA,
                price_interval_s=300,
                formula="linear",
                energies=(
                    EnergyPrice(codes.GRID, 280_000, 150_000, 600_000, 9_000 // homes, 0),
                    EnergyPrice(
                        codes.SOLAR, 240_000, 60_000, 400_000, 3_000 // homes, 30_000 // homes
                    ),
                ),
            ),
        ),
        certificates=certificates,
        limits=Limits(),
    )


def rig_config(scenario: Scenario) -> dict[str, object]:
    """`rig.json`: buses, boards and homes of the emulated world."""
    return {
        "seed": scenario.seed,
        "out": "rig",
        "buses": [
            {"name": section.bus, "baud": 9600, "paced": False, "boards": section.boards}
            for section in scenario.sections
        ],
        "boards": {
            **{
                section.mlmd: {"role": "mlmd", "sensors": [_section_chip(section)]}
                for section in scenario.sections
            },
            **{home.meter: {"role": "meter", "home": home.name} for home in scenario.homes},
        },
        "homes": [_home(home) for home in scenario.homes],
        "profiles": [str(path.absolute()) for path in scenario.profiles or ()],
        "start_local": f"{scenario.start_min // 60:02d}:{scenario.start_min % 60:02d}",
    }


def _section_chip(section: Section) -> dict[str, object]:
    """Three phases with direction: a section that exports must not look like one that draws."""
    chip = {"chip": "atm90e32", "measure": "section", "cs": SECTION_CS}
    return chip | {"ratio": section.transformer_ratio}


def _home(home: HomePlan) -> dict[str, object]:
    return {
        "name": home.name,
        "section": home.section,
        "assets": {
            "water_heater": {"power_w": home.heater_w},
            "ev": {
                "power_w": home.ev_w,
                "need_wh": home.ev_need_wh,
                "from_min": 16 * 60 + 20,
                "until_min": 7 * 60,
            },
        },
    }


def board_config(scenario: Scenario, name: str, operator_root: bytes) -> dict[str, object]:
    """`/config.json` of one board, as an installer would write it."""
    is_mlmd = name in scenario.mlmds
    metering = {
        "driver": "pzem004t",
        "uart": 2,
        "poll_ms": METER_POLL_MS,
        # At x60 an answer that takes 8 real ms is 500 simulated ones late: be patient.
        "timeout_ms": 12_000,
    }
    config: dict[str, object] = {
        "name": name,
        "chain_id": CHAIN_ID,
        "area": AREA,
        "operator_root": operator_root.hex(),
        "metering": metering,
        "interval_s": 60,
        "boundary_s": 900,
        "comms_timeout_s": 600,
        "journal_kib": 768,
        "wdt_ms": 60_000,
    }
    if is_mlmd:
        section = scenario.section_of(name)
        return config | {
            "role": "mlmd",
            "bus": {"address": 1, "uart": 1},
            "metering": {
                "driver": "atm90e32",
                "cs": SECTION_CS,
                "ratio": section.transformer_ratio,
                "poll_ms": MLMD_POLL_MS,
            },
            "channels": [{"kind": "section", "energy": "grid", "sensor": 1}],
            "relays": [{"pin": RELAY_PINS[0], "safe": "closed", "name": "breaker"}],
            "fixed_limit_w": section.fixed_limit_w,
            "overload_limit_w": section.overload_limit_w,
            "breaker": {"overload_delay_ms": OVERLOAD_DELAY_MS},
        }
    home = next(home for home in scenario.homes if home.meter == name)
    return config | {
        "role": "meter",
        "bus": {"address": home.address, "uart": 1},
        "channels": [
            {"kind": "load", "energy": "grid", "sensor": 1},
            {"kind": "generation", "energy": "solar", "sensor": 2},
        ],
        "relays": [
            # Hot water when nobody decides; the car waits until somebody does.
            {"pin": RELAY_PINS[WATER_HEATER], "safe": "closed", "name": ASSETS[WATER_HEATER]},
            {"pin": RELAY_PINS[EV], "safe": "open", "name": ASSETS[EV]},
        ],
    }
