"""CSE7766 and its kin (CSE7759B, HLW8032): one channel of AC metering that sends unasked, 4800 8E1.

Frame as in Tasmota's xnrg_02_cse7766 and ESPHome's cse7766: header, 5A, then coefficient and cycle
of voltage, current and power (24 bits each, most significant byte first; value = coefficient /
cycle), a byte that says which cycles are valid, the counter of energy pulses (CF), and the sum of
bytes 2 to 22. The counter has 16 bits, starts at 0 with the chip, and one count is
power coefficient / 3.6e9 Wh: at 5 kW it wraps each minute or so, so poll every few seconds.
"""

from core.errors import SensorRefused
from drivers.calibration import UNITY, Calibration, corrected
from drivers.receiving import big24, receive
from drivers.sample import Sample
from metering.counted import CountedRegister

BAUD = 4800
MAX_W = 6000
"""25 A at 240 V: what modules with this chip are built for."""
COUNTER_WRAP = 1 << 16

_FRAME_BYTES = 24
_SUMMED = (2, 23)
_SECOND = 0x5A
_GOOD, _NOT_CALIBRATED, _ABNORMAL = 0x55, 0xAA, 0xF0
_POWER_OUT_OF_RANGE = 0x02
_VOLTAGE_VALID, _CURRENT_VALID, _POWER_VALID = 0x40, 0x20, 0x10
_COUNT_DENOMINATOR = 3600000000


def take_frame(buffer: bytearray) -> "bytes | None":
    """The first whole frame in what has arrived; drops what is before it, and itself."""
    while buffer:
        if _may_begin(buffer):
            if len(buffer) < _FRAME_BYTES:
                return None
            frame = bytes(buffer[:_FRAME_BYTES])
            if sum(frame[_SUMMED[0] : _SUMMED[1]]) & 0xFF == frame[-1]:
                buffer[:] = buffer[_FRAME_BYTES:]
                return frame
        buffer[:] = buffer[1:]
    return None


def _may_begin(buffer: bytearray) -> bool:
    first = buffer[0]
    known = first in (_GOOD, _NOT_CALIBRATED) or first & _ABNORMAL == _ABNORMAL
    return known and (len(buffer) < 2 or buffer[1] == _SECOND)


class Cse7766:
    """The only chip of its UART; the frequency it does not measure is 0."""

    direction = False

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
        self._coefficients: "tuple | None" = None
        self._register = CountedRegister(COUNTER_WRAP, MAX_W)

    def energy_register(self) -> CountedRegister:
        """The cumulative register that understands this chip's counter."""
        return self._register

    async def poll(self) -> Sample:
        """Measure. Raises `SensorSilent`, `SensorGarbled` or `SensorRefused`."""
        self._port.discard()
        try:
            frame = await receive(
                self._port, self._clock, self._timeout_ms, self._take, "CSE7766 %d" % self.address
            )
            self._refuse(frame[0])
        except Exception:
            self._register.failed()
            raise
        return self._sample(frame)

    def _take(self, buffer: bytearray) -> "bytes | None":
        """A frame whose coefficients are those of the frame before.

        They are burnt into the chip: 72 bits that never change make up for 8 bits of checksum.
        """
        while True:
            frame = take_frame(buffer)
            if frame is None:
                return None
            coefficients = (big24(frame, 2), big24(frame, 8), big24(frame, 14))
            if coefficients == self._coefficients:
                return frame
            self._coefficients = coefficients
            if coefficients[2]:
                gain = self.calibration.energy
                self._register.scale(coefficients[2] * gain, _COUNT_DENOMINATOR * UNITY)

    def _refuse(self, header: int) -> None:
        where = "CSE7766 %d" % self.address
        if header == _NOT_CALIBRATED or not all(self._coefficients):
            raise SensorRefused("the chip has no coefficients", where, "replace it")
        if header & _ABNORMAL == _ABNORMAL and header & ~_ABNORMAL & ~_POWER_OUT_OF_RANGE:
            raise SensorRefused("the chip reports fault 0x%02x" % header, where, "check wiring")

    def _sample(self, frame: bytes) -> Sample:
        valid = frame[20]
        if frame[0] & _ABNORMAL == _ABNORMAL and frame[0] & _POWER_OUT_OF_RANGE:
            valid &= ~_POWER_VALID  # next to no load
        voltage, current, power = self._coefficients
        power_mw = _value(valid & _POWER_VALID, power, frame, 17, self.calibration.power)
        current_ma = _value(valid & _CURRENT_VALID, current, frame, 11, self.calibration.current)
        return Sample(
            _value(valid & _VOLTAGE_VALID, voltage, frame, 5, self.calibration.voltage),
            current_ma if power_mw else 0,  # below 50 mA a current is noise
            power_mw,
            0,
            frame[21] << 8 | frame[22],
        )


def _value(
    valid: int, coefficient: int, frame: bytes, at: int, correction: "tuple[int, int]"
) -> int:
    cycle = big24(frame, at)
    return corrected(coefficient * 1000, cycle, correction) if valid and cycle else 0


def make(metering: object, channel: object, port: object, clock: object) -> Cse7766:
    """The driver of one channel."""
    return Cse7766(port, channel.sensor, clock, metering.timeout_ms, channel.calibration)
