"""rig.json: what electrical world to build. Every error names its key and what was expected."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from truewatt.emulator.json_table import RigConfigError as RigConfigError
from truewatt.emulator.json_table import Table
from truewatt.emulator.physics.ambient import AmbientSpec
from truewatt.emulator.physics.assets import ACTUATORS
from truewatt.emulator.physics.network import DEFAULT_NETWORK, network_names
from truewatt.emulator.physics.profiles import Label
from truewatt.emulator.rig_assets import (
    DEFAULT_ASSETS,
    AssetSpec,
    contacts,
    read_asset,
    read_spec,
)

Rest = Literal["open", "closed", "hold"]
CHIPS = ("pzem004t", "atm90e32")
DEVICE_PROFILES = ("sdm630", "sunspec_storage", "ev_charger")
TRANSFORMER = "transformer"
FREQUENCIES_HZ = (45.0, 65.0)
_MOST_PROFILES = 2


@dataclass(frozen=True)
class BusConfig:
    """One RS-485 bus and the boards on it."""

    name: str
    boards: tuple[str, ...]
    baud: int = 9600
    paced: bool = False
    noise_bit_error: float = 0.0
    loss: float = 0.0
    delay_ms: float = 0.0


@dataclass(frozen=True)
class SensorConfig:
    """A metering chip: its address, and what it measures (load, pv, net, section).

    An ATM90E32 has, in place of an address that means something, its chip select pin `cs`, and the
    `ratio` of additional current transformers; at an M-LMD it sees the section's three phases.
    """

    address: int
    measure: str
    chip: str = "pzem004t"
    cs: int = 5
    ratio: int = 1


@dataclass(frozen=True)
class RelayConfig:
    """A relay on a pin. `rest`: its contact while the board does not drive the pin."""

    pin: int
    asset: str
    active_high: bool = True
    rest: Rest = "open"


@dataclass(frozen=True)
class BoardConfig:
    """A board's place in the world: at a home (role meter) or at a junction (role mlmd)."""

    name: str
    role: str
    home: str | None
    sensors: tuple[SensorConfig, ...]
    relays: tuple[RelayConfig, ...]


@dataclass(frozen=True)
class HomeConfig:
    """A home. `section`: the M-LMD it is behind. `site`: of the profile file (None: next free).

    `phase` 0 and `line_ohm` None: by the feeder's rule. `line_ohm`: the loop of the service cable.
    """

    name: str
    section: str | None
    site: str | None = None
    pv_kwp: float | None = None
    line_ohm: float | None = None
    phase: int = 0
    assets: dict[str, AssetSpec] = field(default_factory=dict)


@dataclass(frozen=True)
class DeviceConfig:
    """A commercial device on a bus: a meter at `at`, or the actuator of a home's `asset`.

    `at`: "transformer", a section, or a home. An asset with a device has a circuit of its own,
    which the device measures and the home's meter does not.
    """

    name: str
    bus: str
    address: int
    profile: str
    at: str
    asset: str | None = None


@dataclass(frozen=True)
class RigConfig:
    """All of rig.json. `start_local`: local date and time, or HH:MM, that the run begins at.

    `source_ohm`: in place of the network's grid and transformer. `frequency_schedule`: seconds
    after the start, and what the frequency is from then on.
    """

    out: Path
    seed: int
    buses: tuple[BusConfig, ...]
    boards: dict[str, BoardConfig]
    homes: tuple[HomeConfig, ...]
    voltage_v: float = 230.0
    source_ohm: float | None = None
    network: str = DEFAULT_NETWORK
    frequency_hz: float = 50.0
    frequency_schedule: tuple[tuple[int, float], ...] = ()
    devices: tuple[DeviceConfig, ...] = ()
    ambient: AmbientSpec = field(default_factory=AmbientSpec)
    profiles: Path | None = None
    pv_profiles: Path | None = None
    profile_label: Label = "ending"
    slot_minutes: int = 15
    start_local: str | None = None


_METER_SENSORS = [{"address": 1, "measure": "load"}, {"address": 2, "measure": "pv"}]
_SECTION_SENSORS = [{"address": 1, "measure": "section"}]
_METER_RELAYS = [
    {"pin": 26, "asset": "water_heater", "rest": "closed"},
    {"pin": 27, "asset": "ev", "rest": "open"},
]
_BREAKER = [{"pin": 26, "asset": "breaker", "rest": "closed"}]


