"""Board profiles: one TOML file a board, checked against what its chip can do."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from truewatt.device.chips import BLE, CHIPS, RS485, WIFI, Chip
from truewatt.device.errors import BadProfile, BoardCannot, UnknownBoard

_FOLDER = Path(__file__).parent / "boards"
_TEXTS = ("title", "chip", "source")
_TABLES = {
    "bus": {"uart", "tx", "rx", "de"},
    "metering": {"uart", "tx", "rx", "de"},
    "i2c": {"i2c", "scl", "sda"},
    "spi": {"spi", "sck", "mosi", "miso", "cs"},
    "counters": {"cf", "cf1", "sel"},
    "inputs": {"reset_pin", "lockout", "opt_out", "tamper", "trip"},
}
_LISTS = ("relays", "high", "pulses", "cannot", "notes")
LINKS = (RS485, WIFI, BLE)


@dataclass(frozen=True)
class Profile:
    """One kind of board. Pins by role; a role that is absent is one that the board can't fill.

    `driver`: metering chip on the board, if there is one; `pulses`: for S0 outputs; `counters`: for
    a chip that pulses, if the board's own chip has counters; `high`: pins that enable what is on
    the board and are driven high from the start; `cannot` and `notes`: sentences for people.
    """

    name: str
    title: str
    chip: Chip
    source: str
    driver: str | None = None
    bus: dict[str, int] = field(default_factory=dict)
    metering: dict[str, int] = field(default_factory=dict)
    spi: dict[str, int] = field(default_factory=dict)
    i2c: dict[str, int] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    pulses: list[int] = field(default_factory=list)
    inputs: dict[str, int] = field(default_factory=dict)
    relays: list[int] = field(default_factory=list)
    high: list[int] = field(default_factory=list)
    cannot: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def require_links(self, links: set[str]) -> None:
        """Raises `BoardCannot` for links that this board can't carry, together or at all."""
        if {BLE, WIFI} <= links and not self.chip.ble_beside_wifi:
            self._cannot("BLE beside Wi-Fi: both together run out of memory", "Choose one of them.")
        for radio in sorted(links & {BLE, WIFI} - self.chip.radios):
            self._cannot(f"{radio}: the chip has no such radio", "Choose another link.")
        if RS485 in links and not self.bus:
            self._cannot("RS-485: no UART is free for it", "Choose --links wifi.")

    def require_together(self, bus: bool, metering: str) -> None:
        """Raises `BoardCannot` without pins for the metering, or if the bus needs the same UART.

        `metering`: `uart`, `spi`, `i2c`, `counters` or `pulses`.
        """
        pins = {"spi": self.spi, "i2c": self.i2c, "pulses": self.pulses, "counters": self.counters}
        if not pins.get(metering, self.metering):
            self._cannot(f"metering over {metering.upper()}: it has no pins for it", self._others())
        if bus and metering == "uart":
            self.require_two_uarts(self.bus.get("uart"), self.metering.get("uart"))

    def require_two_uarts(self, bus: int | None, metering: int | None) -> None:
        """Raises `BoardCannot` if the bus and the metering are on the same one."""
        if bus == metering:
            self._cannot(
                "RS-485 beside a metering module on a UART: it has one UART to give", self._others()
            )

    def _others(self) -> str:
        return "See `truewatt device boards` for what each board can do."

    def _cannot(self, what: str, todo: str) -> None:
        raise BoardCannot(f"{self.name} can't do {what}", f"{self.title}, {self.chip.word}", todo)


