"""BL0942: one channel of AC metering, asked over UART at 4800 8N1.

Packet, registers and references as in ESPHome's bl0942 and OpenBK7231T_App's drv_bl0942. The
counter of energy pulses (CF) has 24 bits, counts both directions upwards and starts at 0 with the
chip. One count is 1638.4 * 256 / PREF watt-seconds (OpenBK7231T_App; ESPHome derives the same from
a configured reference, while its default of 3304.6 counts a kWh is a measured one).
"""

from core.errors import SensorRefused
from drivers.calibration import UNITY, Calibration, corrected
from drivers.receiving import little24, receive
from drivers.sample import Sample
from metering.counted import CountedRegister

BAUD = 4800
ADDRESSES = (0, 3)
MAX_W = 17000
"""The current register's 24 bits end at 66.8 A."""
COUNTER_WRAP = 1 << 24

_READ = 0x58
_WRITE = 0xA8
_PACKET = 0xAA
_HEADER = 0x55
_PACKET_BYTES = 23
_REGISTER_BYTES = 4
_ALWAYS_ZERO = (18, 20, 21)

_MODE = 0x19
_WRITE_PROTECTION = 0x1D
_UNLOCK = 0x55
_MODE_WANTED = 0x87  # as after a reset: count CF, absolute values, do not clear on reading
_MODE_MASK = 0xC4

# Counts per kV, kA and W at nominal calibration.
_VOLTAGE_REF = 15873359
_CURRENT_REF = 251213465
_POWER_REF = 596
_COUNT_WS_X10 = 4194304


def checksum(address: int, body: bytes) -> int:
    """Complement of the sum of all bytes of request and answer."""
    return ~(_READ + address + sum(body)) & 0xFF


def request(address: int, register: int = _PACKET) -> bytes:
    """The frame that asks for a register, or for the packet of all measurements."""
    return bytes((_READ | address, register))


def writing(address: int, register: int, value: int) -> bytes:
    """The frame that writes 24 bits to a register; the chip does not answer it."""
    body = bytes((_WRITE | address, register)) + value.to_bytes(3, "little")
    return body + bytes((~sum(body) & 0xFF,))


def take_packet(buffer: bytearray, address: int) -> "bytes | None":
    """The packet in what has arrived; drops what can't begin one."""
    while buffer:
        if buffer[0] == _HEADER:
            if len(buffer) < _PACKET_BYTES:
                return None
            if _is_packet(buffer, address):
                return bytes(buffer[:_PACKET_BYTES])
        buffer[:] = buffer[1:]
    return None


def _is_packet(buffer: bytearray, address: int) -> bool:
    # The checksum has 8 bits only: what is always zero adds 24.
    zeros = not any(buffer[at] for at in _ALWAYS_ZERO)
    end = _PACKET_BYTES - 1
    return zeros and buffer[end] == checksum(address, bytes(buffer[:end]))


class Bl0942:
    """The chip at `address` (0 to 3) of a UART that several chips may share."""

    direction = False
    """Power has a sign, but the counter adds up both directions."""

    def __init__(
        self,
        port: object,
        address: int,
        clock: object,
        timeout_ms: int,
        calibration: "Calibration | None" = None,
    ) -> None:
        self.address = address
        self.calibration = calibration or Calibration()
        self._port = port
        self._clock = clock
        self._timeout_ms = timeout_ms
        self._configured = False
        self._register = CountedRegister(
            COUNTER_WRAP,
            MAX_W,
            _COUNT_WS_X10 * self.calibration.energy,
            36000 * _POWER_REF * UNITY,
        )

    def energy_register(self) -> CountedRegister:
        """The cumulative register that understands this chip's counter."""
        return self._register

    async def poll(self) -> Sample:
        """Measure. Raises `SensorSilent`, `SensorGarbled` or `SensorRefused`."""
        try:
            if not self._configured:
                await self._configure()
            packet = await self._ask(_PACKET, self._take_packet)
        except Exception:
            self._configured = False  # it may have been without power
            self._register.failed()
            raise
        return self._sample(packet)

    def _take_packet(self, buffer: bytearray) -> "bytes | None":
        return take_packet(buffer, self.address)

    async def _ask(self, register: int, take: object) -> object:
        self._port.discard()
        await self._port.write(request(self.address, register))
        where = "BL0942 %d" % self.address
        return await receive(self._port, self._clock, self._timeout_ms, take, where)

    async def _configure(self) -> None:
        """Have the chip count as this driver reads it, whoever configured it before."""
        mode = await self._ask(_MODE, self._take_mode)
        if mode & _MODE_MASK != _MODE_WANTED & _MODE_MASK:
            await self._port.write(writing(self.address, _WRITE_PROTECTION, _UNLOCK))
            await self._port.write(writing(self.address, _MODE, _MODE_WANTED))
            mode = await self._ask(_MODE, self._take_mode)
        if mode & _MODE_MASK != _MODE_WANTED & _MODE_MASK:
            where = "BL0942 %d" % self.address
            raise SensorRefused("mode stays 0x%x" % mode, where, "power it again")
        self._configured = True

    def _take_mode(self, buffer: bytearray) -> "int | None":
        while len(buffer) >= _REGISTER_BYTES:
            asked = bytes((_MODE,)) + bytes(buffer[:3])
            if buffer[3] == checksum(self.address, asked):
                return little24(buffer, 0)
            buffer[:] = buffer[1:]
        return None

    def _sample(self, packet: bytes) -> Sample:
        power = little24(packet, 10)
        reverse = power >= 1 << 23
        power = (1 << 24) - power if reverse else power
        period_us = packet[16] | packet[17] << 8
        calibration = self.calibration
        return Sample(
            corrected(little24(packet, 4) * 1000000, _VOLTAGE_REF, calibration.voltage),
            corrected(little24(packet, 1) * 1000000, _CURRENT_REF, calibration.current),
            corrected(power * 1000, _POWER_REF, calibration.power),
            1000000000 // period_us if period_us else 0,
            little24(packet, 13),
            reverse,
        )


def make(metering: object, channel: object, port: object, clock: object) -> Bl0942:
    """The driver of one channel."""
    return Bl0942(port, channel.sensor, clock, metering.timeout_ms, channel.calibration)
