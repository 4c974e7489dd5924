"""`select` of the emulated chip: timeouts in simulated time, pin interrupts while waiting."""

import chip_clock as _clock
import chip_irq as _irq
import uselect as _uselect
import utime as _utime
from uselect import POLLERR, POLLHUP, POLLIN, POLLOUT  # noqa: F401


class poll:
    """The port's poll object; timeouts are simulated milliseconds."""

    def __init__(self):
        self._real = _uselect.poll()
        self._irq_source = None

    def register(self, obj, eventmask=POLLIN | POLLOUT):
        """Wait for `eventmask` on `obj` too."""
        self._real.register(obj, eventmask)

    def modify(self, obj, eventmask):
        """Wait for `eventmask` on `obj` from now on."""
        self._real.modify(obj, eventmask)

    def unregister(self, obj):
        """Wait for `obj` no more."""
        self._real.unregister(obj)

    def poll(self, timeout=-1):
        """Ready objects as a list of (object, event)."""
        return [(pair[0], pair[1]) for pair in self.ipoll(timeout)]

    def ipoll(self, timeout=-1, flags=0):
        """Ready objects; may return early and empty, as callers must allow for anyway."""
        if _irq.source is not None:
            return self._with_interrupts(timeout)
        return self._wait(timeout)

    def _wait(self, timeout):
        if timeout <= 0:
            return self._real.ipoll(timeout)
        wait_us = _clock.real_us(timeout * 1000)
        if wait_us >= 1000:
            return self._real.ipoll(wait_us // 1000)
        # The port polls in whole milliseconds, which at speed 60 would be 60 simulated ones.
        if not self._real.poll(0):
            _utime.sleep_us(wait_us)
        return self._real.ipoll(0)

    def _with_interrupts(self, timeout):
        if self._irq_source is not _irq.source:
            self._irq_source = _irq.source
            self._real.register(_irq.source, POLLIN)
        ready = False
        while not ready:
            for obj, event in self._wait(timeout):
                if obj is self._irq_source:
                    _irq.dispatch()
                else:
                    ready = True
                    yield obj, event
            # asyncio relies on this: without a timeout it returns only with something ready.
            ready = ready or timeout >= 0