def known() -> list[str]:
    """Names of all profiles."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load(name: str) -> Profile:
    """The profile of that name, or in the file of that path.

    Raises `UnknownBoard`, `BadProfile`.
    """
    path = Path(name) if name.endswith(".toml") else _FOLDER / f"{name}.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        raise UnknownBoard(
            f"no board {name!r}",
            str(path.parent),
            f"There is: {', '.join(known())}; or give FILE.toml.",
        ) from None
    try:
        profile = _read(path.stem, tomllib.loads(text), str(path))
    except (tomllib.TOMLDecodeError, TypeError, AttributeError) as error:
        raise BadProfile(str(error), str(path), "Correct the file.") from None
    for problem in problems(profile):
        raise BadProfile(problem, str(path), "Correct the file.")
    return profile


def _read(name: str, table: dict[str, Any], where: str) -> Profile:
    for key in (*_TEXTS,):
        if not isinstance(table.get(key), str):
            raise BadProfile(f"{key}: expected text", where, "Correct the file.")
    if table["chip"] not in CHIPS:
        raise BadProfile(f"chip: expected one of {', '.join(CHIPS)}", where, "Correct the file.")
    for key, value in table.items():
        if key in _TABLES and (set(value) - _TABLES[key] or not all(map(_is_pin, value.values()))):
            raise BadProfile(
                f"{key}: expected numbers for {', '.join(sorted(_TABLES[key]))}",
                where,
                "Correct it.",
            )
        if key in _LISTS and not isinstance(value, list):
            raise BadProfile(f"{key}: expected a list", where, "Correct the file.")
    return Profile(**(table | {"name": name, "chip": CHIPS[table["chip"]]}))


def _is_pin(value: object) -> bool:
    return type(value) is int


def problems(profile: Profile) -> Iterator[str]:
    """What the chip forbids in a profile, one sentence each."""
    chip = profile.chip
    for role, pin in _pins(profile):
        if pin not in chip.pins:
            yield f"{role}: {chip.name} has no pin {pin}"
        if pin in chip.flash:
            yield f"{role}: pin {pin} belongs to the flash chip"
        if pin in chip.console:
            yield f"{role}: pin {pin} belongs to the console"
        if pin in chip.input_only and role in _DRIVEN:
            yield f"{role}: pin {pin} is an input only"
        if pin in chip.strapping and role == "relay":
            yield f"relay: pin {pin} decides how the chip boots, so it moves at every start"
    if profile.counters and not chip.counters:
        yield f"counters: {chip.name} has no pulse counters"
    yield from _clashes(profile)


_DRIVEN = frozenset({"relay", "high", "bus.tx", "bus.de", "metering.tx", "metering.de"}) | {
    *(f"spi.{name}" for name in ("sck", "mosi", "cs")),
    *(f"i2c.{name}" for name in ("scl", "sda")),
    "counters.sel",
}


def _pins(profile: Profile) -> Iterator[tuple[str, int]]:
    for table in ("bus", "metering", "spi", "i2c", "counters"):
        pins: dict[str, int] = getattr(profile, table)
        yield from ((f"{table}.{k}", v) for k, v in pins.items() if k not in {"uart", "spi", "i2c"})
    yield from (("pulses", pin) for pin in profile.pulses)
    yield from (("relay", pin) for pin in profile.relays)
    yield from (("high", pin) for pin in profile.high)
    yield from (("input", pin) for pin in profile.inputs.values())


def _clashes(profile: Profile) -> Iterator[str]:
    """UARTs that the chip lacks; pins with two roles, but for a UART that is bus or metering."""
    for table in (profile.bus, profile.metering):
        if table and table["uart"] not in profile.chip.uarts:
            yield f"{profile.chip.name} has no UART {table['uart']} to give"
    one_or_other = profile.bus.get("uart") == profile.metering.get("uart")
    taken: dict[int, str] = {}
    for role, pin in _pins(profile):
        if role.startswith("metering.") and one_or_other:
            continue
        # A board meters over I2C or over a UART: the same pins may serve either.
        if role.startswith("i2c.") and taken.get(pin, "").startswith("metering."):
            continue
        # Nor has it a pulsing chip beside S0 outputs, or beside one on SPI or a UART.
        if role == "pulses" and taken.get(pin, "").startswith("counters."):
            continue
        if role.startswith("counters.") and taken.get(pin, "").startswith(("spi.", "metering.")):
            continue
        if pin in taken:
            yield f"pin {pin} is both {taken[pin]} and {role}"
        taken[pin] = role
