"""`machine` of the emulated chip: what the firmware uses of an ESP32's, and nothing it lacks."""

import time as _time

import chip_clock as _clock
import chip_gc as _gc
import chip_host as _host
from chip_pin import Pin  # noqa: F401
from chip_uart import UART  # noqa: F401

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5

# A starved machine at high speed must not look like firmware that hangs: at speed 60 the usual
# 30 s are half a second of real time, which two busy cores can lose.
_WATCHDOG_FLOOR_REAL_US = 5_000_000
_reset_cause = PWRON_RESET
_unique_id = b"\0" * 6


# Why the chip was reset (ESP32, RTC_CNTL_RESET_STATE_REG): 15 after a brown-out, set at boot.
mem32 = {0x3FF48034: 1}


class WDT:
    """The watchdog: once made, it resets the chip `timeout` ms after it was fed last."""

    def __init__(self, *, id=0, timeout=5000):
        if timeout < 1:
            raise ValueError("WDT timeout too short")
        self._bite_us = max(_clock.real_us(timeout * 1000), _WATCHDOG_FLOOR_REAL_US)
        self.feed()

    def feed(self):
        """Start the time-out anew."""
        _host.alarm(self._bite_us)
        _gc.report()


class RTC:
    """The chip's clock; it stands at 2000-01-01 after every reset here."""

    def datetime(self, datetimetuple=None):
        """Get or set (year, month, day, weekday, hour, minute, second, microsecond)."""
        if datetimetuple is not None:
            year, month, day, _, hour, minute, second, _ = datetimetuple
            _time._set(_time.mktime((year, month, day, hour, minute, second, 0, 0)))
            return None
        now_ns = _time.time_ns()
        t = _time.gmtime(now_ns // 1000000000)
        return (t[0], t[1], t[2], t[6], t[3], t[4], t[5], now_ns // 1000 % 1000000)


def reset():
    """Reset the chip: nothing after this line runs."""
    _host.leave(_host.EXIT_RESET)


def soft_reset():
    """Restart the interpreter."""
    _host.leave(_host.EXIT_SOFT_RESET)


def reset_cause():
    """Why the chip started: one of the *_RESET constants."""
    return _reset_cause


def unique_id():
    """The chip's six-byte address."""
    return _unique_id


def freq():
    """The CPU's frequency in Hz."""
    return 240_000_000


def idle():
    """Wait for the next tick."""
    _clock.sleep_us(1000)


def disable_irq():
    """Hold interrupts back; they come only while the firmware waits anyway."""
    return 0


def enable_irq(state):
    """Undo disable_irq."""
