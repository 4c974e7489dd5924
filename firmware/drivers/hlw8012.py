"""HLW8012 and its kin (CSE7759, BL0937): one channel of AC metering, told by two frequencies.

A pulse of CF is an amount of energy. CF1 tells voltage or current, as the pin SEL has it, and needs
some time after a change. With V1 across the shunt and V2 behind the divider (HLW8012 data sheet;
Vref 2.43 V, fosc 3.579 MHz, both within parts' tolerance, so calibrate):

    F(CF) = 48 V1 V2 / Vref^2 x fosc / 128, F(CF1) = 24 V1 / Vref x fosc / 512 for current,
    2 V2 / Vref x fosc / 512 for voltage

BL0937, Vref 1.218 V (Belling's data sheet, as ESPHome's hlw8012 has it): 1721506 V1 V2 / Vref^2,
94638 V1 / Vref, 15397 V2 / Vref. `core.metering_counters` makes of it what a hertz is worth.
Nobody counts while the board is off; a chip without power and one without load look alike, but for
0 V.
"""

import asyncio

from core.errors import SensorRefused
from drivers.calibration import UNITY, Calibration, corrected
from drivers.sample import Sample
from metering.pulses import PulseRegister

MOST_HZ = 6000
"""Above full scale: HLW8012 3.5 kHz at 31 and 495 mV, BL0937 4.4 kHz at 30 A, 250 V and 1 mOhm."""
SETTLE_MS = 500
"""Tasmota's xnrg_01_hlw8012 waits 300 ms after SEL has changed."""
WINDOW_MS = 1900
"""For which CF1 is counted: two polls a second apart, with what they may be early."""
AVERAGED_MS = 5000
"""For which power is averaged at least, while the load is steady; without a pulse in it it is 0."""

_UWS_PER_WH = 3600000000


class Hlw8012:
    """The only chip of its pins (`port` is a `links.counters_port.CountersPort`).

    `per_hz`: (uW, uA, uV) a hertz. The frequency that it does not measure is 0.
    """

    direction = False

    def __init__(
        self,
        port: object,
        address: int,
        clock: object,
        per_hz: "tuple[int, int, int]",
        calibration: "Calibration | None" = None,
    ) -> None:
        self.address = address
        self.calibration = calibration or Calibration()
        self._port = port
        self._clock = clock
        self._per_hz = per_hz
        self._handed = 0
        self._begun = False
        self._polled = self._older = self._newer = (0, 0)  # (pulses of CF, ms)
        # CF1: what it tells, since when, where counting began; and what it told of each.
        self._tells_voltage = True
        self._selected_ms = 0
        self._mark: "tuple[int, int] | None" = None
        self._voltage = self._current = (0, 1)

    def energy_register(self) -> PulseRegister:
        """The cumulative register over the pulses of CF."""
        gained = self._per_hz[0] * self.calibration.energy
        return PulseRegister(_UWS_PER_WH, (gained + UNITY // 2) // UNITY)

    async def poll(self) -> Sample:
        """What came since the last poll. Raises `SensorRefused` for what no chip sends.

        The first takes as long as it needs to know the voltage.
        """
        if not self._begun:
            await self._begin()
        now_ms, total = self._clock.up_ms(), self._port.cf.read()
        before, self._polled = self._polled, (total, now_ms)
        gained, self._handed = total - self._handed, total
        self._look(now_ms)
        pulses, elapsed_ms = total - before[0], max(1, now_ms - before[1])
        if pulses > MOST_HZ * elapsed_ms // 1000 + 2:
            self._older = self._newer = self._polled
            what = "%d pulses in %d ms: more than a chip sends" % (pulses, elapsed_ms)
            raise SensorRefused(what, "HLW8012 %d" % self.address, "check wiring")
        return self._sample(gained, self._rate(before, pulses, elapsed_ms))

    async def _begin(self) -> None:
        """CF1 tells voltage from the start: wait until it is steady, and count."""
        self._begun = True
        now_ms = self._clock.up_ms()
        self._polled = self._older = self._newer = (self._port.cf.read(), now_ms)
        self._port.select(True)
        self._selected_ms = now_ms
        await asyncio.sleep_ms(SETTLE_MS)
        self._look(self._clock.up_ms())
        await asyncio.sleep_ms(WINDOW_MS)

    def _look(self, now_ms: int) -> None:
        """Go on with CF1: let it settle, count, then have it tell the other."""
        total = self._port.cf1.read()
        if self._mark is None:
            if now_ms - self._selected_ms >= SETTLE_MS:
                self._mark = (total, now_ms)
            return
        told = (total - self._mark[0], now_ms - self._mark[1])
        if told[1] < WINDOW_MS:
            return
        if self._tells_voltage:
            self._voltage = told
        else:
            self._current = told
        self._tells_voltage = not self._tells_voltage
        self._port.select(self._tells_voltage)
        self._selected_ms = now_ms
        self._mark = None

    def _rate(self, before: tuple, pulses: int, elapsed_ms: int) -> "tuple[int, int]":
        """(pulses, ms) of the load as it is.

        Those of a steady load differ by one at most from what their mean says; as soon as they
        differ by more, it has changed, and what was before counts no more.
        """
        total, now_ms = self._polled
        counted, averaged_ms = total - self._older[0], max(1, now_ms - self._older[1])
        if abs(pulses * averaged_ms - counted * elapsed_ms) > averaged_ms:
            self._older = self._newer = before
            return pulses, elapsed_ms
        if now_ms - self._newer[1] >= AVERAGED_MS:
            self._older, self._newer = self._newer, self._polled
        return counted, averaged_ms

    def _sample(self, gained: int, rate: "tuple[int, int]") -> Sample:
        uw, ua, uv = self._per_hz
        power_mw = _value(rate, uw, self.calibration.power)
        current_ma = _value(self._current, ua, self.calibration.current)
        return Sample(
            _value(self._voltage, uv, self.calibration.voltage),
            current_ma if power_mw else 0,  # without power a current is noise
            power_mw,
            0,
            gained,
        )


def _value(told: "tuple[int, int]", per_hz: int, correction: "tuple[int, int]") -> int:
    """Thousandths of what (pulses, ms) are."""
    pulses, ms = told
    return corrected(pulses * per_hz, ms, correction)


def make(metering: object, channel: object, port: object, clock: object) -> Hlw8012:
    """The driver of one channel."""
    return Hlw8012(port, channel.sensor, clock, metering.per_hz, channel.calibration)
