"""S0: pulses of a meter's output (IEC 62053-31 class A, DIN 43864), without direction.

A pulse pulls the pin to ground for at least 30 ms, with at least 30 ms between two. It counts when
it ends, if it lasted `debounce_ms`: shorter ones are contacts that bounce, or noise. A meter that
is cut off and one that measures nothing look alike.
"""

import time

from core.errors import SensorRefused
from metering.energy import MS_PER_HOUR
from metering.pulses import PulseRegister

LEAST_PERIOD_MS = 60
_WH_PER_KWH = 1000


class Sample:
    """One poll: W from the time between pulses, and how many there were since the last poll."""

    voltage_dv = current_ma = var = frequency_mhz = power_factor_milli = 0
    reverse = False

    def __init__(self, power_w: int, counter: int) -> None:
        self.power_w = power_w
        self.counter = counter


class S0:
    """One output on `pin`, an input with pull-up; `pulses_per_kwh` as on the meter's plate.

    `ticks` is the `time` module. The interrupt may cut in between any two steps of `poll`, so each
    of them writes only what the other just reads.
    """

    direction = False

    def __init__(
        self, pin: object, number: int, pulses_per_kwh: int, debounce_ms: int, ticks: object
    ) -> None:
        self.address = number
        self._pulses_per_kwh = pulses_per_kwh
        self._debounce_ms = debounce_ms
        self._ticks = ticks
        self._began = self._last = None  # ticks; written by the interrupt, as the next two
        self._count = self._period_ms = 0
        self._seen = self._since_ms = 0
        self._polled = ticks.ticks_ms()
        if pin is not None:
            pin.irq(handler=self._edge, trigger=pin.IRQ_FALLING | pin.IRQ_RISING)

    def energy_register(self) -> PulseRegister:
        """The cumulative register over the pulses."""
        return PulseRegister(self._pulses_per_kwh)

    def _edge(self, pin: object) -> None:
        """The pin has changed, perhaps more than once since the last call."""
        now = self._ticks.ticks_ms()
        if not pin.value():
            if self._began is None:
                self._began = now
            return
        began, self._began = self._began, None
        if began is None or self._ticks.ticks_diff(now, began) < self._debounce_ms:
            return
        if self._last is not None:
            self._period_ms = self._ticks.ticks_diff(began, self._last)
        self._last = began
        self._count += 1

    async def poll(self) -> Sample:
        """What came since the last poll. Raises `SensorRefused` for what no meter sends."""
        now = self._ticks.ticks_ms()
        elapsed_ms = self._ticks.ticks_diff(now, self._polled)
        self._polled = now
        count = self._count
        pulses, self._seen = count - self._seen, count
        if pulses > elapsed_ms // LEAST_PERIOD_MS + 2:
            what = "%d pulses in %d ms: more than IEC 62053-31 has" % (pulses, elapsed_ms)
            raise SensorRefused(what, "S0 %d" % self.address, "check wiring, raise debounce_ms")
        self._since_ms += elapsed_ms
        if pulses:
            self._since_ms = self._ticks.ticks_diff(now, self._last)
        return Sample(self._power_w(), pulses)

    def _power_w(self) -> int:
        """Of the last two pulses, or at most what leaves room for none since."""
        if self._period_ms <= 0:  # no two pulses yet, or days between them
            return 0
        period_ms = max(self._period_ms, self._since_ms)
        return _WH_PER_KWH * MS_PER_HOUR // (self._pulses_per_kwh * period_ms)


def make(metering: object, channel: object, port: object, clock: object) -> S0:
    """The driver of one channel; `port` is the list of pins."""
    at = channel.sensor - 1
    pin = port[at] if port else None
    return S0(pin, channel.sensor, metering.pulses_per_kwh[at], metering.debounce_ms, time)
