"""A bought meter on the board's second RS-485: Modbus RTU, registers from the gateway's profiles.

The configuration has what the profile says (core.meter_config): which blocks to read, where each
value is, its type and scale. Values are computed as the gateway computes them, in integers: IEEE
754 singles too are taken apart. What the meter marks as "not available", and what it can't
measure, is refused.
"""

import asyncio
import math

from core.errors import SensorRefused
from drivers.receiving import receive
from links.crc16 import seal, sealed
from metering.meter_registers import DirectedRegisters, MeterRegister

_REFUSED = 0x80
_REFUSAL_BYTES = 5
_HEAD_BYTES, _CHECK_BYTES = 3, 2
_WORDS = {"u16": 1, "s16": 1, "u32": 2, "s32": 2, "float32": 2, "u64": 4, "s64": 4}
_FRACTION_BITS, _BIAS, _SPECIAL = 23, 150, 255
_MOST_WH = 1 << 40


class Sample:
    """One poll: dV, mA of the phase with most, W signed, var, mHz; `counter`: the meter's Wh."""

    reverse = False

    def __init__(self, values: dict, direction: bool) -> None:
        self.voltage_dv = values.get("voltage", 0)
        self.current_ma = max(
            abs(values.get("current_1", 0)),
            abs(values.get("current_2", 0)),
            abs(values.get("current_3", 0)),
        )
        power_w = values["power"]
        self.power_w = power_w if direction else abs(power_w)
        self.var = abs(values.get("reactive", 0))
        self.frequency_mhz = values.get("frequency", 0)
        apparent_va = math.sqrt(power_w * power_w + self.var * self.var)
        self.power_factor_milli = int(1000 * abs(power_w) / apparent_va) if apparent_va else 0
        wh = values["import"]
        self.counter = (wh, values["export"]) if direction else wh


class Rs485Meter:
    """The meter at `address`, described by `meter`, on `port`, which has its driver-enable pin."""

    def __init__(
        self, port: object, address: int, meter: object, clock: object, timeout_ms: int
    ) -> None:
        self.address = address
        self.direction = meter.direction
        self._port = port
        self._meter = meter
        self._clock = clock
        self._timeout_ms = timeout_ms
        self._where = "%s %d" % (meter.model, address)

    def energy_register(self) -> object:
        """The cumulative register, of both directions if the meter tells them apart."""
        meter = self._meter
        kind = DirectedRegisters if meter.direction else MeterRegister
        return kind(meter.wrap_wh, meter.max_w, meter.step_wh)

    async def poll(self) -> Sample:
        """Read all blocks. Raises `SensorSilent`, `SensorGarbled` or `SensorRefused`."""
        values = {}
        for number, block in enumerate(self._meter.blocks):
            if number and self._meter.pause_ms:
                await asyncio.sleep_ms(self._meter.pause_ms)
            self._take(block[0], await self._read(block[0], block[1]), values)
        return Sample(values, self.direction)

    def _take(self, first: int, answer: bytes, values: dict) -> None:
        """What a block has whole. As it came: a table of its words would take a KiB of heap."""
        for name, register in self._meter.registers.items():
            at = _HEAD_BYTES + 2 * (register[0] - first)
            size = 2 * _WORDS[register[1]]
            if at >= _HEAD_BYTES and at + size <= len(answer) - _CHECK_BYTES:
                values[name] = self._value(name, register, answer[at : at + size])

    async def _read(self, first: int, count: int) -> bytes:
        function = self._meter.function
        head = (self.address, function, first >> 8, first & 0xFF, 0, count)
        self._port.discard()
        await self._port.write(seal(bytes(head)))

        def take(buffer: bytearray) -> "bytes | None":
            return take_answer(buffer, self.address, function, 2 * count)

        answer = await receive(self._port, self._clock, self._timeout_ms, take, self._where)
        if answer[1] & _REFUSED:
            todo = "is it this model? provision with its --meter-profile"
            raise SensorRefused("exception %d at %d" % (answer[2], first), self._where, todo)
        return answer

    def _value(self, name: str, register: tuple, data: bytes) -> int:
        _, kind, numerator, denominator = register
        bits = self._bits(data)
        width = 16 * _WORDS[kind]
        signed = kind[0] == "s"
        most = (1 << (width - 1 if signed else width)) - 1
        if kind == "float32":
            value = single(bits, numerator, denominator)
        else:
            if self._meter.sentinel and bits == most:
                raise self._implausible("%s is not available" % name)
            raw = bits - (1 << width) if signed and bits >> (width - 1) else bits
            value = rounded(raw * numerator, denominator)
        if value is None:
            raise self._implausible("%s is not available" % name)
        if not self._possible(name, value):
            raise self._implausible("%s can't be %d" % (name, value))
        return value

    def _bits(self, data: bytes) -> int:
        bits, last = 0, len(data) - 2
        for index in range(0, len(data), 2):
            at = last - index if self._meter.low_word_first else index
            high, low = data[at], data[at + 1]
            bits = bits << 16 | (low << 8 | high if self._meter.low_byte_first else high << 8 | low)
        return bits

    def _possible(self, name: str, value: int) -> bool:
        if name in ("power", "reactive"):
            return abs(value) <= self._meter.max_w
        if name in ("import", "export"):
            return 0 <= value <= _MOST_WH
        return True

    def _implausible(self, what: str) -> Exception:
        return SensorRefused(what, self._where, "check model, phases and wiring")


def take_answer(buffer: bytearray, address: int, function: int, data_bytes: int) -> "bytes | None":
    """The answer in what has arrived; drops what can't begin one."""
    while len(buffer) >= 2:
        size = 0
        if buffer[0] == address:
            if buffer[1] == function and (len(buffer) < 3 or buffer[2] == data_bytes):
                size = _HEAD_BYTES + data_bytes + _CHECK_BYTES
            elif buffer[1] == function | _REFUSED:
                size = _REFUSAL_BYTES
        if size and len(buffer) < size:
            return None
        if size and sealed(buffer, 0, size):
            return bytes(buffer[:size])
        buffer[:] = buffer[1:]
    return None


def rounded(numerator: int, denominator: int) -> int:
    """The nearest integer, halves away from 0."""
    size = (abs(numerator) + denominator // 2) // denominator
    return -size if numerator < 0 else size


def single(bits: int, numerator: int, denominator: int) -> "int | None":
    """An IEEE 754 single times numerator / denominator; None: not a number, infinity."""
    exponent = bits >> _FRACTION_BITS & 0xFF
    if exponent == _SPECIAL:
        return None
    mantissa = bits & ((1 << _FRACTION_BITS) - 1)
    if exponent:
        mantissa |= 1 << _FRACTION_BITS
    shift = max(exponent, 1) - _BIAS
    if bits >> 31:
        mantissa = -mantissa
    if shift >= 0:
        return rounded((mantissa << shift) * numerator, denominator)
    return rounded(mantissa * numerator, denominator << -shift)


def make(metering: object, channel: object, port: object, clock: object) -> Rs485Meter:
    """The driver of one channel."""
    return Rs485Meter(port, channel.sensor, metering.meter, clock, metering.timeout_ms)