def load_rig_config(path: Path) -> RigConfig:
    """Read rig.json; paths in it are relative to it. Raises RigConfigError."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RigConfigError(str(path), "a readable JSON file", str(error)) from error
    return parse_rig_config(value, path.parent)


def parse_rig_config(value: object, base: Path) -> RigConfig:
    """Check the content of rig.json. Raises RigConfigError."""
    top = Table("", value)
    boards = {name: _board(name, table) for name, table in top.named("boards", {})}
    homes = tuple(_home(table) for table in top.tables("homes", []))
    feeder = Table("feeder.", top.raw("feeder", {}))
    profiles = [base / path for path in _profile_paths(top)]
    ambient = Table("ambient.", top.raw("ambient", {}))
    config = RigConfig(
        out=base / top.text("out", "rig"),
        seed=top.whole("seed", 1),
        buses=tuple(_bus(table) for table in top.tables("buses", [])),
        boards=boards,
        homes=homes,
        voltage_v=feeder.number("voltage_v", 230.0, 50.0, 1000.0),
        source_ohm=_number_or_none(feeder, "source_ohm"),
        network=feeder.text("network", DEFAULT_NETWORK, network_names()),
        frequency_hz=feeder.number("frequency_hz", 50.0, *FREQUENCIES_HZ),
        frequency_schedule=tuple(map(_change, feeder.tables("frequency_schedule", []))),
        devices=tuple(_device(table) for table in top.tables("devices", [])),
        ambient=read_spec(ambient, AmbientSpec()),
        profiles=profiles[0] if profiles else None,
        pv_profiles=profiles[1] if profiles[1:] else None,
        profile_label="starting" if _starts(top) else "ending",
        slot_minutes=top.whole("slot_minutes", 15, 1, 1440),
        start_local=top.text_or_none("start_local"),
    )
    feeder.end()
    ambient.end()
    top.end()
    _check_references(config)
    return config


def _profile_paths(top: Table) -> list[str]:
    """One file, or two: of loads, and of generation per kWp."""
    value = top.raw("profiles", [])
    paths = [value] if isinstance(value, str) else value
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise top.error("profiles", "a path, or a list of one or two", value)
    if len(paths) > _MOST_PROFILES:
        raise top.error("profiles", "a path, or a list of one or two", value)
    return paths


def _number_or_none(table: Table, key: str, high: float = 10.0) -> float | None:
    return table.number(key, 0.0, 0.0, high) if table.has(key) else None


def _change(table: Table) -> tuple[int, float]:
    change = table.whole("after_s", None), table.number("hz", 0.0, *FREQUENCIES_HZ)
    table.end()
    return change


def _device(table: Table) -> DeviceConfig:
    device = DeviceConfig(
        name=table.text("name"),
        bus=table.text("bus"),
        address=table.whole("address", None, 1, 247),
        profile=table.text("profile", None, DEVICE_PROFILES),
        at=table.text("at"),
        asset=table.text_or_none("asset"),
    )
    table.end()
    return device


def _starts(top: Table) -> bool:
    return top.text("profile_label", "ending", ("ending", "starting")) == "starting"


def _bus(table: Table) -> BusConfig:
    boards = table.raw("boards", [])
    if not isinstance(boards, list) or not all(isinstance(name, str) for name in boards):
        raise table.error("boards", "a list of names", boards)
    bus = BusConfig(
        name=table.text("name"),
        boards=tuple(boards),
        baud=table.whole("baud", 9600, 300, 1_000_000),
        paced=table.flag("paced", False),
        noise_bit_error=table.number("noise_bit_error", 0.0, 0.0, 1.0),
        loss=table.number("loss", 0.0, 0.0, 1.0),
        delay_ms=table.number("delay_ms", 0.0, 0.0, 60_000.0),
    )
    table.end()
    return bus


def _board(name: str, table: Table) -> BoardConfig:
    role = table.text("role", None, ("meter", "mlmd"))
    meter = role == "meter"
    home = table.text_or_none("home")
    if meter != (home is not None):
        raise table.error("home", "the home of a meter; none for an M-LMD", home)
    sensors = table.tables("sensors", _METER_SENSORS if meter else _SECTION_SENSORS)
    relays = table.tables("relays", _METER_RELAYS if meter else _BREAKER)
    board = BoardConfig(name, role, home, tuple(map(_sensor, sensors)), tuple(map(_relay, relays)))
    table.end()
    return board


def _sensor(table: Table) -> SensorConfig:
    chip = table.text("chip", CHIPS[0], CHIPS)
    on_spi = chip == "atm90e32"
    sensor = SensorConfig(
        address=table.whole("address", 1 if on_spi else None, 1, 0xF7),
        measure=table.text("measure", None, ("load", "pv", "net", "section")),
        chip=chip,
        cs=table.whole("cs", 5, 0, 48) if on_spi else 5,
        ratio=table.whole("ratio", 1, 1, 1000) if on_spi else 1,
    )
    table.end()
    return sensor


def _relay(table: Table) -> RelayConfig:
    rest = table.text("rest", "open", ("open", "closed", "hold"))
    relay = RelayConfig(
        pin=table.whole("pin", None, 0, 48),
        asset=table.text("asset"),
        active_high=table.flag("active_high", True),
        rest="closed" if rest == "closed" else "hold" if rest == "hold" else "open",
    )
    table.end()
    return relay


def _home(table: Table) -> HomeConfig:
    pv_kwp = table.raw("pv_kwp", None)
    specs = table.named("assets", DEFAULT_ASSETS)
    assets = {name: read_asset(name, spec) for name, spec in specs}
    home = HomeConfig(
        name=table.text("name"),
        section=table.text_or_none("section"),
        site=table.text_or_none("site"),
        pv_kwp=None if pv_kwp is None else float(pv_kwp),
        line_ohm=_number_or_none(table, "line_ohm"),
        phase=table.whole("phase", 0, 0, 3),
        assets=assets,
    )
    table.end()
    return home


def _check_references(config: RigConfig) -> None:
    """Names must lead somewhere, and boards must be able to measure and switch what they say."""
    homes = {home.name: home for home in config.homes}
    if len(homes) != len(config.homes):
        raise RigConfigError("homes", "each name once", [home.name for home in config.homes])
    for board in config.boards.values():
        _check_board(board, homes)
    for home in config.homes:
        if home.section is not None and home.section not in config.boards:
            raise RigConfigError(f"homes.{home.name}.section", "a board", home.section)
    for bus in config.buses:
        for name in bus.boards:
            if name not in config.boards:
                raise RigConfigError(f"buses.{bus.name}.boards", "names of boards", name)
    _check_devices(config)


def _check_devices(config: RigConfig) -> None:
    """Devices must be on a bus there is, at a place there is, and steer what they can."""
    homes = {home.name: home for home in config.homes}
    sections = {home.section for home in config.homes if home.section is not None}
    buses = {bus.name for bus in config.buses}
    seen: set[tuple[str, int]] = set()
    names: set[str] = set(config.boards)
    for device in config.devices:
        key = f"devices.{device.name}"
        if device.name in names or (device.bus, device.address) in seen:
            raise RigConfigError(key, "each name once, and each address of a bus", device.address)
        names.add(device.name)
        seen.add((device.bus, device.address))
        if device.bus not in buses:
            raise RigConfigError(f"{key}.bus", "one of " + ", ".join(sorted(buses)), device.bus)
        if device.at in homes:
            assets = [name for name in homes[device.at].assets if name in ACTUATORS]
            if device.asset not in assets:
                expected = "an asset of the home: " + (", ".join(assets) or "it has none")
                raise RigConfigError(f"{key}.asset", expected, device.asset)
        elif device.asset is not None:
            raise RigConfigError(f"{key}.at", "a home, where the asset is", device.at)
        elif device.at not in {TRANSFORMER, *sections}:
            raise RigConfigError(f"{key}.at", "transformer, a section or a home", device.at)


def _check_board(board: BoardConfig, homes: dict[str, HomeConfig]) -> None:
    key = f"boards.{board.name}"
    if board.role == "mlmd" and board.name not in {home.section for home in homes.values()}:
        raise RigConfigError(key, "homes with this section", list(homes))
    if board.home is not None and board.home not in homes:
        raise RigConfigError(f"{key}.home", "one of " + ", ".join(homes), board.home)
    for sensor in board.sensors:
        if (sensor.measure == "section") != (board.home is None):
            expected = "section at an M-LMD, load, pv or net at a meter"
            raise RigConfigError(f"{key}.sensors", expected, sensor.measure)
    if len(board.sensors) > 1 and any(s.chip == "atm90e32" for s in board.sensors):
        raise RigConfigError(f"{key}.sensors", "an atm90e32 alone", len(board.sensors))
    known = {"breaker"} if board.home is None else contacts(homes[board.home].assets)
    for relay in board.relays:
        if relay.asset not in known:
            expected = "one of " + ", ".join(sorted(known))
            raise RigConfigError(f"{key}.relays", expected, relay.asset)
