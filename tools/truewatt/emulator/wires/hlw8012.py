"""An HLW8012, or a BL0937: its pulses on CF and CF1, in steps of a second or less.

Frequencies as in the HLW8012's data sheet (Vref 2.43 V, fosc 3.579 MHz) and in Belling's for the
BL0937 (Vref 1.218 V), computed here in floating point from the resistors; the firmware has integers
of its own. CF1 goes on for a while with what it told before SEL changed. `*_error` are relative
deviations of what is built around the chip, which a calibration is to correct.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ledger.clock import Clock
from truewatt.emulator.physics.channel import Channel
from truewatt.emulator.wires.pins import PinSocket

_OSCILLATOR_HZ = 3_579_000
_SETTLES_S = 0.3
_TURN_REAL_S = 0.01


@dataclass(frozen=True)
class Kind:
    """Reference in V, and what stands before V1 V2 / Vref^2, V1 / Vref and V2 / Vref, in Hz."""

    reference_v: float
    power_hz: float
    current_hz: float
    voltage_hz: float


HLW8012 = Kind(2.43, 48 / 128 * _OSCILLATOR_HZ, 24 / 512 * _OSCILLATOR_HZ, 2 / 512 * _OSCILLATOR_HZ)
BL0937 = Kind(1.218, 1_721_506, 94_638, 15_397)


@dataclass
class Hlw8012Chip:
    """One chip on one channel of the world.

    `pulse(pin, count)`: where its outputs lead. `sel_voltage`: the level of SEL at which CF1 tells
    voltage, on this board.
    """

    channel: Channel
    pulse: Callable[[str, int], None]
    kind: Kind = HLW8012
    shunt_ohm: float = 0.001
    divider: float = 2821.0
    sel_voltage: int = 1
    voltage_error: float = 0.0
    current_error: float = 0.0
    power_error: float = 0.0
    powered: bool = True
    _sel: int = 0
    _unsettled_s: float = 0.0
    _seen_wh: float = field(init=False)
    _owed: dict[str, float] = field(default_factory=lambda: {"cf": 0.0, "cf1": 0.0})

    def __post_init__(self) -> None:
        self._seen_wh = self.channel.absolute_wh

    @property
    def pulses_per_wh(self) -> float:
        """Pulses of CF, nominally."""
        kind = self.kind
        volts = self.shunt_ohm / self.divider  # V1 V2 of a watt
        return 3600 * kind.power_hz * volts / kind.reference_v**2

    def select(self, level: int | None) -> None:
        """SEL has this level; a pin that floats is pulled down."""
        level = level or 0
        if level != self._sel:
            self._sel, self._unsettled_s = level, _SETTLES_S

    def step(self, seconds: float = 1.0) -> None:
        """Send what `seconds` made, which the channel has stepped through before."""
        gained_wh = self.channel.absolute_wh - self._seen_wh
        self._seen_wh = self.channel.absolute_wh
        old_s = min(self._unsettled_s, seconds)
        self._unsettled_s -= old_s
        told = self._hz(self._sel) * (seconds - old_s) + self._hz(1 - self._sel) * old_s
        if self.powered:
            self._send("cf", gained_wh * self.pulses_per_wh * (1 + self.power_error))
            self._send("cf1", told)

    def cut_power(self) -> None:
        """Take its supply away: it is silent."""
        self.powered = False

    def restore_power(self) -> None:
        """Give its supply back."""
        self.powered = True

    def _hz(self, sel: int) -> float:
        """Frequency of CF1 with that level at SEL."""
        kind, channel = self.kind, self.channel
        if sel == self.sel_voltage:
            seen_v = channel.voltage_v / self.divider * (1 + self.voltage_error)
            return kind.voltage_hz * seen_v / kind.reference_v
        seen_v = channel.current_a * self.shunt_ohm * (1 + self.current_error)
        return kind.current_hz * seen_v / kind.reference_v

    def _send(self, output: str, pulses: float) -> None:
        self._owed[output] += pulses
        whole = int(self._owed[output])
        self._owed[output] -= whole
        if whole:
            self.pulse(output, whole)


class Hlw8012Pins(threading.Thread):
    """A chip under a steady load, on `pins` (cf, cf1, sel) of the board whose socket is `path`.

    It sends in small portions, in a thread with a loop of its own; wait for `opened`.
    """

    def __init__(
        self, path: Path, pins: Mapping[str, int], clock: Clock, channel: Channel, kind: Kind
    ) -> None:
        super().__init__(daemon=True)
        self.opened = threading.Event()
        self.ending = False
        self._pins, self._clock, self._channel = pins, clock, channel
        self._socket = PinSocket(path, self._changed)
        self.chip = Hlw8012Chip(channel, self._pulse, kind)

    def run(self) -> None:
        """Send until `ending`."""
        asyncio.run(self._work())

    async def _work(self) -> None:
        await self._socket.open()
        self.opened.set()
        last_ms = self._clock.mono_ms()
        while not self.ending:
            await asyncio.sleep(_TURN_REAL_S)
            now_ms = self._clock.mono_ms()
            seconds, last_ms = (now_ms - last_ms) / 1000, now_ms
            self._channel.absolute_wh += abs(self._channel.power_w) * seconds / 3600
            self.chip.step(seconds)
        self._socket.close()

    def _pulse(self, output: str, count: int) -> None:
        self._socket.pulse(self._pins[output], count)

    def _changed(self, pin: int, level: int | None) -> None:
        if pin == self._pins["sel"]:
            self.chip.select(level)
