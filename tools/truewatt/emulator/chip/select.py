"""`select` of the emulated chip: timeouts in simulated time, pin interrupts while waiting.

Lines and sockets of the machine are waited for by `ppoll`, which takes nanoseconds: the port's own
poll object waits in whole milliseconds, which at speed 60 would be 60 simulated ones, and making
up for that took it five system calls a wake. Any other object has the port's.
"""

import chip_clock as _clock
import chip_host as _host
import chip_irq as _irq
import uselect as _uselect
import usocket as _usocket
import utime as _utime
from uselect import POLLERR, POLLHUP, POLLIN, POLLOUT  # noqa: F401

_NOTHING = ()
# asyncio looks for input before each task; what came in so short a time it sees a task later.
_FRESH_REAL_US = 500


class poll:
    """The port's poll object; timeouts are simulated milliseconds."""

    def __init__(self):
        self._objects = []
        self._waiter = _host.Waiter()
        self._port = None
        self._irq_source = None
        self._looked_us = _utime.ticks_add(_utime.ticks_us(), -_FRESH_REAL_US)

    def register(self, obj, eventmask=POLLIN | POLLOUT):
        """Wait for `eventmask` on `obj` too."""
        if self._port is None and _descriptor(obj) < 0:
            self._use_the_port()
        if self._port is not None:
            self._port.register(obj, eventmask)
            return
        at = self._find(obj)
        if at < 0:
            at = self._find(None)
        if at < 0:
            at = len(self._objects)
            self._objects.append(None)
        self._objects[at] = obj
        self._waiter.set(at, _descriptor(obj), eventmask)

    def modify(self, obj, eventmask):
        """Wait for `eventmask` on `obj` from now on."""
        if self._port is not None:
            self._port.modify(obj, eventmask)
            return
        at = self._find(obj)
        if at < 0:
            raise OSError(2)
        self._waiter.change(at, eventmask)

    def unregister(self, obj):
        """Wait for `obj` no more."""
        if self._port is not None:
            self._port.unregister(obj)
            return
        at = self._find(obj)
        if at >= 0:
            self._objects[at] = None
            self._waiter.set(at, -1, 0)

    def poll(self, timeout=-1):
        """Ready objects as a list of (object, event)."""
        return [(pair[0], pair[1]) for pair in self.ipoll(timeout)]

    def ipoll(self, timeout=-1, flags=0):
        """Ready objects; may return early and empty, as callers must allow for anyway."""
        now_us = _utime.ticks_us()
        if timeout == 0 and _utime.ticks_diff(now_us, self._looked_us) < _FRESH_REAL_US:
            return _NOTHING
        if self._irq_source is not _irq.source:
            self._irq_source = _irq.source
            self.register(_irq.source, POLLIN)
        while True:
            ready = self._wait(timeout)
            self._looked_us = _utime.ticks_us()
            if self._irq_source is not None and ready:
                ready = self._without_interrupts(ready)
            # asyncio relies on this: without a timeout it returns only with something ready.
            if ready or timeout >= 0:
                return ready

    def _wait(self, timeout):
        if self._port is not None:
            return self._wait_by_the_port(timeout)
        wait_us = _clock.real_us(timeout * 1000) if timeout > 0 else timeout
        if not self._waiter.wait(len(self._objects), wait_us):
            return _NOTHING
        ready = []
        for at in range(len(self._objects)):
            event = self._waiter.event(at)
            if event:
                ready.append((self._objects[at], event))
        return ready

    def _wait_by_the_port(self, timeout):
        if timeout > 0:
            wait_us = _clock.real_us(timeout * 1000)
            if wait_us < 1000 and not self._port.poll(0):
                _utime.sleep_us(wait_us)
            timeout = wait_us // 1000
        return self._port.poll(timeout)

    def _without_interrupts(self, ready):
        others = [pair for pair in ready if pair[0] is not self._irq_source]
        if len(others) < len(ready):
            _irq.dispatch()
        return others

    def _find(self, obj):
        for at, other in enumerate(self._objects):
            if other is obj:
                return at
        return -1

    def _use_the_port(self):
        self._port = _uselect.poll()
        for at, obj in enumerate(self._objects):
            if obj is not None:
                self._port.register(obj, self._waiter.mask(at))


def _descriptor(obj):
    """The machine's descriptor of a line or socket; -1 for any other stream."""
    if isinstance(obj, _usocket.socket):
        return obj.fileno()
    descriptor = getattr(obj, "_descriptor", None)
    return -1 if descriptor is None else descriptor()
