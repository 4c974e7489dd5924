"""BL0942 metering chips on a UART: 4800 8N1, request and answer, up to four addresses.

Frames, registers and references as in ESPHome's bl0942 and OpenBK7231T_App's drv_bl0942 (one count
of energy is 1638.4 * 256 / 596 watt-seconds). The counter adds up both directions, has 24 bits and
is volatile: without its supply the chip forgets it and its mode. `*_error` are relative deviations
of the part from nominal, which a calibration is to correct.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from ledger.clock import Clock
from truewatt.emulator.physics.channel import Channel
from truewatt.emulator.wires.tty import Tty

VOLTS = 15873.35944299
AMPERES = 251213.46469622
WATTS = 596.0
COUNTS_PER_WH = 3600 * WATTS / (1638.4 * 256)
COUNTER_RANGE = 1 << 24
DEFAULT_MODE = 0x87

_READ, _WRITE, _PACKET = 0x58, 0xA8, 0xAA
_MODE, _SOFT_RESET, _WRITE_PROTECTION = 0x19, 0x1C, 0x1D
_UNLOCK, _RESET = 0x55, 0x5A5A5A
_COUNTER_ENABLED, _CLEAR_ON_READ, _ABSOLUTE = 0x04, 0x40, 0x80
_HIGHEST_ADDRESS = 3
_READ_BYTES, _WRITE_BYTES = 2, 6
_CHAR_S = 10 / 4800
# As for the PZEM-004T: simulated silence that ends a request, with a floor in real time.
_FORGET_S = 0.05
_FORGET_REAL_S = 0.02


def checksum(data: bytes) -> int:
    """Complement of the sum of all bytes, of the request's too."""
    return ~sum(data) & 0xFF


@dataclass
class Bl0942Chip:
    """One chip on one channel of the world."""

    channel: Channel
    address: int = 0
    frequency_hz: float = 50.0
    voltage_error: float = 0.0
    current_error: float = 0.0
    power_error: float = 0.0
    powered: bool = True
    mode: int = DEFAULT_MODE
    mode_is_stuck: bool = False
    counts: float = 0.0
    _writable: bool = False
    _seen_wh: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        self._seen_wh = self._energy_wh()

    def _energy_wh(self) -> tuple[float, float]:
        return self.channel.energy_wh, self.channel.absolute_wh

    def step(self) -> None:
        """Count the energy since the last step."""
        net_wh, absolute_wh = self._energy_wh()
        net_wh, absolute_wh = net_wh - self._seen_wh[0], absolute_wh - self._seen_wh[1]
        self._seen_wh = self._energy_wh()
        if self.powered and self.mode & _COUNTER_ENABLED:
            counted_wh = absolute_wh if self.mode & _ABSOLUTE else net_wh
            self.counts += counted_wh * COUNTS_PER_WH * (1 + self.power_error)

    def cut_power(self) -> None:
        """Take its supply away."""
        self.powered = False
        self._reset()

    def restore_power(self) -> None:
        """Give its supply back."""
        self.powered = True
        self._seen_wh = self._energy_wh()

    def _reset(self) -> None:
        self.counts = 0.0
        self._writable = False
        if not self.mode_is_stuck:
            self.mode = DEFAULT_MODE

    def answer(self, register: int) -> bytes:
        """The answer to a read request, checksum included; empty for an unknown register."""
        if register == _PACKET:
            body = self._packet()
        elif register == _MODE:
            body = self.mode.to_bytes(3, "little")
        else:
            return b""
        head = b"" if register == _PACKET else bytes((register,))
        return body + bytes((checksum(bytes((_READ | self.address,)) + head + body),))

    def write(self, register: int, value: int) -> None:
        """Take a write request whose checksum is right."""
        if register == _WRITE_PROTECTION:
            self._writable = value == _UNLOCK
        elif self._writable and register == _SOFT_RESET and value == _RESET:
            self._reset()
        elif self._writable and register == _MODE and not self.mode_is_stuck:
            self.mode = value

    def _packet(self) -> bytes:
        channel = self.channel
        apparent_va = (channel.power_w**2 + channel.reactive_var**2) ** 0.5
        amperes = apparent_va / channel.voltage_v if channel.voltage_v else 0.0
        volts = _unsigned(channel.voltage_v * VOLTS * (1 + self.voltage_error))
        current = _unsigned(amperes * AMPERES * (1 + self.current_error))
        watts = round(channel.power_w * WATTS * (1 + self.power_error))
        counter = (int(self.counts) % COUNTER_RANGE).to_bytes(3, "little")
        if self.mode & _CLEAR_ON_READ:
            self.counts -= int(self.counts)
        period_us = round(1e6 / self.frequency_hz).to_bytes(2, "little")
        status = (1 if watts < 0 else 0) | (2 if watts == 0 else 0)
        return (
            b"\x55"
            + current
            + volts
            + current
            + watts.to_bytes(3, "little", signed=True)
            + counter
            + period_us
            + bytes((0, status, 0, 0))
        )


class Bl0942Line:
    """The chips on one UART."""

    def __init__(self, line: Tty, chips: list[Bl0942Chip], paced: bool, clock: Clock) -> None:
        self.line = line
        self.chips = chips
        self.disturb: Callable[[bytes], bytes] = bytes
        self._paced = paced
        self._clock = clock
        self._received = bytearray()
        self._last_s = 0.0
        self._forget_s = max(_FORGET_S, _FORGET_REAL_S * clock.speed)

    def attach(self) -> None:
        """Start listening; needs a running event loop."""
        asyncio.get_running_loop().add_reader(self.line.fd, self.serve)

    def detach(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self.line.fd)

    def serve(self) -> None:
        """Answer what has arrived."""
        now_s = self._clock.mono_ns() / 1e9
        if now_s - self._last_s > self._forget_s:
            self._received.clear()
        self._last_s = now_s
        self._received += self.line.read()
        take_requests(self._received, self._serve)

    def _serve(self, request: bytes) -> None:
        for chip in self.chips:
            if not chip.powered or request[0] & _HIGHEST_ADDRESS != chip.address:
                continue
            if len(request) == _WRITE_BYTES:
                chip.write(request[1], int.from_bytes(request[2:5], "little"))
            else:
                self._send(self.disturb(chip.answer(request[1])))

    def _send(self, frame: bytes) -> None:
        if not self._paced:
            self.line.write(frame)
            return
        takes_s = (_READ_BYTES + len(frame)) * _CHAR_S
        asyncio.get_running_loop().call_later(self._clock.wall(takes_s), self.line.write, frame)


def take_requests(received: bytearray, serve: Callable[[bytes], None]) -> None:
    """Hand out each whole request; drop bytes that cannot begin one."""
    while len(received) >= _READ_BYTES:
        command = received[0] & ~_HIGHEST_ADDRESS
        size = {_READ: _READ_BYTES, _WRITE: _WRITE_BYTES}.get(command, 0)
        if len(received) < size:
            return
        frame = bytes(received[:size])
        whole = size == _READ_BYTES or (size and checksum(frame[:-1]) == frame[-1])
        del received[: size if whole else 1]
        if whole:
            serve(frame)


def _unsigned(value: float) -> bytes:
    return min(round(value), COUNTER_RANGE - 1).to_bytes(3, "little")
