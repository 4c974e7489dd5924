"""What meters measure. Every result is a whole number of one fixed unit, named in its key.

    voltage_l1 -> voltage_l1_dv: decivolts     frequency -> frequency_mhz: millihertz

Positive power is drawn from the grid (import), negative is fed into it.
"""

from dataclasses import dataclass
from fractions import Fraction

PHASES = ("l1", "l2", "l3")


@dataclass(frozen=True)
class Kind:
    """A kind of quantity: `suffix` of its keys, `decimals` of `units[0]` in one fixed unit."""

    suffix: str
    units: tuple[str, ...]
    decimals: int
    counter: bool = False

    @property
    def unit(self) -> str:
        """The unit that people read: V, A, W, ..."""
        return self.units[0]

    def factor(self, unit: str) -> Fraction:
        """Fixed units in one `unit`: 10 for V, as results are in dV; 1000 for kW."""
        kilo = 1000 if unit.startswith("k") else 1
        return Fraction(kilo * 10**self.decimals)


VOLTAGE = Kind("dv", ("V",), 1)
CURRENT = Kind("ma", ("A",), 3)
POWER = Kind("w", ("W", "kW"), 0)
APPARENT = Kind("va", ("VA", "kVA"), 0)
REACTIVE = Kind("var", ("var", "kvar"), 0)
POWER_FACTOR = Kind("milli", ("1",), 3)
FREQUENCY = Kind("mhz", ("Hz",), 3)
ENERGY = Kind("wh", ("Wh", "kWh"), 0, counter=True)
REACTIVE_ENERGY = Kind("varh", ("varh", "kvarh"), 0, counter=True)


def _with_phases(name: str, kind: Kind) -> dict[str, Kind]:
    return {name: kind, **{f"{name}_{phase}": kind for phase in PHASES}}


QUANTITIES: dict[str, Kind] = {
    **_with_phases("voltage", VOLTAGE),
    **_with_phases("current", CURRENT),
    **_with_phases("power", POWER),
    **_with_phases("apparent", APPARENT),
    **_with_phases("reactive", REACTIVE),
    **_with_phases("power_factor", POWER_FACTOR),
    "frequency": FREQUENCY,
    **_with_phases("import", ENERGY),
    **_with_phases("export", ENERGY),
    **_with_phases("total", ENERGY),
    "reactive_import": REACTIVE_ENERGY,
    "reactive_export": REACTIVE_ENERGY,
    "reactive_total": REACTIVE_ENERGY,
}
"""Every quantity that a profile may name, in the order of tables and pages."""


def key(quantity: str) -> str:
    """The name of a result with its unit: `import` -> `import_wh`."""
    return f"{quantity}_{QUANTITIES[quantity].suffix}"


def shown(quantity: str, value: int) -> str:
    """`value` for people: 2304 dV -> `230.4 V`."""
    kind = QUANTITIES[quantity]
    unit = "" if kind.unit == "1" else f" {kind.unit}"
    if not kind.decimals:
        return f"{value}{unit}"
    whole, part = divmod(abs(value), 10**kind.decimals)
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{part:0{kind.decimals}d}{unit}"
