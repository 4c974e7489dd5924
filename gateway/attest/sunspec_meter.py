"""A meter that speaks SunSpec: models 201 to 203 in integers, 211 to 213 in floats.

Positive power is drawn from the grid, as evcc's `sunspec-meter` template has it for Fronius, Keba
and Kostal; SolarEdge's meters give it the other way round (its `solaredge` templates). Nothing can
be commanded.
"""

from gateway.attest.errors import WrongMeter
from gateway.attest.sunspec_map import Reads, SunSpecMap, model_of, scaled
from gateway.config import MeterConfig
from gateway.profiles import Readings
from gateway.profiles.counter import CounterLimits
from wireformat import codes

SUNSPEC_METER = "sunspec_meter"
"""What a configuration calls it, in the place of a profile."""

MODELS = {203: 107, 202: 107, 201: 107, 213: 126, 212: 126, 211: 126}
"""Words of each model with its head, the best to have first; one read takes 125."""

_WORDS = 125
_REVERSED = ("SolarEdge",)
DEFAULT_MAX_W = 3 * 230 * 100
_PHASES = (("l1", "A"), ("l2", "B"), ("l3", "C"))


class SunSpecMeter:
    """What is behind it draws import and gives export."""

    def __init__(self, bus: Reads, config: MeterConfig) -> None:
        self._config = config
        self._map = SunSpecMap(bus, config.address)
        model_of(min(MODELS))
        self.max_power_w = config.max_power_w or DEFAULT_MAX_W
        self.actions: frozenset[int] = frozenset()
        self.timeout_s = 0
        self.assets, self.rests_closed = 0, True
        self.title = "SunSpec meter"
        self._number, self._sign = 0, 1

    @property
    def registers(self) -> dict[str, CounterLimits]:
        """Of the integer models 32 bits of 10^SF Wh; a step may be as large as 1 kWh."""
        limits = CounterLimits(max_power_w=self.max_power_w, resolution_wh=1000)
        return {"import_wh": limits, "export_wh": limits}

    async def contact(self, probe_s: float | None = None) -> None:
        """Walk the map anew; raises `WrongMeter` if there is no meter in it, or another one."""
        await self._map.scan(probe_s)
        found = [number for number in MODELS if number in self._map.models]
        if not found:
            listed = ", ".join(map(str, sorted(self._map.models)))
            raise WrongMeter(f"no SunSpec meter: only models {listed}", self._map.where)
        maker, model, serial = await self._map.common()
        if self._config.serial and serial != self._config.serial:
            raise WrongMeter(f"serial {serial!r}, not {self._config.serial!r}", self._map.where)
        self._number, self._sign = found[0], -1 if maker in _REVERSED else 1
        self.title = f"{maker} {model} (SunSpec model {self._number}, serial {serial})"

    async def read(self) -> Readings:
        """What the meter measures; phases that it hasn't got are not available."""
        model = await self._map.read(self._number, _WORDS)
        found = {
            "power_w": scaled(model, "W", self._sign),
            "reactive_var": scaled(model, "VAR"),
            "frequency_mhz": scaled(model, "Hz", 1000),
            "import_wh": scaled(model, "TotWhImp"),
            "export_wh": scaled(model, "TotWhExp"),
        }
        for phase, letter in _PHASES:
            found[f"voltage_{phase}_dv"] = scaled(model, f"PhVph{letter}", 10)
            found[f"current_{phase}_ma"] = scaled(model, f"Aph{letter}", 1000)
            found[f"power_{phase}_w"] = scaled(model, f"Wph{letter}", self._sign)
        readings = Readings()
        for name, value in found.items():
            if value is None:
                readings.unavailable.append(name)
            elif name.startswith("power") and abs(value) > self.max_power_w:
                readings.implausible[name] = value
            else:
                readings.values[name] = value
        return readings

    # ---- nothing to set ------------------------------------------------------------------------

    def fault(self, action: int, value: int, asset: int = 0) -> int:
        """It can't be set to anything."""
        return codes.R_BAD_VALUE

    async def apply(self, action: int, value: int, asset: int = 0) -> None:
        """Never asked for."""
        raise AssertionError("a meter can't be commanded")

    async def state(self, action: int, asset: int = 0) -> int:
        """There is none."""
        return 0

    async def restore(self, asset: int | None = None) -> None:
        """There is nothing to restore."""
