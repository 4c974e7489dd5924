"""What the demo builds, as data: M-LMDs, homes with a meter each, what is behind their relays.

One place decides names, addresses, pins and sizes; `site` turns them into the files that the
rig, the boards, the gateway and the ledger read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path

from ledger.contracts.params import Area, ChainParams, EnergyPrice, Limits
from truewatt.demo import plant
from truewatt.demo.homes import ASSETS as ASSETS
from truewatt.demo.homes import HomePlan as HomePlan
from truewatt.demo.homes import plan_homes as plan_homes
from wireformat import codes

AREA = 1
CHAIN_ID = "truewatt-demo"

RELAY_PINS = (26, 27)
SAFE_CLOSED = ("water_heater",)
OPT_OUT_PIN, LOCKOUT_PIN, TRIP_PIN, RESET_PIN = 32, 33, 25, 14
"""Switches and buttons on site, to ground; on pins of an ESP32 that have a pull-up."""
UTC_DAY_S = 86_400

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

LOSSES_OF_ONE_HOME, MOST_LOSSES = 2_000, 600
"""mW per kW^2 of a section with one home behind it, and the most that is granted to any."""

ORIGIN_MS = 1_782_864_000_000
"""Simulated time that every run begins at, less the time of day: 2026-07-01T00:00:00Z."""


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
    def loss_mw_per_kw2(self) -> int:
        """What its cables lose at the square of its power, as measured on this feeder: most of it
        is in the service cables, and the more homes share the power the less."""
        return min(LOSSES_OF_ONE_HOME // len(self.homes), MOST_LOSSES)

    @property
    def evening_limit_w(self) -> int:
        """What the operator limits the section to."""
        return min(EVENING_LIMIT_W_PER_HOME * len(self.homes), self.overload_limit_w)


@dataclass(frozen=True)
class Pace:
    """How boards are reached, and how much they have to say: benches change it.

    `paced`: bytes take their time on the wires. `backlog_s`: how long boards record before the
    gateway comes. With a `broker_port` boards are on the air, and not on their buses.
    """

    baud: int = 9600
    paced: bool = False
    poll_s: int = GATEWAY_POLL_S
    interval_s: int = 60
    backlog_s: float = 0.0
    broker_port: int = 0


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
    pace: Pace = Pace()

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

    @cached_property
    def devices(self) -> tuple[plant.DevicePlan, ...]:
        """The commercial devices on the bus `plant`; none on a small street."""
        return plant.devices(self.homes)

    def home_of(self, meter: str) -> HomePlan:
        """The home that the meter is in."""
        return next(home for home in self.homes if home.meter == meter)

    def contacts(self, board: str) -> tuple[str, ...]:
        """What each relay of a board switches, as the rig's log calls it."""
        return ("breaker",) if board in self.mlmds else self.home_of(board).contacts

    def section_of(self, board: str) -> Section:
        """The section whose bus the board is on."""
        return next(section for section in self.sections if board in section.boards)

    def channel_names(self, board: str) -> tuple[str, ...]:
        """What each channel of a board measures, as the rig's log calls it."""
        return ("section",) if board in self.mlmds else ("load", "pv")


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
            *(
                {
                    "name": section.bus,
                    "baud": scenario.pace.baud,
                    "paced": scenario.pace.paced,
                    "boards": section.boards,
                }
                for section in scenario.sections
            ),
            *plant.rig_buses(scenario.devices),
        ],
        "devices": [plant.rig_device(device) for device in scenario.devices],
        "boards": {
            **{
                section.mlmd: {"role": "mlmd", "sensors": [_section_chip(section)]}
                for section in scenario.sections
            },
            **{home.meter: _rig_meter(home) for home in scenario.homes},
        },
        "homes": [_home(home) for home in scenario.homes],
        "profiles": [str(path.absolute()) for path in scenario.profiles or ()],
        "start_local": f"{scenario.start_min // 60:02d}:{scenario.start_min % 60:02d}",
    }


def _section_chip(section: Section) -> dict[str, object]:
    """Three phases with direction: a section that exports must not look like one that draws."""
    chip = {"chip": "atm90e32", "measure": "section", "cs": SECTION_CS}
    return chip | {"ratio": section.transformer_ratio}


def _rig_meter(home: HomePlan) -> dict[str, object]:
    relays = [
        {"pin": pin, "asset": name, "rest": "closed" if name in SAFE_CLOSED else "open"}
        for pin, name in zip(RELAY_PINS, home.contacts, strict=False)
    ]
    return {"role": "meter", "home": home.name, "relays": relays}


def _home(home: HomePlan) -> dict[str, object]:
    return {"name": home.name, "section": home.section, "assets": home.rig_assets}


def _link(pace: Pace, address: int) -> dict[str, object]:
    if pace.broker_port:
        air = {"ssid": "site", "host": "127.0.0.1", "port": pace.broker_port}
        return {"mqtt": air}
    return {"bus": {"address": address, "uart": 1, "baud": pace.baud}}


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
        "interval_s": scenario.pace.interval_s,
        "boundary_s": 900,
        "comms_timeout_s": 600,
        "journal_kib": 768,
        "wdt_ms": 60_000,
        "lockout": {"pin": LOCKOUT_PIN},
    }
    if is_mlmd:
        section = scenario.section_of(name)
        return config | {
            "role": "mlmd",
            **_link(scenario.pace, 1),
            "metering": {
                "driver": "atm90e32",
                "cs": SECTION_CS,
                "ratio": section.transformer_ratio,
                "poll_ms": MLMD_POLL_MS,
            },
            "channels": [{"kind": "section", "energy": "grid", "sensor": 1}],
            "relays": [{"pin": RELAY_PINS[0], "safe": "closed", "name": "breaker"}],
            "trip": {"pin": TRIP_PIN},
            "fixed_limit_w": section.fixed_limit_w,
            "overload_limit_w": section.overload_limit_w,
            "breaker": {"overload_delay_ms": OVERLOAD_DELAY_MS, "reset_pin": RESET_PIN},
        }
    home = scenario.home_of(name)
    if home.heat_pump_w:
        config |= {"assets": [{"kind": "sg_ready", "relays": [0, 1]}]}
    return config | {
        "role": "meter",
        **_link(scenario.pace, home.address),
        "opt_out": {"pin": OPT_OUT_PIN},
        "channels": [
            {"kind": "load", "energy": "grid", "sensor": 1},
            {"kind": "generation", "energy": "solar", "sensor": 2},
        ],
        "relays": [
            # Hot water when nobody decides; the car waits until somebody does.
            {"pin": pin, "safe": "closed" if contact in SAFE_CLOSED else "open", "name": contact}
            for pin, contact in zip(RELAY_PINS, home.contacts, strict=False)
        ],
    }
