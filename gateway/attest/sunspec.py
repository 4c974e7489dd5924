"""A battery inverter that speaks SunSpec: models 701 (measures), 704 (controls), 702 (rating).

These are the models of IEEE 1547-2018's interface. pysunspec2 holds their points; reading and
writing go over the gateway's own bus, so that commands pass ahead of polling. Model 704 has a
reversion timer of its own: left alone for `TIMEOUT_S`, the inverter ends what it was told.
"""

from fractions import Fraction
from typing import Any

from gateway.attest.errors import NeedsPackage, NotFollowed, WrongMeter
from gateway.collect.bus import Bus
from gateway.collect.errors import ModbusRefused
from gateway.config import MeterConfig
from gateway.profiles import Readings
from gateway.profiles.counter import CounterLimits
from wireformat import codes

SUNSPEC_STORAGE = "sunspec_storage"
"""What a configuration calls it, in the place of a profile."""

BASES = (40000, 0, 50000)
"""Where the map may begin: SunSpec Device Information Model Specification V1.1, section 6.2."""

MARK, END = [0x5375, 0x6E53], 0xFFFF
COMMON, MEASURES, RATING, CONTROLS = 1, 701, 702, 704
TIMEOUT_S = 120
MAX_MODELS = 64
MEASURED_WORDS = 123
"""Of model 701: all but the maker's text; one read takes 125."""

DEFAULT_MAX_W = 25_000
WATTS, ENABLED, DISABLED = 1, 1, 0


