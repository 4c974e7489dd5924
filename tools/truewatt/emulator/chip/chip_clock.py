"""Simulated time since this chip was powered, from the machine's monotonic clock.

The speed is that of `TRUEWATT_CLOCK` (origins and speed, shared by every process of a run). The
origins do not matter here: a chip only knows how long it has been on. `TRUEWATT_CRYSTAL_PPM` makes
its crystal that much too fast.
"""

import os
import sys

import utime

_ticks_us = utime.ticks_us
_ticks_diff = utime.ticks_diff
# The port's tick period less one: 2^30 - 1 on 32-bit words, as on an ESP32.
_mask = utime.ticks_add(0, -1)
_SHORTEST_SLEEP_US = 100


def _speed():
    """This chip's speed as (numerator, denominator); one of 1 where that is exact."""
    text = os.getenv("TRUEWATT_CLOCK") or "::1"
    per_mille = int(float(text.split(":")[2]) * 1000 + 0.5)
    if per_mille <= 0:
        raise ValueError("TRUEWATT_CLOCK: speed must be above 0: " + text)
    ppm = int(os.getenv("TRUEWATT_CRYSTAL_PPM") or 0)
    if ppm:
        return per_mille * (1000000 + ppm), 1000000000
    return (per_mille // 1000, 1) if per_mille % 1000 == 0 else (per_mille, 1000)


num, den = _speed()
_last = _ticks_us()
_fraction = 0
_us = 0
_ms = 0
_ms_us = 0
_s = 0
_s_ms = 0
_debt_us = 0


def _advance():
    """Take real time over in steps: on 32-bit words the whole of it would not fit an int."""
    global _last, _fraction, _us, _ms, _ms_us, _s, _s_ms
    raw = _ticks_us()
    step = _ticks_diff(raw, _last) * num
    _last = raw
    if den != 1:
        step += _fraction
        _fraction = step % den
        step //= den
    _us = (_us + step) & _mask
    _ms_us += step
    if _ms_us >= 1000:
        ms = _ms_us // 1000
        _ms_us -= ms * 1000
        _ms = (_ms + ms) & _mask
        _s_ms += ms
        if _s_ms >= 1000:
            _s += _s_ms // 1000
            _s_ms %= 1000


def ticks_us():
    """Simulated microseconds since power-on, wrapping with the port's tick period."""
    _advance()
    return _us


def ticks_ms():
    """Simulated milliseconds since power-on, wrapping with the port's tick period."""
    _advance()
    return _ms


def since_boot():
    """Simulated time since power-on as (seconds, microseconds)."""
    _advance()
    return _s, _s_ms * 1000 + _ms_us


def _direct():
    """The clock's functions for 64-bit words, where real time since power-on fits a small int.

    They are asked a thousand times a second.
    """
    start, period, raw, diff, num_, den_ = _last, _mask, _ticks_us, _ticks_diff, num, den * 1000

    def direct_us():
        return diff(raw(), start) * num_ * 1000 // den_ & period

    def direct_ms():
        return diff(raw(), start) * num_ // den_ & period

    return direct_us, direct_ms


if sys.maxsize > 1 << 32:
    ticks_us, ticks_ms = _direct()


def real_us(simulated_us):
    """Microseconds of the machine's time that `simulated_us` take."""
    return simulated_us * den // num


def sleep_us(simulated_us):
    """Let simulated time pass."""
    if simulated_us > 0:
        utime.sleep_us(real_us(simulated_us))


def charge(chip_us):
    """Stall for the time the chip would need; what a sleep overshoots is credited to the next."""
    global _debt_us
    _debt_us += chip_us
    wait = real_us(_debt_us)
    if wait >= _SHORTEST_SLEEP_US:
        start = _ticks_us()
        utime.sleep_us(wait)
        _debt_us -= _ticks_diff(_ticks_us(), start) * num // den
