"""An ATM90E32 on a board's SPI: what it measures, in registers that the emulated SPI hands out.

Registers, units and thresholds as in ESPHome's atm90e32 and CircuitSetup's library. Its file:

    0   CS pin, powered (2 bytes each)
    4   counts of forward and reverse energy, 4 bytes each, ever growing: written here
    12  the same, as read and so cleared by the board: written by the board
    20  256 registers of 2 bytes; those from 0x80 on are written here, the others by the board

All big-endian. `*_error` are relative deviations of the parts from nominal, which gains and a
calibration are to correct.
"""

import math
import mmap
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from truewatt.emulator.physics.channel import Channel

COUNTS_PER_WH = 320
FILE_BYTES = 20 + 2 * 256
_HEAD, _PRODUCED, _CONSUMED, _REGISTERS = ">HH", 4, 12, 20
_PHASES = 3
_METER_EN, _MODE_0, _P_START = 0x00, 0x33, 0x35
_U_GAINS, _I_GAINS = (0x61, 0x65, 0x69), (0x62, 0x66, 0x6A)
_P_HIGH, _P_LOW, _Q_HIGH, _Q_LOW = 0xB1, 0xC1, 0xB5, 0xC5
_U, _I, _FREQUENCY = 0xD9, 0xDD, 0xF8
_W_PER_COUNT = 0.00032
_MODE_60_HZ = 0x1000
NOMINAL_GAIN_VOLTAGE, NOMINAL_GAIN_CURRENT = 7305, 27518


@dataclass(frozen=True)
class Phase:
    """What one phase of a metering point sees; power into what is behind it positive."""

    voltage_v: float
    power_w: float
    reactive_var: float

    @property
    def current_a(self) -> float:
        """RMS."""
        apparent_va = math.hypot(self.power_w, self.reactive_var)
        return apparent_va / self.voltage_v if self.voltage_v else 0.0


class ThreePhase(Protocol):
    """A metering point with three phases."""

    @property
    def phases(self) -> Sequence[Phase | Channel]:
        """The three phases now."""

    @property
    def frequency_hz(self) -> float:
        """The grid's frequency."""


class Balanced:
    """A single-phase equivalent, spread evenly over three phases."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel

    @property
    def frequency_hz(self) -> float:
        """The grid's frequency."""
        return self.channel.frequency_hz

    @property
    def phases(self) -> Sequence[Phase]:
        """Three times a third."""
        channel = self.channel
        third = Phase(channel.voltage_v, channel.power_w / 3, channel.reactive_var / 3)
        return (third,) * _PHASES


class Atm90e32Chip:
    """One chip at a three-phase metering point; its registers are the file `path`.

    `ratio`: of additional current transformers; the board multiplies by it.
    """

    def __init__(
        self, point: ThreePhase, path: Path, cs: int, ratio: int = 1, power_error: float = 0.0
    ) -> None:
        self.point = point
        self.path = path
        self.power_error = power_error
        self._ratio = ratio
        self._cs = cs
        # As on a chip: what an interrupted run left must not be taken for this one's.
        path.unlink(missing_ok=True)
        with path.open("wb") as file:
            file.write(bytes(FILE_BYTES))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), FILE_BYTES)
        self._counts = [0.0, 0.0]
        self.restore_power()

    @property
    def powered(self) -> bool:
        """Whether it has its supply."""
        return bool(struct.unpack_from(">H", self._memory, 2)[0])

    def cut_power(self) -> None:
        """Take its supply away: it forgets its mode, gains and counts."""
        struct.pack_into(_HEAD, self._memory, 0, self._cs, 0)
        self._memory[_REGISTERS:] = bytes(2 * 256)

    def restore_power(self) -> None:
        """Give its supply back."""
        self._memory[_CONSUMED:_REGISTERS] = self._memory[_PRODUCED:_CONSUMED]
        struct.pack_into(_HEAD, self._memory, 0, self._cs, 1)

    def close(self) -> None:
        """Take the chip off the board."""
        self._memory.close()
        self.path.unlink(missing_ok=True)

    def step(self) -> None:
        """Measure, and count the energy of the second that has passed."""
        if not self.powered or self._get(_METER_EN) != 1:
            return
        total_w = 0.0
        for number, phase in enumerate(self.point.phases):
            total_w += self._measure(number, phase)
        # A chip told the wrong mains frequency is out by far; here by its ratio, to be noticed.
        mains_hz = 60 if self._get(_MODE_0) & _MODE_60_HZ else 50
        self._put(_FREQUENCY, round(100 * self.point.frequency_hz))
        self._count(total_w if abs(self.point.frequency_hz - mains_hz) < 5 else 0.0)

    def _measure(self, number: int, phase: Phase | Channel) -> float:
        """Write one phase's registers; the power that they show, in W."""
        volts = self._get(_U_GAINS[number]) / NOMINAL_GAIN_VOLTAGE
        amperes = self._get(_I_GAINS[number]) / NOMINAL_GAIN_CURRENT / self._ratio
        gain = volts * amperes * (1 + self.power_error)
        self._put(_U + number, _word(100 * phase.voltage_v * volts))
        self._put(_I + number, _word(1000 * phase.current_a * amperes))
        power_w, reactive_var = phase.power_w * gain, phase.reactive_var * gain
        for value, high, low in (
            (power_w, _P_HIGH, _P_LOW),
            (reactive_var, _Q_HIGH, _Q_LOW),
        ):
            raw = round(value / _W_PER_COUNT) & 0xFFFFFFFF
            self._put(high + number, raw >> 16)
            self._put(low + number, raw & 0xFFFF)
        return power_w

    def _count(self, total_w: float) -> None:
        if abs(total_w) < self._get(_P_START) * _W_PER_COUNT:
            return
        side = 0 if total_w > 0 else 1
        self._counts[side] += abs(total_w) / 3600 * COUNTS_PER_WH
        at = _PRODUCED + 4 * side
        struct.pack_into(">I", self._memory, at, int(self._counts[side]) & 0xFFFFFFFF)

    def _get(self, register: int) -> int:
        value: int = struct.unpack_from(">H", self._memory, _REGISTERS + 2 * register)[0]
        return value

    def _put(self, register: int, value: int) -> None:
        struct.pack_into(">H", self._memory, _REGISTERS + 2 * register, value)


def _word(value: float) -> int:
    """RMS registers end at 16 bits."""
    return min(round(value), 0xFFFF)
