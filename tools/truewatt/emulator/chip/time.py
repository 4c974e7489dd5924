"""`time` of the emulated chip: simulated time, unset at boot (2000-01-01) as on an ESP32."""

import chip_clock as _clock
import utime as _utime
from chip_clock import sleep_us, ticks_ms, ticks_us  # noqa: F401
from utime import ticks_add, ticks_diff  # noqa: F401

# ESP32 counts from 2000-01-01, the unix port from 1970-01-01.
_EPOCH_2000_S = 946684800
_set_s = 0
_set_us = 0

ticks_cpu = ticks_us


def sleep_ms(ms):
    """Sleep `ms` simulated milliseconds."""
    sleep_us(ms * 1000)


def sleep(seconds):
    """Sleep `seconds` of simulated time."""
    sleep_us(int(seconds * 1000000))


def _now():
    s, us = _clock.since_boot()
    us += _set_us
    return s + _set_s + us // 1000000, us % 1000000


def _set(seconds):
    """Set the chip's clock to `seconds` since 2000 (for machine.RTC)."""
    global _set_s, _set_us
    s, us = _clock.since_boot()
    _set_s = seconds - s - (1 if us else 0)
    _set_us = 1000000 - us if us else 0


def time():
    """Seconds since 2000-01-01, or since boot while the clock is unset."""
    return _now()[0]


def time_ns():
    """Nanoseconds since 2000-01-01, or since boot while the clock is unset."""
    s, us = _now()
    return s * 1000000000 + us * 1000


def gmtime(secs=None):
    """(year, month, day, hour, minute, second, weekday, day of year)."""
    return _utime.gmtime(_EPOCH_2000_S + (time() if secs is None else int(secs)))[:8]


localtime = gmtime


def mktime(local_time):
    """The inverse of `gmtime`."""
    # The unix port's mktime follows the machine's time zone; days are counted here instead.
    year, month, day, hour, minute, second = local_time[:6]
    if month <= 2:
        year -= 1
        month += 12
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day
    return (days - 730426) * 86400 + hour * 3600 + minute * 60 + second
