"""A Dutch or Belgian smart meter's P1 port: it talks by itself, once a second or every ten.

The port is read only, so nobody asks anything on it; the meter's newest telegram is what a visit
reads. dsmr_parser takes telegrams apart and checks their CRC (DSMR 4 and later have one).
"""

import asyncio
import contextlib
import importlib
import logging
from decimal import Decimal
from typing import Any

import serial

from gateway.attest.errors import NeedsPackage, WrongMeter
from gateway.collect.bus import Bus
from gateway.collect.errors import BusLost, GarbledReply, NoReply
from gateway.config import BusConfig, MeterConfig
from gateway.profiles import Readings
from gateway.profiles.counter import CounterLimits
from wireformat import codes

# It logs each bad line with a traceback; here a telegram that can't be read is named.
logging.getLogger("dsmr_parser").setLevel(logging.CRITICAL)

SPECIFICATIONS = {"p1_v4": "V4", "p1_v5": "V5", "p1_be": "BELGIUM_FLUVIUS", "p1_se": "SWEDEN"}
"""What a configuration calls them, and what dsmr_parser does."""

MAX_TELEGRAM_BYTES = 8192
"""DSMR 5.0.2 P1, section 5.12, has lines of at most 1024 characters; real telegrams have 1 KiB."""

MAX_VALUE = 10**9
"""More than any telegram has digits for, in kWh, kW, V or A."""

_PARSERS_BUGS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What dsmr_parser lets through where a telegram with a good CRC holds no number or no time."""

FRESH_S = 15.0
"""How old the newest telegram may be: a DSMR 4 meter sends one every 10 s."""

DEFAULT_MAX_W = 3 * 230 * 80
_READ_BYTES = 4096

_SUMS = {
    "import_wh": (
        "ELECTRICITY_USED_TARIFF_1",
        "ELECTRICITY_USED_TARIFF_2",
        "ELECTRICITY_IMPORTED_TOTAL",
    ),
    "export_wh": (
        "ELECTRICITY_DELIVERED_TARIFF_1",
        "ELECTRICITY_DELIVERED_TARIFF_2",
        "ELECTRICITY_EXPORTED_TOTAL",
    ),
}
_SINGLES = {
    "voltage_l1_dv": ("INSTANTANEOUS_VOLTAGE_L1", 10),
    "voltage_l2_dv": ("INSTANTANEOUS_VOLTAGE_L2", 10),
    "voltage_l3_dv": ("INSTANTANEOUS_VOLTAGE_L3", 10),
    "current_l1_ma": ("INSTANTANEOUS_CURRENT_L1", 1000),
    "current_l2_ma": ("INSTANTANEOUS_CURRENT_L2", 1000),
    "current_l3_ma": ("INSTANTANEOUS_CURRENT_L3", 1000),
}


class P1Bus(Bus):
    """A serial port on which one meter talks, in the place of a Modbus line."""

    def __init__(self, config: BusConfig) -> None:
        super().__init__(config)
        self._port: serial.Serial | None = None
        self._buffer = bytearray()
        self._newest = ""
        self._newest_s = 0.0
        self._came = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether the port is there, as far as its last use showed."""
        return self._port is not None

    async def open(self) -> None:
        """Open the port and listen; raises `BusLost`."""
        self.close()
        config = self._config
        try:
            self._port = serial.Serial(
                config.port, config.baud, parity=config.parity, timeout=0, exclusive=True
            )
        except Exception as error:
            # pyserial lets termios errors through, which share no base with OSError.
            raise BusLost(str(error), f"{config.name} {config.port}") from error
        asyncio.get_running_loop().add_reader(self._port.fileno(), self._on_readable)

    def close(self) -> None:
        """Close the port."""
        if self._port is not None:
            asyncio.get_running_loop().remove_reader(self._port.fileno())
            self._port.close()
            self._port = None
        self._buffer.clear()

    async def telegram(self, timeout_s: float) -> str:
        """The newest telegram, or the next one; raises `NoReply`, `GarbledReply`, `BusLost`."""
        self.requests += 1
        loop = asyncio.get_running_loop()
        if not self._newest or loop.time() - self._newest_s > FRESH_S:
            self._newest = ""
            self._came.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._came.wait()
        if self._port is None:
            raise BusLost("the port is gone", f"{self.name} {self._config.port}")
        if not self._newest:
            self.failures += 1
            if self._buffer:
                raise GarbledReply(f"{len(self._buffer)} bytes without a telegram", self.name)
            raise NoReply(f"no telegram within {timeout_s:.0f} s", self.name)
        return self._newest

    def forget(self) -> None:
        """The newest telegram can't be believed."""
        self.failures += 1
        self._newest = ""

    def _on_readable(self) -> None:
        assert self._port is not None
        try:
            data = self._port.read(_READ_BYTES)
        except (OSError, serial.SerialException):
            data = b""
        if not data:
            # Readable and empty: the adapter was pulled.
            self.close()
            self._came.set()
            return
        self._buffer += data
        self._take()
        if len(self._buffer) > MAX_TELEGRAM_BYTES:
            self._buffer.clear()

    def _take(self) -> None:
        """Keep the last whole telegram: from a slash to the line with the exclamation mark."""
        while (end := _end_of(self._buffer)) is not None:
            start = self._buffer.rfind(b"/", 0, end)
            if start >= 0:
                self._newest = bytes(self._buffer[start:end]).decode("ascii", "replace")
                self._newest_s = asyncio.get_running_loop().time()
                self._came.set()
            del self._buffer[:end]


