"""`gc` of the emulated chip: the interpreter's, collecting `patience` times less often.

A collection walks the whole heap, which costs the machine as much as a hundred wakes of a board,
and simulated time that runs fast brings many. On a chip's heap the firmware chooses the rhythm.
"""

import gc as _gc
from gc import collect, disable, enable, isenabled, mem_alloc, mem_free  # noqa: F401

import chip_clock as _clock

patience = 1
# Every so many simulated seconds the console says what is free; 0: never.
report_s = 0
_reported_s = 0


def threshold(*amount):
    """Bytes allocated before the next collection, as the firmware sees them."""
    if amount and amount[0] > 0:
        _gc.threshold(amount[0] * patience)
        return None
    if amount:
        _gc.threshold(*amount)
        return None
    now = _gc.threshold()
    return now // patience if now > 0 else now


def report():
    """Say what is free after a collection, if it is time; asked whenever the watchdog is fed."""
    global _reported_s
    now_s = _clock.since_boot()[0]
    if report_s and now_s >= _reported_s + report_s:
        _reported_s = now_s
        collect()
        print("[%d] chip: %d bytes free after a collection" % (now_s * 1000, mem_free()))
