"""PZEM-004T v3: one channel of AC metering by Modbus RTU at 9600 8N1, without direction.

Registers as in mandulaj/PZEM-004T-v30 and ESPHome's pzemac; 32-bit values low word first.
The energy counter is non-volatile, counts Wh up to 9,999.99 kWh and then starts over.
"""

import math

from core.errors import SensorGarbled, SensorRefused, SensorSilent
from links.crc16 import seal, sealed
from metering.energy import EnergyRegister

DIRECTION = False
"""The module measures magnitudes: it can't tell import from export."""
ENERGY_WRAP_WH = 10000000
MAX_W = 26000
"""100 A at 260 V: no plausible power is above this."""

_READ_INPUT = 4
_REGISTERS = 10
_ANSWER_BYTES = 25
_REFUSAL_BYTES = 5


class Sample:
    """One poll: dV, mA, W, var (magnitude), Wh, mHz, power factor in 1/1000."""

    def __init__(self, words: "list[int]") -> None:
        self.voltage_dv = words[0]
        self.current_ma = words[1] | words[2] << 16
        power_dw = words[3] | words[4] << 16
        self.power_w = (power_dw + 5) // 10
        self.energy_wh = words[5] | words[6] << 16
        self.counter = self.energy_wh
        self.frequency_mhz = words[7] * 100
        self.power_factor_milli = words[8] * 10
        self.var = self._reactive(power_dw / 10)

    def _reactive(self, active_w: float) -> int:
        apparent_va = self.voltage_dv * self.current_ma / 10000
        square = apparent_va * apparent_va - active_w * active_w
        return int(math.sqrt(square) + 0.5) if square > 0 else 0


def request(address: int) -> bytes:
    """The frame that asks module `address` for all ten registers."""
    return seal(bytes((address, _READ_INPUT, 0, 0, 0, _REGISTERS)))


def take_answer(buffer: bytearray, address: int) -> "Sample | None":
    """The module's answer from what has arrived, None while it is incomplete.

    Drops what can't begin an answer of `address` (noise, a late answer of another module).
    Raises `SensorRefused` on a Modbus exception.
    """
    while len(buffer) >= 2:
        size = _size(buffer, address)
        if size and len(buffer) < size:
            return None
        if size and sealed(buffer, 0, size):
            return _read(buffer, address, size)
        buffer[:] = buffer[1:]
    return None


def _size(buffer: bytearray, address: int) -> int:
    if buffer[0] != address:
        return 0
    if buffer[1] == _READ_INPUT:
        return _ANSWER_BYTES if len(buffer) < 3 or buffer[2] == 2 * _REGISTERS else 0
    return _REFUSAL_BYTES if buffer[1] == _READ_INPUT | 0x80 else 0


def _read(buffer: bytearray, address: int, size: int) -> Sample:
    if size == _REFUSAL_BYTES:
        raise SensorRefused("exception %d" % buffer[2], "module %d" % address, "power it again")
    words = [buffer[at] << 8 | buffer[at + 1] for at in range(3, 3 + 2 * _REGISTERS, 2)]
    return Sample(words)


class Pzem004t:
    """Module `address` on a UART that several modules may share (poll one after the other)."""

    direction = DIRECTION

    def __init__(self, port: object, address: int, clock: object, timeout_ms: int) -> None:
        self.address = address
        self._port = port
        self._request = request(address)
        self._clock = clock
        self._timeout_ms = timeout_ms

    def energy_register(self) -> EnergyRegister:
        """A cumulative register that understands this module's counter."""
        return EnergyRegister(ENERGY_WRAP_WH, MAX_W)

    async def poll(self) -> Sample:
        """Measure. Raises `SensorSilent`, `SensorGarbled` or `SensorRefused`."""
        self._port.discard()
        await self._port.write(self._request)
        deadline_ms = self._clock.up_ms() + self._timeout_ms
        buffer = bytearray()
        got = 0
        while True:
            left_ms = deadline_ms - self._clock.up_ms()
            chunk = await self._port.read(left_ms) if left_ms > 0 else b""
            if not chunk:
                raise self._fault(got)
            got += len(chunk)
            buffer.extend(chunk)
            sample = take_answer(buffer, self.address)
            if sample is not None:
                return sample

    def _fault(self, got: int) -> Exception:
        where = "module %d" % self.address
        if got:
            return SensorGarbled("%d bytes without a valid answer" % got, where, "check wiring")
        return SensorSilent(
            "no answer within %d ms" % self._timeout_ms, where, "check power and address"
        )


def make(metering: object, channel: object, port: object, clock: object) -> Pzem004t:
    """The driver of one channel."""
    return Pzem004t(port, channel.sensor, clock, metering.timeout_ms)
