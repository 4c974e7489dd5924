"""PZEM-004T v3 metering modules: Modbus RTU at 9600 8N1 with a few commands of their own.

Registers and limits as in mandulaj/PZEM-004T-v30 and ESPHome's pzemac: input registers 0..9
(V 0.1; A 0.001, W 0.1 and Wh with the low word first; Hz 0.1; power factor 0.01; alarm), holding
registers 1 (alarm threshold, W) and 2 (address), 0x42 resets the energy, 0xF8 is the general
address that every module answers. The module has no direction: it counts |power|, up to
9999.99 kWh and from 0 again, keeps the count without mains, and is fed by what it measures.
"""

import asyncio
import struct
from collections.abc import Callable
from functools import reduce

from ledger.clock import Clock
from truewatt.emulator.physics.channel import Channel
from truewatt.emulator.wires.tty import Tty

GENERAL_ADDRESS = 0xF8
LOWEST_SUPPLY_V = 80.0
ENERGY_WRAP_WH = 10_000_000
_STARTING_W = 0.4
_MAX_ALARM_W = 25_000
_READ_HOLDING, _READ_INPUT, _WRITE_HOLDING, _RESET_ENERGY = 3, 4, 6, 0x42
_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 1, 2, 3
_INPUTS = 10
_HOLDINGS = 3
_REQUEST_BYTES = 8
_RESET_BYTES = 4
_CHAR_S = 10 / 9600
# Silence after which an unfinished request is forgotten: simulated, but with a floor in real
# time, because at high speed the machine's own jitter is longer than any simulated silence.
_FORGET_S = 0.05
_FORGET_REAL_S = 0.02
_TURNAROUND_S = 0.01


def crc16(data: bytes) -> bytes:
    """CRC-16/MODBUS, low byte first (Modbus over serial line V1.02, 6.2.2)."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return struct.pack("<H", crc)


def _crc_entry(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


_CRC_TABLE = [_crc_entry(value) for value in range(256)]


class _Refused(Exception):
    """The module answers with this Modbus exception code."""

    def __init__(self, code: int) -> None:
        self.code = code


class PzemModule:
    """One module on one channel of the world."""

    def __init__(self, address: int, channel: Channel) -> None:
        self.address = address
        self.channel = channel
        self.alarm_w = 23_000
        self._counted_wh = 0.0
        self._seen_wh = channel.absolute_wh

    @property
    def powered(self) -> bool:
        """Whether the measured voltage feeds the module."""
        return self.channel.voltage_v >= LOWEST_SUPPLY_V

    @property
    def energy_wh(self) -> int:
        """The energy register."""
        return int(self._counted_wh) % ENERGY_WRAP_WH

    def step(self) -> None:
        """Count the energy of the second that has passed."""
        counted = self.channel.absolute_wh - self._seen_wh
        self._seen_wh = self.channel.absolute_wh
        if abs(self.channel.power_w) >= _STARTING_W:
            self._counted_wh += counted

    def answer(self, body: bytes) -> bytes:
        """The answer to a request that is whole: address, function, data, without CRC."""
        function = body[1]
        try:
            if function == _READ_INPUT:
                data = self._read(body, self._inputs(), 0, _INPUTS)
            elif function == _READ_HOLDING:
                holdings = struct.pack(">HHH", 0, self.alarm_w, self.address)
                data = self._read(body, holdings, 1, _HOLDINGS)
            elif function == _WRITE_HOLDING:
                data = self._write(body)
            elif function == _RESET_ENERGY:
                self._counted_wh = 0.0
                data = b""
            else:
                raise _Refused(_ILLEGAL_FUNCTION)
        except _Refused as refusal:
            return bytes((body[0], function | 0x80, refusal.code))
        return bytes((body[0], function)) + data

    def _read(self, body: bytes, registers: bytes, first: int, end: int) -> bytes:
        start, count = struct.unpack_from(">HH", body, 2)
        if not 1 <= count <= _INPUTS:
            raise _Refused(_ILLEGAL_VALUE)
        if start < first or start + count > end:
            raise _Refused(_ILLEGAL_ADDRESS)
        return bytes((2 * count,)) + registers[2 * start : 2 * (start + count)]

    def _write(self, body: bytes) -> bytes:
        register, value = struct.unpack_from(">HH", body, 2)
        if register == 1 and value <= _MAX_ALARM_W:
            self.alarm_w = value
        elif register == 2 and 1 <= value <= 0xF7:
            self.address = value
        else:
            raise _Refused(_ILLEGAL_VALUE if register in (1, 2) else _ILLEGAL_ADDRESS)
        return bytes(body[2:6])

    def _inputs(self) -> bytes:
        channel = self.channel
        power_w = abs(channel.power_w)
        apparent_va = (power_w**2 + channel.reactive_var**2) ** 0.5
        if power_w < _STARTING_W:
            power_w = apparent_va = 0.0
        voltage_v = max(channel.voltage_v, 0.1)
        power_factor = power_w / apparent_va if apparent_va else 0.0
        milliamps = _low_word_first(round(1000 * apparent_va / voltage_v))
        return struct.pack(
            ">10H",
            round(10 * channel.voltage_v),
            *milliamps,
            *_low_word_first(round(10 * power_w)),
            *_low_word_first(self.energy_wh),
            round(10 * channel.frequency_hz),
            round(100 * power_factor),
            0xFFFF if power_w > self.alarm_w else 0,
        )


class PzemLine:
    """The modules on one UART. They answer on one wire, so two answers at once are ANDed."""

    def __init__(self, line: Tty, modules: list[PzemModule], paced: bool, clock: Clock) -> None:
        self.line = line
        self.modules = modules
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
        body = request[:-2]
        called = [m for m in self.modules if m.powered and body[0] in (m.address, GENERAL_ADDRESS)]
        answers = [module.answer(body) for module in called]
        frames = [answer + crc16(answer) for answer in answers]
        if frames:
            merged = reduce(_wired_and, frames)
            self._send(merged, len(request))

    def _send(self, frame: bytes, request_bytes: int) -> None:
        if not self._paced:
            self.line.write(frame)
            return
        takes_s = (request_bytes + len(frame)) * _CHAR_S + _TURNAROUND_S
        loop = asyncio.get_running_loop()
        loop.call_later(self._clock.wall(takes_s), self.line.write, frame)


def take_requests(received: bytearray, serve: Callable[[bytes], None]) -> None:
    """Hand out each whole request with a valid CRC; drop bytes that cannot begin one."""
    while len(received) >= _RESET_BYTES:
        size = _RESET_BYTES if received[1] == _RESET_ENERGY else _REQUEST_BYTES
        if len(received) < size:
            return
        frame = bytes(received[:size])
        if crc16(frame[:-2]) == frame[-2:]:
            del received[:size]
            serve(frame)
        else:
            del received[:1]


def _wired_and(a: bytes, b: bytes) -> bytes:
    longest = max(len(a), len(b))
    idle = b"\xff" * longest
    return bytes(x & y for x, y in zip((a + idle)[:longest], (b + idle)[:longest], strict=True))


def _low_word_first(value: int) -> tuple[int, int]:
    return value & 0xFFFF, value >> 16 & 0xFFFF
