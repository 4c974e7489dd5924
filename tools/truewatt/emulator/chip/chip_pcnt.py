"""esp32.PCNT: a unit that counts the rising edges of a pin in hardware.

As the port's (ports/esp32/esp32_pcnt.c): it counts up to `max` and starts over at 0 there.
"""

import chip_pin as _pins

_UNITS = 8
_LARGEST = 32767


class PCNT:
    """One unit; what the firmware asks of it, and nothing that a port with ESP-IDF 5 or 6 lacks."""

    IGNORE = 0
    INCREMENT = 1
    DECREMENT = 2

    def __init__(self, id, *, pin, rising=IGNORE, filter=0, max=_LARGEST):
        if not 0 <= id < _UNITS:
            raise ValueError("invalid id")
        if not 0 <= filter <= 1023:
            raise ValueError("filter")
        if not 0 < max <= _LARGEST:
            raise ValueError("maximum")
        self._max = max
        self._counts = rising == PCNT.INCREMENT
        self._running = False
        self._value = 0
        pin._port.counter = self

    def start(self):
        """Count from now on."""
        self._running = True

    def stop(self):
        """Keep the value."""
        self._running = False

    def value(self):
        """Edges since the start, or since the last time that it started over."""
        if _pins._link is not None:
            _pins._serve()
        return self._value

    def _add(self, edges):
        if self._running and self._counts:
            self._value = (self._value + edges) % self._max
