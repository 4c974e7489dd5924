"""`gc` of the emulated chip: the interpreter's, collecting `patience` times less often.

A collection walks the whole heap, which costs the machine as much as a hundred wakes of a board,
and simulated time that runs fast brings many. On a chip's heap the firmware chooses the rhythm.
"""

import gc as _gc
from gc import collect, disable, enable, isenabled, mem_alloc, mem_free  # noqa: F401

patience = 1


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
