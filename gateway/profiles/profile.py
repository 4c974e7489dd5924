"""A meter's profile as the rest of the gateway sees it: checked, and in exact numbers."""

from dataclasses import dataclass
from fractions import Fraction

from gateway.profiles.errors import NotCapable, Unconfirmed
from gateway.profiles.quantities import QUANTITIES, Kind, key

ACTIONS = ("set_limit", "charge", "discharge")
"""What a register may be written for; `open` and `close` follow from `off` and `default`."""

WIDTH_WORDS = {"u16": 1, "s16": 1, "u32": 2, "s32": 2, "float32": 2, "u64": 4, "s64": 4}


@dataclass(frozen=True)
class Register:
    """One value of a meter: raw x `factor` is the result in the quantity's fixed unit.

    `wrap`: the count at which a counter starts from 0 again, if it is known. `rollback`: by how
    much it may fall because the meter forgets, if a source says so.
    """

    quantity: str
    address: int
    type: str
    unit: str
    scale: str
    factor: Fraction
    single_source: bool
    wrap: int | None
    rollback: int | None

    @property
    def kind(self) -> Kind:
        """What it measures."""
        return QUANTITIES[self.quantity]

    @property
    def key(self) -> str:
        """The name of its result, with the unit."""
        return key(self.quantity)

    @property
    def words(self) -> int:
        """How many 16-bit registers it takes."""
        return WIDTH_WORDS[self.type]

    @property
    def step(self) -> int:
        """One step of a counter, at least 1 fixed unit; a float's depends on its count."""
        if self.type == "float32":
            return 1
        return max(1, -(-self.factor.numerator // self.factor.denominator))

    @property
    def last(self) -> int:
        """The address of its last word."""
        return self.address + self.words - 1


@dataclass(frozen=True)
class Source:
    """A public driver that agrees with the profile."""

    repository: str
    path: str


@dataclass(frozen=True)
class Gap:
    """Words that must never be part of a read, both ends included."""

    first: int
    last: int
    why: str


@dataclass(frozen=True)
class LeftOut:
    """Something that the meter may offer and the profile doesn't, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class Write:
    """A holding register that sets a power. `least`, `most`, `off`, `default`: raw values.

    `off` stands for 0 W where that is no value of the range; `default` is what the device goes
    back to when nobody commands it. `nominal_v` turns amperes a phase into watts.
    """

    action: str
    address: int
    type: str
    unit: str
    scale: str
    nominal_v: int | None
    least: int
    most: int
    off: int | None
    default: int
    source: str

    @property
    def words(self) -> int:
        """How many 16-bit registers it takes."""
        return WIDTH_WORDS[self.type]

    def watts(self, raw: int, phases: int) -> int:
        """What a raw value means in all, rounded down."""
        if raw == self.off:
            return 0
        return int(raw * self._watts_a_step(phases))

    def raw(self, watts: int, phases: int) -> int | None:
        """The raw value for at most `watts`; None if the device can't be set to that."""
        wanted = int(watts / self._watts_a_step(phases))
        if wanted > self.most:
            return None
        return wanted if wanted >= self.least else self.off

    def _watts_a_step(self, phases: int) -> Fraction:
        volts = phases * (self.nominal_v or 1) if self.unit == "A" else 1
        return Fraction(self.scale) * volts


@dataclass(frozen=True)
class Failsafe:
    """What the device does by itself once nobody has spoken to it for `timeout_ms`.

    Both registers are written when it is first met; `value` is then its own setting.
    """

    timeout_address: int
    timeout_ms: int
    value_address: int
    value: int
    source: str


@dataclass(frozen=True)
class Setup:
    """A holding register that must hold `value` for commands to work."""

    address: int
    value: int
    why: str


@dataclass(frozen=True)
class Identity:
    """A register that tells the model: any of `values` means this one."""

    function: int
    address: int
    type: str
    values: tuple[int, ...]
    source: str


@dataclass(frozen=True)
class Serial:
    """How the meter's port is set up when it leaves the factory, or commonly."""

    baud: int
    parity: str
    stop_bits: int


@dataclass(frozen=True)
class Profile:
    """Everything that is known of a model. `refresh_ms` None: nobody says."""

    name: str
    manufacturer: str
    model: str
    transport: str
    phases: int
    function: int
    byte_order: str
    word_order: str
    max_block_words: int
    max_hole_words: int
    pause_ms: int
    direction: bool
    refresh_ms: int | None
    unavailable: str
    single_source: bool
    max_voltage_v: int
    max_current_a: int
    serial: Serial | None
    identity: Identity | None
    sources: tuple[Source, ...]
    gaps: tuple[Gap, ...]
    left_out: tuple[LeftOut, ...]
    registers: tuple[Register, ...]
    writes: tuple[Write, ...] = ()
    failsafe: Failsafe | None = None
    setups: tuple[Setup, ...] = ()

    def register(self, quantity: str) -> Register | None:
        """The register of `quantity`, if the meter has it."""
        return next((r for r in self.registers if r.quantity == quantity), None)

    def chosen(self, unconfirmed: bool = False) -> tuple[Register, ...]:
        """The registers to read: confirmed ones, or all. Raises `Unconfirmed` if that is none."""
        if unconfirmed:
            return self.registers
        kept = tuple(r for r in self.registers if not r.single_source and not self.single_source)
        if not kept:
            raise Unconfirmed(
                f"{self.manufacturer} {self.model} is known from one source only", self.name
            )
        return kept


def require(
    profile: Profile,
    quantities: tuple[str, ...] = (),
    direction: bool = False,
    refresh_ms: int | None = None,
) -> None:
    """Raise `NotCapable` unless the meter measures this, with direction, at least so often."""
    have = {register.quantity for register in profile.chosen()}
    lacks = [f"no {name}" for name in quantities if name not in have]
    if direction and not profile.direction:
        lacks.append("no direction of power")
    if refresh_ms is not None and profile.refresh_ms is None:
        lacks.append("no known refresh rate")
    elif refresh_ms is not None and (profile.refresh_ms or 0) > refresh_ms:
        lacks.append(f"new values only every {profile.refresh_ms} ms")
    if lacks:
        raise NotCapable(", ".join(lacks), profile.name)