def _end_of(buffer: bytearray) -> int | None:
    mark = buffer.find(b"\n!")
    if mark < 0:
        return None
    line = buffer.find(b"\n", mark + 1)
    return line + 1 if line >= 0 else None


class P1Driver:
    """The meter behind a `P1Bus`; nothing can be commanded."""

    def __init__(self, bus: P1Bus, config: MeterConfig) -> None:
        self._bus, self._config = bus, config
        self._parse, self._failure = _parser(SPECIFICATIONS[config.profile])
        self.max_power_w = config.max_power_w or DEFAULT_MAX_W
        self.actions: frozenset[int] = frozenset()
        self.timeout_s = 0
        self.assets, self.rests_closed = 0, True

    @property
    def registers(self) -> dict[str, CounterLimits]:
        """Counters of 6 digits before the point, in kWh; they wrap after decades."""
        limits = CounterLimits(self.max_power_w, wrap_wh=10**9, resolution_wh=1)
        return {"import_wh": limits, "export_wh": limits}

    async def contact(self, probe_s: float | None = None) -> None:
        """Its serial number is in each telegram."""
        telegram = await self._telegram(probe_s)
        found = _serial(telegram)
        if self._config.serial and found != self._config.serial:
            raise WrongMeter(f"serial {found!r}, not {self._config.serial!r}", self._bus.name)

    async def read(self) -> Readings:
        """The newest telegram's values; all tariffs together."""
        telegram = await self._telegram(None)
        readings = Readings()
        for name, parts in _SUMS.items():
            rows = [row for part in parts if (row := _value(telegram, part)) is not None]
            if rows:
                readings.values[name] = round(1000 * sum(rows))
        used = _value(telegram, "CURRENT_ELECTRICITY_USAGE")
        given = _value(telegram, "CURRENT_ELECTRICITY_DELIVERY")
        if used is not None:
            readings.values["power_w"] = round(1000 * (used - (given or 0)))
        for name, (part, factor) in _SINGLES.items():
            value = _value(telegram, part)
            if value is not None:
                readings.values[name] = round(factor * value)
        return readings

    async def _telegram(self, probe_s: float | None) -> Any:
        text = await self._bus.telegram(probe_s or max(self._bus.timeout_s, FRESH_S))
        try:
            return self._parse(text)
        except (self._failure, *_PARSERS_BUGS) as error:
            self._bus.forget()
            raise GarbledReply(f"{type(error).__name__}: {error}", self._bus.name) from error

    # ---- nothing to set ------------------------------------------------------------------------

    def fault(self, action: int, value: int, asset: int = 0) -> int:
        return codes.R_BAD_VALUE

    async def apply(self, action: int, value: int, asset: int = 0) -> None:
        raise AssertionError("a P1 port is read only")

    async def state(self, action: int, asset: int = 0) -> int:
        return 0

    async def restore(self, asset: int | None = None) -> None:
        return


def _parser(specification: str) -> tuple[Any, type[Exception]]:
    try:
        parsers = importlib.import_module("dsmr_parser.parsers")
        specifications = importlib.import_module("dsmr_parser.telegram_specifications")
        exceptions = importlib.import_module("dsmr_parser.exceptions")
    except ImportError as error:
        raise NeedsPackage("dsmr_parser is not installed", "P1") from error
    parser = parsers.TelegramParser(getattr(specifications, specification))

    def parse(text: str) -> Any:
        return parser.parse(text, throw_ex=True)

    return parse, exceptions.ParseError


def _value(telegram: Any, name: str) -> Decimal | None:
    found = getattr(telegram, name, None)
    value = getattr(found, "value", None)
    is_sound = isinstance(value, Decimal) and value.is_finite() and abs(value) < MAX_VALUE
    return value if is_sound else None


def _serial(telegram: Any) -> str:
    """The number on the label, which the telegram has as hex of its characters."""
    found = getattr(telegram, "EQUIPMENT_IDENTIFIER", None)
    try:
        return bytes.fromhex(str(getattr(found, "value", ""))).decode("ascii")
    except ValueError:
        return ""
