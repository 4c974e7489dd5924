"""What a record costs: `python measure.py`, or on MicroPython with MICROPYPATH=firmware/shared.

CPython: CPU time. MicroPython: heap garbage of one call, collector off, and time.
"""

import gc
import time

from wireformat import registry, schema
from wireformat.chained import Reading

CHAIN_ID = "truewatt-golden-1"
CHANNELS = [[123_456, 0, 1500, 2300, -120], [0, 345_678, -800, 1200, 10]] * 2
ROUNDS = 500


def reading():
    return Reading(
        epoch=3,
        seq=1234,
        time_s=1_790_000_000,
        flags=48,
        prev=bytes(range(16)),
        interval_s=60,
        channels=CHANNELS,
        voltage_dv=2301,
        max_ma=10_123,
    )


def seal():
    return schema.Unsigned(reading(), bytes(32), CHAIN_ID).with_signature(bytes(64))


SIGNED = seal()


def unseal():
    return registry.open_signed(Reading.CODE, SIGNED, CHAIN_ID)


def microseconds(function):
    clock = getattr(time, "process_time_ns", time.time_ns)
    best = None
    for _ in range(9):
        start = clock()
        for _ in range(ROUNDS):
            function()
        spent = clock() - start
        best = spent if best is None or spent < best else best
    return best / ROUNDS / 1000


def garbage(function):
    function()
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    function()
    after = gc.mem_alloc()
    gc.enable()
    return after - before


print("record of", len(SIGNED), "bytes")
for name, function in (("seal", seal), ("open", unseal)):
    line = f"{name}: {microseconds(function):.1f} us"
    if hasattr(gc, "mem_alloc"):
        line += f", {garbage(function)} bytes of garbage"
    print(line)
