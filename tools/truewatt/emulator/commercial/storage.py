"""A battery inverter that speaks SunSpec: its map is built from pysunspec2's models.

Models 1, 701, 702, 704 and 713, from 40000 on. A power that was set ends when the reversion timer
runs out (704, WSetRvrtTms), in the run's clock.
"""

import struct
from collections.abc import Callable
from typing import Any

from sunspec2.device import Model

from truewatt.emulator.commercial.meter import Measured

BASE = 40000
_MARK, _END = b"SunS", b"\xff\xff\x00\x00"
_READ_HOLDING, _WRITE_MULTIPLE = 3, 16
_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 1, 2, 3
_MAX_READ_WORDS = 125
_CONTROLS = 704
_WRITABLE = ("WSetEna", "WSetMod", "WSet", "WSetRvrt", "WSetEnaRvrt", "WSetRvrtTms")
_UNSIGNED_64 = 1 << 64


class EmulatedStorage:
    """An inverter of `rated_w` with a battery of `capacity_wh`."""

    def __init__(
        self,
        address: int,
        now_ms: Callable[[], int],
        rated_w: int = 5000,
        capacity_wh: int = 10_000,
        serial: str = "SIM0001",
    ) -> None:
        self.address = address
        self.rated_w = rated_w
        self.silent = self.stuck = False
        self._now_ms = now_ms
        self._enabled_ms = 0
        self._source: Callable[[], tuple[Measured, float]] | None = None
        self._models: dict[int, Any] = {n: Model(n) for n in (1, 701, 702, _CONTROLS, 713)}
        self._name(serial)
        self._rate(capacity_wh)
        self.measure(Measured([230.0], [0.0]), 0.5)

    # ---- between map and world -----------------------------------------------------------------

    def measure(self, measured: Measured, soc: float) -> None:
        """Replace what it measures; `soc` from 0 to 1."""
        model, store = self._models[701], self._models[713]
        power_w = sum(measured.power_w)
        # Generation is positive in SunSpec.
        model.W.value = round(-power_w)
        model.VA.value = round(abs(power_w))
        model.LNV.value = model.VL1.value = round(10 * measured.voltage_v[0])
        model.A.value = round(10 * abs(power_w) / (measured.voltage_v[0] or 1.0))
        model.Hz.value = round(1000 * measured.frequency_hz)
        model.TotWhAbs.value = round(measured.import_wh) % _UNSIGNED_64
        model.TotWhInj.value = round(measured.export_wh) % _UNSIGNED_64
        store.SoC.value = round(1000 * soc)

    def watch(self, source: Callable[[], tuple[Measured, float]]) -> None:
        """Measure what `source` gives whenever somebody asks."""
        self._source = source

    @property
    def setpoint_w(self) -> int | None:
        """The power that it was told to draw (positive) or to give (negative); None: on its own."""
        self._watch()
        model = self._models[_CONTROLS]
        return None if model.WSetEna.value != 1 else -int(model.WSet.value)

    # ---- Modbus --------------------------------------------------------------------------------

    def answer(self, request: bytes, now_s: float) -> bytes | None:
        """The answer to function and data, without address and checksum; None: silence."""
        if self.silent:
            return None
        self._watch()
        function, first, count = struct.unpack(">BHH", request[:5])
        if function == _READ_HOLDING:
            return self._read(first, count)
        if function == _WRITE_MULTIPLE and len(request) == 6 + 2 * count:
            return self._write(request, first, count)
        return bytes((function | 0x80, _ILLEGAL_FUNCTION))

    def _read(self, first: int, count: int) -> bytes:
        if self._source is not None:
            self.measure(*self._source())
        image = self._image()
        at = 2 * (first - BASE)
        if not 1 <= count <= _MAX_READ_WORDS:
            return bytes((_READ_HOLDING | 0x80, _ILLEGAL_VALUE))
        if at < 0 or at + 2 * count > len(image):
            return bytes((_READ_HOLDING | 0x80, _ILLEGAL_ADDRESS))
        return bytes((_READ_HOLDING, 2 * count)) + image[at : at + 2 * count]

    def _write(self, request: bytes, first: int, count: int) -> bytes:
        model, data = self._models[_CONTROLS], request[6:]
        at = first - self._start(_CONTROLS)
        points = {point.offset: point for name, point in model.points.items() if name in _WRITABLE}
        taken: list[tuple[Any, bytes]] = []
        while data:
            point = points.get(at)
            if point is None or len(data) < 2 * point.len:
                return bytes((_WRITE_MULTIPLE | 0x80, _ILLEGAL_ADDRESS))
            taken.append((point, data[: 2 * point.len]))
            data, at = data[2 * point.len :], at + point.len
        if not self.stuck:
            self._take(taken)
        return request[:5]

    def _take(self, taken: list[tuple[Any, bytes]]) -> None:
        model = self._models[_CONTROLS]
        for point, data in taken:
            point.set_mb(data)
        most = self.rated_w
        model.WSet.value = max(-most, min(most, model.WSet.value or 0))
        if any(point is model.WSetEna for point, _ in taken):
            self._enabled_ms = self._now_ms()

    def _watch(self) -> None:
        model = self._models[_CONTROLS]
        timeout_s = model.WSetRvrtTms.value or 0
        late = timeout_s and self._now_ms() - self._enabled_ms > 1000 * timeout_s
        if model.WSetEna.value == 1 and late:
            model.WSetEna.value = model.WSetEnaRvrt.value

    # ---- the map -------------------------------------------------------------------------------

    def _image(self) -> bytes:
        return _MARK + b"".join(bytes(m.get_mb()) for m in self._models.values()) + _END

    def _start(self, number: int) -> int:
        at = BASE + len(_MARK) // 2
        for known, model in self._models.items():
            if known == number:
                return at
            at += int(model.len)
        raise KeyError(number)

    def _name(self, serial: str) -> None:
        model = self._models[1]
        model.Mn.value, model.Md.value = "Emulated", "Storage"
        model.SN.value, model.DA.value = serial, self.address

    def _rate(self, capacity_wh: int) -> None:
        measures, rating, controls, store = (self._models[n] for n in (701, 702, _CONTROLS, 713))
        for name, scale in (("W_SF", 0), ("VA_SF", 0), ("V_SF", -1), ("A_SF", -1), ("Hz_SF", -3)):
            measures.points[name].value = scale
        measures.TotWh_SF.value = 0
        rating.W_SF.value, rating.WMaxRtg.value = 0, self.rated_w
        controls.WSet_SF.value, controls.WSetEna.value, controls.WSetMod.value = 0, 0, 1
        controls.WSet.value, controls.WSetRvrt.value = 0, 0
        controls.WSetEnaRvrt.value, controls.WSetRvrtTms.value = 0, 0
        store.WH_SF.value, store.Pct_SF.value, store.WHRtg.value = 0, -1, capacity_wh
