"""ADE7953: one voltage, two currents (`sensor` 1: A, 2: B), with direction, over I2C.

Analog Devices' data sheet, Rev. B: I2C p. 53-54, energy p. 25, registers p. 60-67; set-up and scale
as in ESPHome's ade7953_base and Tasmota's xnrg_07_ade7953: V 1/26000, A 1/100000, W 1/154, and
154 x 154 counts of energy a Wh (at the data sheet's 206.9 kHz it would be 0.5 % fewer: calibrate).
Reading clears the counter, which is signed and has 24 bits.
"""

import asyncio

from core.errors import SensorGarbled, SensorRefused, SensorSilent
from drivers.calibration import UNITY, corrected
from drivers.sample import Sample
from metering.net_energy import NetRegisters

COUNTS_PER_WH = 23716
MAX_W = 31400
"""Full scale: 347 V times 90.3 A; a module's own parts end earlier."""

_PGA_V, _PGA_IA, _PGA_IB = 0x007, 0x008, 0x009
_CONFIG, _PHASE, _PERIOD = 0x102, 0x108, 0x10E
_UNLOCK, _OPTIMUM = 0x0FE, 0x120
_LAST_DATA = 0x3FF
_WATT, _VAR, _I, _ENERGY = 0x312, 0x314, 0x31A, 0x31E  # of channel A; B is one above
_VOLTS = 0x31C
_COMM_LOCK, _CONFIG_WANTED = 0x8000, 0x0004
_PGA_CODES = {1: 0, 2: 1, 4: 2, 8: 3, 16: 4}
_NEGATIVE_PHASE = 0x200
_TRUSTED_MS = 35000
"""At full scale the counter needs 40 s to change its sign by itself."""


class Ade7953:
    """One current of the chip behind `link` (`links.i2c_port`)."""

    direction = True

    def __init__(
        self, link: object, channel: int, clock: object, metering: object, calibration: object
    ) -> None:
        self.address = channel
        self.calibration = calibration
        self._link = link
        self._at = channel - 1
        self._clock = clock
        gains = (metering.pga_voltage, metering.pga_current[self._at])
        self._gains = gains
        phase = calibration.phase
        self._phase = phase if phase >= 0 else _NEGATIVE_PHASE - phase
        self._read_ms = None

    def energy_register(self) -> NetRegisters:
        """Cumulative registers of both directions over this chip's counter."""
        denominator = COUNTS_PER_WH * UNITY * self._gains[0] * self._gains[1]
        return NetRegisters(self.calibration.energy, denominator, MAX_W)

    async def poll(self) -> Sample:
        """Measure. Raises `SensorSilent`, `SensorGarbled` or `SensorRefused`."""
        try:
            return await self._measure()
        except OSError:
            todo = "check power, SDA, SCL and their pull-ups"
            raise SensorSilent("no chip answers", "ADE7953", todo)

    async def _measure(self) -> Sample:
        self._ensure_set_up()
        volts, amperes = self._gains
        calibration = self.calibration
        voltage_mv = corrected(self._link.read(_VOLTS, 4), 26 * volts, calibration.voltage)
        current_ma = corrected(
            self._link.read(_I + self._at, 4), 100 * amperes, calibration.current
        )
        await asyncio.sleep_ms(0)
        power = self._signed(_WATT + self._at) * 1000
        size_mw = corrected(abs(power), 154 * volts * amperes, calibration.power)
        period = self._link.read(_PERIOD, 2)
        frequency_mhz = 223750000 // (period + 1) if period else 0
        counts = self._taken()
        sample = Sample(
            voltage_mv,
            current_ma,
            -size_mw if power < 0 else size_mw,
            frequency_mhz,
            (max(counts, 0), max(-counts, 0)),
            power < 0,
        )
        sample.var = abs(self._signed(_VAR + self._at)) // (154 * volts * amperes)
        return sample

    def _signed(self, register: int) -> int:
        raw = self._link.read(register, 4)
        return raw - (1 << 32) if raw & 0x80000000 else raw

    def _taken(self) -> int:
        """What was counted since the last read, signed; the chip holds what it sent.

        After too long a silence the counter may have gone round, and its sign means nothing.
        """
        register = _ENERGY + self._at
        counts = self._signed(register)
        sent = self._signed(_LAST_DATA)
        if counts != sent and self._signed(_LAST_DATA) != sent:
            raise SensorGarbled("values change on the way", "ADE7953", "check I2C wiring")
        now_ms = self._clock.up_ms()
        last_ms, self._read_ms = self._read_ms, now_ms
        return sent if last_ms is not None and now_ms - last_ms <= _TRUSTED_MS else 0

    # ---- set-up ------------------------------------------------------------------------------

    def _ensure_set_up(self) -> None:
        """A chip that lost its supply has its lock bit set again, and the other default values."""
        link = self._link
        if link.read(_CONFIG, 2) & _COMM_LOCK:
            link.write(_CONFIG, _CONFIG_WANTED, 2)
            link.write(_UNLOCK, 0xAD, 1)
            link.write(_OPTIMUM, 0x30, 2)
            self._set(_PGA_V, _PGA_CODES[self._gains[0]], 1)
        # The other channel's driver may have been the one that noticed.
        self._set(_PGA_IB if self._at else _PGA_IA, _PGA_CODES[self._gains[1]], 1)
        self._set(_PHASE + self._at, self._phase, 2)

    def _set(self, register: int, value: int, size: int) -> None:
        if self._link.read(register, size) == value:
            return
        self._link.write(register, value, size)
        if self._link.read(register, size) != value:
            what = "register 0x%03X can't be set" % register
            raise SensorRefused(what, "ADE7953", "check I2C wiring")


def make(metering: object, channel: object, port: object, clock: object) -> Ade7953:
    """The driver of one channel."""
    return Ade7953(port, channel.sensor, clock, metering, channel.calibration)
