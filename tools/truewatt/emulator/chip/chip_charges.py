"""The chip's time for flash and for curve arithmetic, which the machine does much faster.

So what would be late on a board is late here. Zero charges nothing.
"""

import sys as _sys

import chip_clock as _clock
import utime as _utime

_PAGE_BYTES = 256
# Set at boot, chip microseconds: a 4 KiB sector erase, a page program, a slice of Ed25519.
erase_block_us = 0
program_page_us = 0
crypto_slice_us = 0


def erase(blocks):
    """Stall as the flash does while it erases."""
    if erase_block_us:
        _clock.charge(erase_block_us * blocks)


def program(size):
    """Stall as the flash does while it programs `size` bytes."""
    if program_page_us:
        _clock.charge(program_page_us * ((size + _PAGE_BYTES - 1) // _PAGE_BYTES))


def _sliced(generator_function):
    def run(*args, **kwargs):
        steps = generator_function(*args, **kwargs)
        try:
            while True:
                start = _clock.ticks_us()
                try:
                    value = next(steps)
                except StopIteration as end:
                    _slice(start)
                    return end.value
                _slice(start)
                yield value
        finally:
            # Who gives up half-way closes this one; what it drives has buffers to give back.
            steps.close()

    return run


def _slice(start_us):
    took_us = _utime.ticks_diff(_clock.ticks_us(), start_us)
    if took_us < crypto_slice_us:
        _clock.charge(crypto_slice_us - took_us)


def charge_generators(module_name):
    """Have each step of each public generator of a module cost a slice of the chip's time.

    The module must be imported here first: its own plain functions look the generators up when
    called, and so pay too. A firmware without the module pays nothing.
    """
    try:
        __import__(module_name)
    except ImportError:
        return
    module = _sys.modules[module_name]
    _charge_members(module)
    for name in dir(module):
        value = getattr(module, name)
        if isinstance(value, type) and name[0] != "_":
            _charge_members(value)


def _a_generator():
    yield


def _charge_members(holder):
    # Not that of a nested function: MicroPython gives closures a type of their own.
    generator_type = type(_a_generator)
    for name in dir(holder):
        value = getattr(holder, name)
        if name[0] != "_" and type(value) is generator_type:
            setattr(holder, name, _sliced(value))
