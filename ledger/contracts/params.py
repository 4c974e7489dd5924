"""What a chain is founded on: operator root, areas with their prices, limits. Part of the genesis.

    ChainParams.from_json(app_state)     .to_json()      raises ParamsError with the path
    price_w = micro-units of currency per kWh; all powers in W, times in s, unless named otherwise

The JSON is the genesis' `app_state`; `initial_state` puts it under `chain/` so that it is proven
like everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from ledger.contracts.formulas import FORMULAS
from wireformat import codes

MAX_AREAS = 256
MAX_PRICE_MICRO = 10**9
"""1,000 units of currency per kWh: a bound that keeps every product within 64 bits."""


class ParamsError(ValueError):
    """A genesis parameter that is missing, unknown or out of range; the text names its path."""


@dataclass(frozen=True, slots=True)
class EnergyPrice:
    """Price rule of one energy type, in micro-units of currency per kWh.

    The slopes are micro-units per kWh per kW of mean power in the area: what each kW of load adds
    and each kW of this type's generation takes off.
    """

    energy: int
    base: int
    least: int
    most: int
    load_slope: int
    generation_slope: int


@dataclass(frozen=True, slots=True)
class Area:
    """One gateway's area with its price rules; type `grid` must be among them."""

    area: int
    price_interval_s: int
    formula: str
    energies: tuple[EnergyPrice, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the contracts; the defaults suit a chain of a few thousand boards."""

    record_window: int = 256
    future_tolerance_s: int = 300
    max_channel_w: int = 25_000
    max_section_w: int = 250_000
    price_history: int = 96
    command_validity_s: int = 900
    command_renew_s: int = 225
    outcome_grace_s: int = 120
    intent_retention_s: int = 86_400
    clock_skew_s: int = 5
    retry_s: int = 120
    switch_gap_s: int = 10
    switches_per_hour: int = 6
    shed_hold_s: int = 300
    boundary_s: int = 900


@dataclass(frozen=True, slots=True)
class ChainParams:
    """Everything the contracts know before the first block."""

    operator_root: bytes
    areas: tuple[Area, ...]
    certificates: tuple[bytes, ...] = ()
    limits: Limits = field(default_factory=Limits)

    def area(self, number: int) -> Area | None:
        """The area of that number, or None."""
        return next((area for area in self.areas if area.area == number), None)

    def to_json(self) -> dict[str, object]:
        """The genesis' `app_state`."""
        return {
            "operator_root": self.operator_root.hex(),
            "certificates": [data.hex() for data in self.certificates],
            "areas": [_area_to_json(area) for area in self.areas],
            "limits": {f.name: getattr(self.limits, f.name) for f in fields(Limits)},
        }

    @classmethod
    def from_json(cls, document: object) -> ChainParams:
        """Inverse of `to_json`; limits left out take their defaults."""
        at = _Reader(document, "app_state", ("operator_root", "certificates", "areas"), ("limits",))
        areas = tuple(
            _area_from_json(item, f"app_state.areas[{index}]")
            for index, item in enumerate(at.items("areas", 1, MAX_AREAS))
        )
        if len({area.area for area in areas}) != len(areas):
            raise ParamsError("app_state.areas: an area number is there twice")
        return cls(
            operator_root=at.hex("operator_root", 32),
            areas=tuple(sorted(areas, key=lambda area: area.area)),
            certificates=tuple(
                _hex(item, f"app_state.certificates[{index}]")
                for index, item in enumerate(at.items("certificates", 0, MAX_AREAS))
            ),
            limits=_limits_from_json(at.get("limits", {})),
        )


class _Reader:
    def __init__(
        self, document: object, path: str, needed: tuple[str, ...], more: tuple[str, ...] = ()
    ) -> None:
        if not isinstance(document, Mapping):
            raise ParamsError(f"{path}: expected an object")
        missing = [key for key in needed if key not in document]
        unknown = [key for key in document if key not in needed + more]
        if missing or unknown:
            raise ParamsError(f"{path}: missing keys {missing}, unknown keys {unknown}")
        self._document, self.path = document, path

    def get(self, key: str, default: object = None) -> object:
        return self._document.get(key, default)

    def integer(self, key: str, least: int, most: int) -> int:
        value = self._document[key]
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ParamsError(f"{self.path}.{key}: expected an integer in {least}..{most}")
        return value

    def items(self, key: str, least: int, most: int) -> list[object]:
        value = self._document[key]
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise ParamsError(f"{self.path}.{key}: expected a list of {least}..{most} items")
        return value

    def name(self, key: str, names: Mapping[str, object]) -> str:
        value = self._document[key]
        if not isinstance(value, str) or value not in names:
            raise ParamsError(f"{self.path}.{key}: expected one of {', '.join(sorted(names))}")
        return value

    def hex(self, key: str, size: int) -> bytes:
        data = _hex(self._document[key], f"{self.path}.{key}")
        if len(data) != size:
            raise ParamsError(f"{self.path}.{key}: expected {size} bytes, found {len(data)}")
        return data


def _hex(value: object, path: str) -> bytes:
    try:
        return bytes.fromhex(value) if isinstance(value, str) else _not_hex(path)
    except ValueError:
        return _not_hex(path)


def _not_hex(path: str) -> bytes:
    raise ParamsError(f"{path}: expected bytes in hex")


_ENERGY_NUMBERS = {name: number for number, name in codes.ENERGY_TYPES.items()}
_PRICE_KEYS = ("base", "least", "most", "load_slope", "generation_slope")


def _area_to_json(area: Area) -> dict[str, object]:
    return {
        "area": area.area,
        "price_interval_s": area.price_interval_s,
        "formula": area.formula,
        "energies": [
            {
                "energy": codes.ENERGY_TYPES[price.energy],
                **{key: getattr(price, key) for key in _PRICE_KEYS},
            }
            for price in area.energies
        ],
    }


def _area_from_json(document: object, path: str) -> Area:
    at = _Reader(document, path, ("area", "price_interval_s", "formula", "energies"))
    energies = tuple(
        sorted(
            (
                _price_from_json(item, f"{path}.energies[{index}]")
                for index, item in enumerate(at.items("energies", 1, 32))
            ),
            key=lambda price: price.energy,
        )
    )
    numbers = [price.energy for price in energies]
    if len(set(numbers)) != len(numbers) or codes.GRID not in numbers:
        raise ParamsError(f"{path}.energies: expected each type once, grid among them")
    return Area(
        area=at.integer("area", 1, (1 << 32) - 1),
        price_interval_s=at.integer("price_interval_s", 10, 86_400),
        formula=at.name("formula", FORMULAS),
        energies=energies,
    )


def _price_from_json(document: object, path: str) -> EnergyPrice:
    at = _Reader(document, path, ("energy", *_PRICE_KEYS))
    numbers = {key: at.integer(key, 0, MAX_PRICE_MICRO) for key in _PRICE_KEYS}
    if not numbers["least"] <= numbers["base"] <= numbers["most"]:
        raise ParamsError(f"{path}: expected least <= base <= most")
    return EnergyPrice(energy=_ENERGY_NUMBERS[at.name("energy", _ENERGY_NUMBERS)], **numbers)


def _limits_from_json(document: object) -> Limits:
    names = tuple(f.name for f in fields(Limits))
    at = _Reader(document, "app_state.limits", (), names)
    given = {name: at.integer(name, 1, 10**9) for name in names if at.get(name) is not None}
    limits = Limits(**given)
    if limits.command_renew_s >= limits.command_validity_s:
        raise ParamsError("app_state.limits.command_renew_s: must be below command_validity_s")
    if not 2 <= limits.record_window <= 1024:
        raise ParamsError("app_state.limits.record_window: expected an integer in 2..1024")
    if limits.switch_gap_s < 10 or limits.switches_per_hour > 6:
        raise ParamsError(
            "app_state.limits: relays wear out beyond a switching each 10 s or 6 an hour"
        )
    return limits
