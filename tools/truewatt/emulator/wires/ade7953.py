"""An ADE7953 on a board's I2C: what it measures, in registers that the emulated I2C hands out.

Registers, defaults and accumulation as in Analog Devices' data sheet, Rev. B (p. 25, 53-54, 60-67),
scale as in ESPHome's ade7953_base. Its file:

    0   1: powered, 0: not, 2: the board asked for a soft reset
    4   counts of energy of channel A and B, 4 bytes each, signed and ever going on: written here
    12  the same, as read and so cleared by the board: written by the board
    20  0x400 registers of 4 bytes by address; measured ones are written here, others by the board

All big-endian. `*_error` are relative deviations of the part from nominal, `phase_lead_deg` what a
clamp adds to the current: calibrations are to correct them.
"""

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from truewatt.emulator.physics.channel import Channel

COUNTS_PER_WH = 154 * 154
PHASE_STEPS_A_S = 893_850
NO_LOAD_W = 347.4 * 90.3 / 20_000
"""The default threshold: 20,000 to 1 below full scale."""
FILE_BYTES = 20 + 4 * 0x400
_STATE, _PRODUCED, _CONSUMED, _REGISTERS = 0, 4, 12, 20
_OFF, _ON, _RESET_ASKED = 0, 1, 2
_PGA_V, _PGA_I, _PHASE, _PERIOD, _OPTIMUM = 0x007, 0x008, 0x108, 0x10E, 0x120
_WATT, _VAR, _I, _V = 0x312, 0x314, 0x31A, 0x31C
_VOLTS, _AMPERES, _WATTS = 26_000.0, 100_000.0, 154.0
_PERIOD_HZ = 223_750.0
_GAINS = (*range(0x380, 0x385), *range(0x38C, 0x391))
_DEFAULTS = {0x004: 0x40, 0x102: 0x8004} | dict.fromkeys(_GAINS, 0x400000)
_UNSET_ERROR = 0.05
"""Without the setting that the data sheet requires (p. 18) the chip is out; here by this."""


@dataclass(frozen=True)
class Part:
    """How the parts around one current deviate from nominal."""

    current_error: float = 0.0
    power_error: float = 0.0
    phase_lead_deg: float = 0.0


class Ade7953Chip:
    """One chip; `channels` are what currents A and B see, on one voltage (that of A)."""

    def __init__(
        self,
        channels: list[Channel],
        path: Path,
        parts: tuple[Part, ...] = (),
        voltage_error: float = 0.0,
    ) -> None:
        self.channels = channels
        self.path = path
        self.voltage_error = voltage_error
        self.parts = parts or (Part(),) * len(channels)
        path.unlink(missing_ok=True)
        with path.open("wb") as file:
            file.write(bytes(FILE_BYTES))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), FILE_BYTES)
        self._counts = [0.0, 0.0]
        self.restore_power()

    def cut_power(self) -> None:
        """Take its supply away: it forgets settings and counts."""
        struct.pack_into(">I", self._memory, _STATE, _OFF)

    def restore_power(self) -> None:
        """Give its supply back."""
        self._memory[_REGISTERS:] = bytes(4 * 0x400)
        for register, value in _DEFAULTS.items():
            self._put(register, value)
        self._memory[_CONSUMED:_REGISTERS] = self._memory[_PRODUCED:_CONSUMED]
        struct.pack_into(">I", self._memory, _STATE, _ON)

    def close(self) -> None:
        """Take the chip off the board."""
        self._memory.close()
        self.path.unlink(missing_ok=True)

    def step(self) -> None:
        """Measure, and count the energy of the second that has passed."""
        state = struct.unpack_from(">I", self._memory, _STATE)[0]
        if state == _RESET_ASKED:
            self.restore_power()
        elif state == _OFF:
            return
        volts = (1 + self.voltage_error) * self._gain(_PGA_V)
        first = self.channels[0]
        self._put(_V, min(round(first.voltage_v * _VOLTS * volts), 0xFFFFFF))
        self._put(_PERIOD, round(_PERIOD_HZ / first.frequency_hz) - 1)
        for at, channel in enumerate(self.channels):
            self._measure(at, channel, volts)

    def _measure(self, at: int, channel: Channel, volts: float) -> None:
        part = self.parts[at]
        amperes = (1 + part.current_error) * self._gain(_PGA_I + at)
        self._put(_I + at, min(round(channel.current_a * _AMPERES * amperes), 0xFFFFFF))
        power_w, reactive_var = self._turned(at, channel, part.phase_lead_deg)
        scale = volts * amperes * (1 + part.power_error)
        if self._get(_OPTIMUM) != 0x30:
            scale *= 1 + _UNSET_ERROR
        self._put(_WATT + at, round(power_w * scale * _WATTS))
        self._put(_VAR + at, round(reactive_var * scale * _WATTS))
        if abs(power_w) < NO_LOAD_W:
            return
        self._counts[at] += power_w * scale * COUNTS_PER_WH / 3600
        whole = math.floor(self._counts[at]) & 0xFFFFFFFF
        struct.pack_into(">I", self._memory, _PRODUCED + 4 * at, whole)

    def _turned(self, at: int, channel: Channel, lead_deg: float) -> tuple[float, float]:
        """Power and reactive power as they look with the current shifted (positive: delayed)."""
        raw = self._get(_PHASE + at)
        steps = -(raw & 0x1FF) if raw & 0x200 else raw & 0x1FF
        delay_deg = steps * 360 * channel.frequency_hz / PHASE_STEPS_A_S
        shift = math.radians(delay_deg - lead_deg)
        cos, sin = math.cos(shift), math.sin(shift)
        power_w, reactive_var = channel.power_w, channel.reactive_var
        return power_w * cos - reactive_var * sin, reactive_var * cos + power_w * sin

    def _gain(self, register: int) -> int:
        return 1 << (self._get(register) & 7)

    def _get(self, register: int) -> int:
        value: int = struct.unpack_from(">I", self._memory, _REGISTERS + 4 * register)[0]
        return value

    def _put(self, register: int, value: int) -> None:
        struct.pack_into(">I", self._memory, _REGISTERS + 4 * register, value & 0xFFFFFFFF)
