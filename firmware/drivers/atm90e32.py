"""ATM90E32: three phases with direction, over SPI (mode 3, one chip a board).

Registers, unlocking and units as in ESPHome's atm90e32 and CircuitSetup's library: U 10 mV, I 1 mA,
P 0.32 mW (two words), energy 1/320 Wh, which reading clears. The energies of all phases together
are used: what one phase exports while another imports is no exchange with the feeder.
"""

import asyncio
import math

from core.errors import SensorGarbled, SensorRefused, SensorSilent
from drivers.calibration import corrected
from metering.net_energy import NetRegisters

COUNTS_PER_WH = 320
MAX_PHASE_W = 22000
"""65.5 A, which is as far as the register goes, at 260 V and a little more."""

_METER_EN, _ZX_CONFIG, _PL_CONST_H, _PL_CONST_L, _MODE_0, _MODE_1 = (
    0x00,
    0x07,
    0x31,
    0x32,
    0x33,
    0x34,
)
_SOFT_RESET, _LAST_DATA, _UNLOCK = 0x70, 0x78, 0x7F
_GAINS = (0x61, 0x62, 0x65, 0x66, 0x69, 0x6A)  # U and I of phases A, B, C
_FORWARD, _REVERSE = 0x80, 0x84
_P_HIGH, _P_LOW, _Q_HIGH, _Q_LOW = 0xB1, 0xC1, 0xB5, 0xC5
_U, _I, _FREQUENCY = 0xD9, 0xDD, 0xF8
_FIXED = (
    (_PL_CONST_H, 0x0861),  # 3200 pulses a kWh
    (_PL_CONST_L, 0xC468),
    (_ZX_CONFIG, 0xD654),
    (0x35, 0x1D4C),  # active and reactive power below which nothing is counted: 2.4
    (0x36, 0x1D4C),
    (0x38, 0x02EE),  # the same for a phase: 0.24
    (0x39, 0x02EE),
)
_MODE_1_OF_PGA = {1: 0x00, 2: 0x15, 4: 0x2A}
_LIVE_MV = 10000


class Sample:
    """One poll: dV (mean of live phases), mA of the phase with most, W signed, var, mHz.

    `phase_ma` and `phase_w` by phase; `counter`: counts imported and exported since the last poll.
    """

    def __init__(self, volts_mv: list, phase_ma: list, phase_mw: list, power_mw: int, var: int):
        live = [mv for mv in volts_mv if mv >= _LIVE_MV]
        self.voltage_dv = (sum(live) // len(live) + 50) // 100 if live else 0
        self.phase_ma = phase_ma
        self.phase_w = [(mw + 500) // 1000 for mw in phase_mw]
        self.current_ma = max(phase_ma)
        self.power_w = (power_mw + 500) // 1000
        self.var = var
        apparent_w = math.sqrt(self.power_w * self.power_w + var * var)
        self.power_factor_milli = int(1000 * abs(self.power_w) / apparent_w) if apparent_w else 0
        self.frequency_mhz = 0
        self.counter = (0, 0)


class Atm90e32:
    """The chip behind `link` (`links.spi_port`), set up as `metering` (config.json) says."""

    direction = True
    address = 1

    def __init__(self, link: object, metering: object, calibration: object) -> None:
        self.calibration = calibration
        self._link = link
        self._ratio = metering.ratio
        self._gains = [
            gain for pair in zip(metering.gain_voltage, metering.gain_current) for gain in pair
        ]
        self._mode_0 = 0x0087 | (0x1000 if metering.line_hz == 60 else 0)
        self._mode_1 = _MODE_1_OF_PGA[metering.pga]

    def energy_register(self) -> NetRegisters:
        """Cumulative registers of both directions over this chip's counters."""
        numerator = self._ratio * self.calibration.energy
        max_w = 3 * MAX_PHASE_W * self._ratio
        return NetRegisters(numerator, COUNTS_PER_WH * 1000000, max_w)

    async def poll(self) -> Sample:
        """Measure. Raises `SensorSilent`, `SensorGarbled` or `SensorRefused`."""
        await self._ensure_set_up()
        read = self._link.read
        volts_mv = [self._volts(read(_U + phase)) for phase in range(3)]
        phase_ma = [self._milliamps(read(_I + phase)) for phase in range(3)]
        await asyncio.sleep_ms(0)
        phase_mw = [self._milli(_P_HIGH + phase, _P_LOW + phase) for phase in range(3)]
        await asyncio.sleep_ms(0)
        reactive_mvar = sum(self._milli(_Q_HIGH + phase, _Q_LOW + phase) for phase in range(3))
        await asyncio.sleep_ms(0)
        power_mw = self._power(sum(phase_mw))
        sample = Sample(volts_mv, phase_ma, phase_mw, power_mw, (abs(reactive_mvar) + 500) // 1000)
        sample.frequency_mhz = read(_FREQUENCY) * 10
        sample.counter = (self._taken(_FORWARD), self._taken(_REVERSE))
        return sample

    # ---- values ------------------------------------------------------------------------------

    def _volts(self, raw: int) -> int:
        return corrected(raw * 10, 1, self.calibration.voltage)

    def _milliamps(self, raw: int) -> int:
        return self._ratio * corrected(raw, 1, self.calibration.current)

    def _milli(self, high: int, low: int) -> int:
        """Thousandths of W or var, signed."""
        raw = self._link.read(high) << 16 | self._link.read(low)
        if raw & 0x80000000:
            raw -= 1 << 32
        return raw * 32 * self._ratio // 100

    def _power(self, power_mw: int) -> int:
        size_mw = corrected(abs(power_mw), 1, self.calibration.power)
        return size_mw if power_mw > 0 else -size_mw

    def _taken(self, register: int) -> int:
        """A counter that reading clears: the chip holds the word it sent, should it be damaged."""
        counts = self._link.read(register)
        sent = self._link.read(_LAST_DATA)
        if counts != sent and self._link.read(_LAST_DATA) != sent:
            raise SensorGarbled("words change on the way", "ATM90E32", "check SPI wiring")
        return sent

    # ---- set-up ------------------------------------------------------------------------------

    async def _ensure_set_up(self) -> None:
        """A chip that lost its supply has forgotten its mode and gains."""
        enabled = self._link.read(_METER_EN)
        if enabled == 0xFFFF:
            raise SensorSilent("no chip answers", "ATM90E32", "check power and SPI wiring")
        if enabled == 1 and self._link.read(_GAINS[0]) == self._gains[0]:
            return
        self._link.write(_SOFT_RESET, 0x789A)
        self._link.write(_UNLOCK, 0x55AA)
        self._set(_METER_EN, 1)
        for register, value in _FIXED:
            self._set(register, value)
        self._set(_MODE_0, self._mode_0)
        self._set(_MODE_1, self._mode_1)
        await asyncio.sleep_ms(0)
        for register, value in zip(_GAINS, self._gains):
            self._set(register, value)
        self._link.write(_UNLOCK, 0)

    def _set(self, register: int, value: int) -> None:
        self._link.write(register, value)
        if self._link.read(register) != value:
            todo = "check SPI wiring (mode 3)"
            raise SensorRefused("register 0x%02X can't be set" % register, "ATM90E32", todo)


def make(metering: object, channel: object, port: object, clock: object) -> Atm90e32:
    """The driver of the board's one channel."""
    return Atm90e32(port, metering, channel.calibration)
