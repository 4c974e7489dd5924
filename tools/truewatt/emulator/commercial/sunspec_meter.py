"""A meter that speaks SunSpec: its map is pysunspec2's model 1 and one of 201 to 213."""

import struct
from typing import Any

from sunspec2.device import Model

from truewatt.emulator.commercial.meter import Measured

_MARK, _END = b"SunS", b"\xff\xff\x00\x00"
_READ_HOLDING = 3
_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 1, 2, 3
_MAX_READ_WORDS = 125
_FLOATS = 211
_SCALES = {"A_SF": -2, "V_SF": -1, "Hz_SF": -2, "W_SF": 0, "VAR_SF": 0, "TotWh_SF": 0}
_PHASES = "ABC"


class EmulatedSunSpecMeter:
    """`number`: its meter model; `maker` decides nothing but what a reader makes of the sign."""

    def __init__(
        self, address: int, number: int = 203, base: int = 40000, maker: str = "Emulated"
    ) -> None:
        self.address = address
        self.silent = False
        self._base = base
        self._common, self._meter = Model(1), Model(number)
        self._common.Mn.value, self._common.Md.value = maker, "Meter"
        self._common.SN.value, self._common.DA.value = "SM0001", address
        self._floats = number >= _FLOATS
        for name, scale in ({} if self._floats else _SCALES).items():
            self._meter.points[name].value = scale
        self.measure(Measured([230.0], [0.0]))

    def measure(self, measured: Measured) -> None:
        """Replace what it measures; phases that are not given stay unavailable."""
        values: dict[str, float] = {
            "W": sum(measured.power_w),
            "Hz": measured.frequency_hz,
            "TotWhImp": measured.import_wh,
            "TotWhExp": measured.export_wh,
        }
        wired = zip(_PHASES, measured.voltage_v, measured.power_w, strict=False)
        for phase, volts, watts in wired:
            values |= {f"PhVph{phase}": volts, f"Wph{phase}": watts}
            values[f"Aph{phase}"] = watts / volts if volts else 0.0
        for name, value in values.items():
            self._put(self._meter.points[name], value)

    def _put(self, point: Any, value: float) -> None:
        if self._floats:
            point.value = float(value)
        else:
            scale = self._meter.points[point.sf].value if point.sf else 0
            point.value = round(value / 10**scale)

    def answer(self, request: bytes, now_s: float) -> bytes | None:
        """The answer to function and data, without address and checksum; None: silence."""
        if self.silent:
            return None
        function, first, count = struct.unpack(">BHH", request[:5])
        if function != _READ_HOLDING:
            return bytes((function | 0x80, _ILLEGAL_FUNCTION))
        if not 1 <= count <= _MAX_READ_WORDS:
            return bytes((function | 0x80, _ILLEGAL_VALUE))
        models = (self._common, self._meter)
        image = _MARK + b"".join(bytes(model.get_mb()) for model in models) + _END
        at = 2 * (first - self._base)
        if at < 0 or at + 2 * count > len(image):
            return bytes((function | 0x80, _ILLEGAL_ADDRESS))
        return bytes((function, 2 * count)) + image[at : at + 2 * count]