class SunSpecStorage:
    """A battery inverter: what it draws is import, what it gives is export."""

    def __init__(self, bus: Bus, config: MeterConfig) -> None:
        self._bus, self._config = bus, config
        self._models: dict[int, tuple[int, int]] = {}
        self._model(CONTROLS)
        self.max_power_w = config.max_power_w or DEFAULT_MAX_W
        self.actions = frozenset({codes.CHARGE, codes.DISCHARGE, codes.OPEN})
        self.timeout_s = TIMEOUT_S

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self._bus.name} address {self._config.address}"

    @property
    def registers(self) -> dict[str, CounterLimits]:
        """Both counters of model 701 are 64 bits wide."""
        limits = CounterLimits(max_power_w=self.max_power_w, resolution_wh=10)
        return {"import_wh": limits, "export_wh": limits}

    async def contact(self, probe_s: float | None = None) -> None:
        """Walk the map anew: another inverter has another one."""
        self._models = await self._scan(probe_s)
        lacking = [str(model) for model in (MEASURES, CONTROLS) if model not in self._models]
        if lacking:
            raise WrongMeter(f"no SunSpec model {', '.join(lacking)}", self.where)
        common = await self._read(COMMON, 66)
        serial = str(common.SN.value or "").strip("\0 ")
        if self._config.serial and serial != self._config.serial:
            raise WrongMeter(f"serial {serial!r}, not {self._config.serial!r}", self.where)
        if RATING in self._models and not self._config.max_power_w:
            rated_w = _scaled(await self._read(RATING, 52), "WMaxRtg")
            self.max_power_w = rated_w or DEFAULT_MAX_W

    async def read(self) -> Readings:
        """Model 701: generation is positive there, here import is."""
        model = await self._read(MEASURES, MEASURED_WORDS)
        found = {
            "power_w": _scaled(model, "W", -1),
            "voltage_dv": _scaled(model, "LNV", 10),
            "current_ma": _scaled(model, "A", 1000),
            "frequency_mhz": _scaled(model, "Hz", 1000),
            "import_wh": _scaled(model, "TotWhAbs"),
            "export_wh": _scaled(model, "TotWhInj"),
        }
        readings = Readings()
        for name, value in found.items():
            if value is None:
                readings.unavailable.append(name)
            else:
                readings.values[name] = value
        return readings

    # ---- commands ------------------------------------------------------------------------------

    def fault(self, action: int, value: int) -> int:
        """Up to its rating, either way; OPEN is 0 W."""
        most_w = 0 if action == codes.OPEN else self.max_power_w
        good = action in self.actions and value <= most_w
        return codes.R_NONE if good else codes.R_BAD_VALUE

    async def apply(self, action: int, value: int) -> None:
        """Set the power; enabling comes last, and starts the reversion timer anew."""
        model = await self._read(CONTROLS, 67)
        watts = value if action == codes.DISCHARGE else -value
        scale = model.WSet_SF.value or 0
        raw = int(Fraction(watts) / Fraction(10) ** scale)
        model.WSetMod.value, model.WSet.value, model.WSetRvrt.value = WATTS, raw, 0
        model.WSetEnaRvrt.value, model.WSetRvrtTms.value = DISABLED, TIMEOUT_S
        model.WSetEna.value = ENABLED
        await self._write(model, "WSetMod", "WSetRvrt")
        await self._write(model, "WSetEnaRvrt", "WSetRvrtTms")
        await self._write(model, "WSetEna", "WSetEna")
        await self._follows(WSetEna=ENABLED, WSetMod=WATTS, WSet=raw, WSetRvrtTms=TIMEOUT_S)

    async def state(self, action: int) -> int:
        """W that are set, either way; 0 if it is left to itself."""
        model = await self._read(CONTROLS, 67)
        if model.WSetEna.value != ENABLED:
            return 0
        return abs(_scaled(model, "WSet") or 0)

    async def restore(self) -> None:
        """Leave it to its own control."""
        model = await self._read(CONTROLS, 67)
        model.WSetEna.value = DISABLED
        await self._write(model, "WSetEna", "WSetEna")
        await self._follows(WSetEna=DISABLED)

    async def _follows(self, **wanted: int) -> None:
        model = await self._read(CONTROLS, 67)
        for name, value in wanted.items():
            found = getattr(model, name).value
            if found != value:
                raise NotFollowed(f"{name} reads {found} after {value}", self.where)

    # ---- the map -------------------------------------------------------------------------------

    async def _scan(self, probe_s: float | None) -> dict[int, tuple[int, int]]:
        """Where each model begins, and its length with its head."""
        at = await self._base(probe_s) + len(MARK)
        found: dict[int, tuple[int, int]] = {}
        for _ in range(MAX_MODELS):
            model, size = await self._words(at, 2)
            if model == END:
                return found
            found.setdefault(model, (at, size + 2))
            at += size + 2
            if at > 0xFFFF - 2:
                break
        raise WrongMeter("a SunSpec map without an end", self.where)

    async def _base(self, probe_s: float | None) -> int:
        for base in BASES:
            try:
                words = await self._bus.read(self._config.address, base, 2, probe_s=probe_s)
            except ModbusRefused:
                continue
            if words == MARK:
                return base
        raise WrongMeter("no SunSpec map", self.where)

    async def _words(self, at: int, count: int) -> list[int]:
        try:
            return await self._bus.read(self._config.address, at, count)
        except ModbusRefused as error:
            raise WrongMeter(f"not as a SunSpec map: {error.what}", self.where) from error

    async def _read(self, number: int, words: int) -> Any:
        """A model with its points, as far as `words` go."""
        at, size = self._models[number]
        row = await self._words(at, min(words, size))
        return self._model(number, b"".join(word.to_bytes(2, "big") for word in row))

    async def _write(self, model: Any, first: str, last: str) -> None:
        """Write the points from `first` to `last`, which lie side by side."""
        start, end = getattr(model, first), getattr(model, last)
        names = [n for n, p in model.points.items() if start.offset <= p.offset <= end.offset]
        data = b"".join(model.points[name].get_mb() for name in names)
        words = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]
        at = self._models[CONTROLS][0] + start.offset
        await self._bus.write(self._config.address, at, words, urgent=True)

    @staticmethod
    def _model(number: int, data: bytes | None = None) -> Any:
        try:
            from sunspec2.device import Model
        except ImportError as error:
            raise NeedsPackage("pysunspec2 is not installed", SUNSPEC_STORAGE) from error
        return Model(number, data=data)


def _scaled(model: Any, name: str, factor: int = 1) -> int | None:
    """A point in `factor`s of its unit, exactly; None if the device leaves it out."""
    point = model.points[name]
    scale = model.points[point.sf].value if point.sf else 0
    if point.value is None or scale is None or not -10 <= scale <= 10:
        return None
    return round(int(point.value) * Fraction(10) ** scale * factor)
