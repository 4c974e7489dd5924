"""A battery inverter that speaks SunSpec: models 701 (measures), 704 (controls), 702 (rating).

These are the models of IEEE 1547-2018's interface. Model 704 has a
reversion timer of its own: left alone for `TIMEOUT_S`, the inverter ends what it was told.
"""

from fractions import Fraction
from typing import Any

from gateway.attest.errors import NotFollowed, WrongMeter
from gateway.attest.sunspec_map import SunSpecMap, is_scale, model_of, scaled
from gateway.collect.bus import Bus
from gateway.config import MeterConfig
from gateway.profiles import Readings
from gateway.profiles.counter import CounterLimits
from wireformat import codes

SUNSPEC_STORAGE = "sunspec_storage"
"""What a configuration calls it, in the place of a profile."""

MEASURES, RATING, CONTROLS = 701, 702, 704
TIMEOUT_S = 120
MEASURED_WORDS = 123
"""Of model 701: all but the maker's text; one read takes 125."""

DEFAULT_MAX_W = 25_000
WATTS, ENABLED, DISABLED = 1, 1, 0
INT32_END = 1 << 31


class SunSpecStorage:
    """A battery inverter: what it draws is import, what it gives is export."""

    def __init__(self, bus: Bus, config: MeterConfig) -> None:
        self._bus, self._config = bus, config
        self._map = SunSpecMap(bus, config.address)
        model_of(CONTROLS)
        self.max_power_w = config.max_power_w or DEFAULT_MAX_W
        self.actions = frozenset({codes.CHARGE, codes.DISCHARGE, codes.OPEN})
        self.timeout_s = TIMEOUT_S
        self.assets, self.rests_closed = 1, True

    @property
    def where(self) -> str:
        """For messages."""
        return self._map.where

    @property
    def registers(self) -> dict[str, CounterLimits]:
        """Both counters of model 701 are 64 bits wide."""
        limits = CounterLimits(max_power_w=self.max_power_w, resolution_wh=10)
        return {"import_wh": limits, "export_wh": limits}

    async def contact(self, probe_s: float | None = None) -> None:
        """Walk the map anew: another inverter has another one."""
        await self._map.scan(probe_s)
        models = self._map.models
        lacking = [str(model) for model in (MEASURES, CONTROLS) if model not in models]
        if lacking:
            raise WrongMeter(f"no SunSpec model {', '.join(lacking)}", self.where)
        _, _, serial = await self._map.common()
        if self._config.serial and serial != self._config.serial:
            raise WrongMeter(f"serial {serial!r}, not {self._config.serial!r}", self.where)
        if RATING in models and not self._config.max_power_w:
            rated_w = scaled(await self._map.read(RATING, 52), "WMaxRtg")
            self.max_power_w = rated_w or DEFAULT_MAX_W

    async def read(self) -> Readings:
        """Model 701: generation is positive there, here import is."""
        model = await self._map.read(MEASURES, MEASURED_WORDS)
        found = {
            "power_w": scaled(model, "W", -1),
            "voltage_dv": scaled(model, "LNV", 10),
            "current_ma": scaled(model, "A", 1000),
            "frequency_mhz": scaled(model, "Hz", 1000),
            "import_wh": scaled(model, "TotWhAbs"),
            "export_wh": scaled(model, "TotWhInj"),
        }
        readings = Readings()
        for name, value in found.items():
            if value is None:
                readings.unavailable.append(name)
            else:
                readings.values[name] = value
        return readings

    # ---- commands ------------------------------------------------------------------------------

    def fault(self, action: int, value: int, asset: int = 0) -> int:
        """Up to its rating, either way; OPEN is 0 W."""
        most_w = 0 if action == codes.OPEN else self.max_power_w
        good = action in self.actions and value <= most_w
        return codes.R_NONE if good else codes.R_BAD_VALUE

    async def apply(self, action: int, value: int, asset: int = 0) -> None:
        """Set the power; enabling comes last, and starts the reversion timer anew."""
        model = await self._map.read(CONTROLS, 67)
        watts = value if action == codes.DISCHARGE else -value
        raw = self._raw(watts, model.WSet_SF.value)
        model.WSetMod.value, model.WSet.value, model.WSetRvrt.value = WATTS, raw, 0
        model.WSetEnaRvrt.value, model.WSetRvrtTms.value = DISABLED, TIMEOUT_S
        model.WSetEna.value = ENABLED
        await self._write(model, "WSetMod", "WSetRvrt")
        await self._write(model, "WSetEnaRvrt", "WSetRvrtTms")
        await self._write(model, "WSetEna", "WSetEna")
        await self._follows(WSetEna=ENABLED, WSetMod=WATTS, WSet=raw, WSetRvrtTms=TIMEOUT_S)

    async def state(self, action: int, asset: int = 0) -> int:
        """W that are set, either way; 0 if it is left to itself."""
        model = await self._map.read(CONTROLS, 67)
        if model.WSetEna.value != ENABLED:
            return 0
        return abs(scaled(model, "WSet") or 0)

    async def restore(self, asset: int | None = None) -> None:
        """Leave it to its own control."""
        model = await self._map.read(CONTROLS, 67)
        model.WSetEna.value = DISABLED
        await self._write(model, "WSetEna", "WSetEna")
        await self._follows(WSetEna=DISABLED)

    def _raw(self, watts: int, scale: int | None) -> int:
        """W as the device counts them. Raises `WrongMeter` if its scale can't say them."""
        scale = scale or 0
        raw = int(Fraction(watts) / Fraction(10) ** scale) if is_scale(scale) else INT32_END
        if abs(raw) >= INT32_END:
            raise WrongMeter(f"{watts} W can't be set with a WSet_SF of {scale}", self.where)
        return raw

    async def _follows(self, **wanted: int) -> None:
        model = await self._map.read(CONTROLS, 67)
        for name, value in wanted.items():
            found = getattr(model, name).value
            if found != value:
                raise NotFollowed(f"{name} reads {found} after {value}", self.where)

    async def _write(self, model: Any, first: str, last: str) -> None:
        """Write the points from `first` to `last`, which lie side by side."""
        start, end = getattr(model, first), getattr(model, last)
        at, size = self._map.place(CONTROLS)
        if end.offset + end.len > size:
            raise WrongMeter(f"SunSpec model {CONTROLS} has {size} words, no {last}", self.where)
        names = [n for n, p in model.points.items() if start.offset <= p.offset <= end.offset]
        data = b"".join(model.points[name].get_mb() for name in names)
        words = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]
        await self._bus.write(self._config.address, at + start.offset, words, urgent=True)
