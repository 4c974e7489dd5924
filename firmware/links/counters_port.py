"""Two of the chip's pulse counters (PCNT), and the pin that says what the second one is sent.

They count in hardware, whatever the firmware does meanwhile: of soft interrupts at 500 Hz some
would be lost. An ESP32-C3 has none, and MicroPython before 1.26 no class for them.
"""

from core.errors import ConfigError

WRAP = 32000
_FILTER = 80  # 1 us at 80 MHz: of some chips pulses are brief spikes


class PulseCounter:
    """How many pulses came since it was made; read it before `WRAP` more have come."""

    def __init__(self, unit: object) -> None:
        self._unit = unit
        self._last = unit.value()
        self._total = 0

    def read(self) -> int:
        """All so far."""
        now = self._unit.value()
        self._total += (now - self._last) % WRAP
        self._last = now
        return self._total


class CountersPort:
    """`cf` and `cf1` are `PulseCounter`s; `sel` shows `voltage_level` while CF1 tells voltage."""

    def __init__(self, cf: object, cf1: object, sel: object, voltage_level: int) -> None:
        self.cf = cf
        self.cf1 = cf1
        self._sel = sel
        self._voltage_level = voltage_level

    def select(self, voltage: bool) -> None:
        """Have CF1 tell voltage, or else current."""
        self._sel.value(self._voltage_level if voltage else 1 - self._voltage_level)


def require() -> None:
    """Raises `ConfigError` on a board without them."""
    import esp32

    if not hasattr(esp32, "PCNT"):
        raise ConfigError(
            "metering.driver", "another: this chip, or its MicroPython, has no pulse counters"
        )


def open_port(metering: object) -> CountersPort:
    """The pins that `metering` (config.json) names."""
    import esp32
    import machine

    require()
    sel = machine.Pin(metering.sel, machine.Pin.OUT, value=metering.sel_voltage)
    counters = []
    for number, pin in enumerate((metering.cf, metering.cf1)):
        pin = machine.Pin(pin, machine.Pin.IN)
        unit = esp32.PCNT(number, pin=pin, rising=esp32.PCNT.INCREMENT, filter=_FILTER, max=WRAP)
        unit.start()
        counters.append(PulseCounter(unit))
    return CountersPort(counters[0], counters[1], sel, metering.sel_voltage)
