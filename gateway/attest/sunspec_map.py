"""A SunSpec device's map: where its models lie, and their points as pysunspec2 knows them.

Reading and writing go over the gateway's own bus, so that commands pass ahead of polling.
"""

import math
from fractions import Fraction
from typing import Any, Protocol

from gateway.attest.errors import NeedsPackage, WrongMeter
from gateway.collect.errors import ModbusRefused

BASES = (40000, 0, 50000)
"""Where the map may begin: SunSpec Device Information Model Specification V1.1, section 6.2."""

MARK, END = [0x5375, 0x6E53], 0xFFFF
COMMON, COMMON_WORDS = 1, 66
MAX_MODELS = 64
MOST_SCALE = 10
"""Of either sign: SunSpec Device Information Model Specification V1.1, section 4.2.8."""

MAX_VALUE = 10**14
"""More than any device counts, in any of its units: what is above it is not available."""


class Reads(Protocol):
    """A bus as far as a map needs it; raises `CollectError`s, `ModbusRefused` among them."""

    @property
    def name(self) -> str: ...

    async def read(
        self, address: int, first: int, count: int, *, probe_s: float | None = None
    ) -> list[int]: ...


class SunSpecMap:
    """The device at `address`; `scan` before all else."""

    def __init__(self, bus: Reads, address: int) -> None:
        self._line, self._address = bus, address
        self.models: dict[int, tuple[int, int]] = {}
        """Where each model begins, and its length with its head."""

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self._line.name} address {self._address}"

    async def scan(self, probe_s: float | None = None) -> None:
        """Walk the map anew: another device has another one. Raises `WrongMeter`."""
        at = await self._base(probe_s) + len(MARK)
        found: dict[int, tuple[int, int]] = {}
        for _ in range(MAX_MODELS):
            model, size = await self._words(at, 2)
            if model == END:
                self.models = found
                return
            found.setdefault(model, (at, size + 2))
            at += size + 2
            if at > 0xFFFF - 2:
                break
        raise WrongMeter("a SunSpec map without an end", self.where)

    async def read(self, number: int, words: int) -> Any:
        """A model with its points, as far as `words` go. Raises `WrongMeter` if it isn't there."""
        at, size = self.place(number)
        row = await self._words(at, min(words, size))
        return model_of(number, b"".join(word.to_bytes(2, "big") for word in row))

    def place(self, number: int) -> tuple[int, int]:
        """Where a model begins, and its length with its head. Raises `WrongMeter`."""
        if number not in self.models:
            raise WrongMeter(f"no SunSpec model {number}", self.where)
        return self.models[number]

    async def common(self) -> tuple[str, str, str]:
        """Manufacturer, model and serial number."""
        common = await self.read(COMMON, COMMON_WORDS)
        texts = (common.Mn.value, common.Md.value, common.SN.value)
        maker, model, serial = (str(text or "").strip("\0 ") for text in texts)
        return maker, model, serial

    async def _base(self, probe_s: float | None) -> int:
        for base in BASES:
            try:
                words = await self._line.read(self._address, base, 2, probe_s=probe_s)
            except ModbusRefused:
                continue
            if words == MARK:
                return base
        raise WrongMeter("no SunSpec map", self.where)

    async def _words(self, at: int, count: int) -> list[int]:
        try:
            return await self._line.read(self._address, at, count)
        except ModbusRefused as error:
            raise WrongMeter(f"not as a SunSpec map: {error.what}", self.where) from error


def model_of(number: int, data: bytes | None = None) -> Any:
    """pysunspec2's model `number`; raises `NeedsPackage`."""
    try:
        from sunspec2.device import Model
    except ImportError as error:
        raise NeedsPackage("pysunspec2 is not installed", f"SunSpec model {number}") from error
    return Model(number, data=data)


def scaled(model: Any, name: str, factor: int = 1) -> int | None:
    """A point in `factor`s of its unit, exactly; None if the device leaves it out."""
    point = model.points.get(name)
    if point is None or point.value is None:
        return None
    if isinstance(point.value, float):
        # Models with floats have no scale factors; what isn't a number is not available.
        return _sound(Fraction(point.value) * factor) if math.isfinite(point.value) else None
    scale = model.points[point.sf].value if point.sf else 0
    if not is_scale(scale):
        return None
    return _sound(int(point.value) * Fraction(10) ** scale * factor)


def is_scale(scale: int | None) -> bool:
    """Whether a scale factor is one: -10 to 10."""
    return scale is not None and abs(scale) <= MOST_SCALE


def _sound(value: Fraction) -> int | None:
    return round(value) if abs(value) <= MAX_VALUE else None
