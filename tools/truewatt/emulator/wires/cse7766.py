"""A CSE7766 metering chip: it sends a frame of 24 bytes all the time, 4800 8E1, and hears nothing.

Frame, header and valid bits as in Tasmota's xnrg_02_cse7766 (with frames of real devices) and
ESPHome's cse7766; about 50 ms between frames. Each part has coefficients of its own; `*_error` are
relative deviations of what is built around it, which a calibration is to correct. The counter has
16 bits and is volatile; bit 7 of the valid byte changes as it overflows.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from ledger.clock import Clock
from truewatt.emulator.physics.channel import Channel
from truewatt.emulator.wires.tty import Tty

# Coefficients of a real device (V, A, W times microseconds).
COEFFICIENTS = (194_400, 16_400, 5_351_000)
COUNTER_RANGE = 1 << 16
FRAME_BYTES = 24

_LONGEST_CYCLE = (1 << 24) - 1
_POWER_VALID_FROM_W = 5.0
_POWER_OUT_OF_RANGE = 0xF2
_GOOD = 0x55
_PERIOD_S = 0.05 + FRAME_BYTES * 11 / 4800
_SHORTEST_REAL_S = 0.005


@dataclass
class Cse7766Chip:
    """One chip on one channel of the world."""

    channel: Channel
    coefficients: tuple[int, int, int] = COEFFICIENTS
    voltage_error: float = 0.0
    current_error: float = 0.0
    power_error: float = 0.0
    powered: bool = True
    fault: int = 0
    """Header sent instead of the good one: 0xAA, 0xF1, 0xF4, 0xF8."""
    counts: float = 0.0
    _seen_wh: float = field(init=False)

    def __post_init__(self) -> None:
        self._seen_wh = self.channel.absolute_wh

    @property
    def counts_per_wh(self) -> float:
        """Pulses a Wh, nominally."""
        return 3.6e9 / self.coefficients[2]

    def step(self) -> None:
        """Count the energy since the last step."""
        counted_wh = self.channel.absolute_wh - self._seen_wh
        self._seen_wh = self.channel.absolute_wh
        if self.powered:
            self.counts += counted_wh * self.counts_per_wh * (1 + self.power_error)

    def cut_power(self) -> None:
        """Take its supply away: the counter is lost."""
        self.powered = False
        self.counts = 0.0

    def restore_power(self) -> None:
        """Give its supply back."""
        self.powered = True
        self._seen_wh = self.channel.absolute_wh

    def frame(self) -> bytes:
        """What it sends now."""
        channel = self.channel
        power_w = abs(channel.power_w) * (1 + self.power_error)
        amperes = (channel.power_w**2 + channel.reactive_var**2) ** 0.5
        amperes = amperes / channel.voltage_v if channel.voltage_v else 0.0
        values = (
            channel.voltage_v * (1 + self.voltage_error),
            amperes * (1 + self.current_error),
            power_w,
        )
        body = b""
        for coefficient, value in zip(self.coefficients, values, strict=True):
            body += coefficient.to_bytes(3, "big") + _cycle(coefficient, value)
        counter = int(self.counts)
        valid = 0x61 | (0x10 if power_w >= _POWER_VALID_FROM_W else 0)
        valid |= 0x80 if counter // COUNTER_RANGE % 2 else 0
        body += bytes((valid,)) + (counter % COUNTER_RANGE).to_bytes(2, "big")
        idle = self.coefficients[2] > power_w * _LONGEST_CYCLE
        header = self.fault or (_POWER_OUT_OF_RANGE if idle else _GOOD)
        return bytes((header, 0x5A)) + body + bytes((sum(body) & 0xFF,))


def _cycle(coefficient: int, value: float) -> bytes:
    """Microseconds for which the chip counted to come to `value`."""
    cycle = _LONGEST_CYCLE if value <= 0 else min(_LONGEST_CYCLE, round(coefficient / value))
    return cycle.to_bytes(3, "big")


class Cse7766Line:
    """The chip's one wire to a UART."""

    def __init__(self, line: Tty, chip: Cse7766Chip, clock: Clock) -> None:
        self.line = line
        self.chip = chip
        self.disturb: Callable[[bytes], bytes] = bytes
        self._period_real_s = max(clock.wall(_PERIOD_S), _SHORTEST_REAL_S)
        self._timer: asyncio.TimerHandle | None = None

    def attach(self) -> None:
        """Start sending; needs a running event loop."""
        self.send()
        self._timer = asyncio.get_running_loop().call_later(self._period_real_s, self.attach)

    def detach(self) -> None:
        """Stop sending."""
        if self._timer is not None:
            self._timer.cancel()

    def send(self) -> None:
        """Send a frame; dropped while the other end has not read the last ones."""
        self.line.read()  # no wire leads to the chip: what a board says is lost
        if self.chip.powered and self.line.unread() < FRAME_BYTES:
            self.line.write(self.disturb(self.chip.frame()))
