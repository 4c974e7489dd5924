"""Runs on MicroPython in a board's heap: hostile records must cost nothing that stays.

    micropython -X heapsize=64k wire_board_heap.py RECORDS.txt COUNT

RECORDS.txt has a line a record: type code and hex. Each input is a mutant of one of them, made
here by a linear congruential generator. Prints what was counted, as JSON.
"""

import gc
import json
import sys

from wireformat import cbor, registry
from wireformat.errors import WireError

_SPITE = bytes.fromhex("001718191b1f20385b5f7b7f9b9fbbbfd2d8f4f6f7f9fbff8180a0a1")
_FILLERS = (b"\x80", b"\xa0", b"\x40", b"\x60", b"\x00", b"\xd2", b"\x81", b"\x20\x80")
_CHAIN_ID = "truewatt-golden-1"


class Mutator:
    """Changes one to four bytes, or cuts, in a buffer of its own."""

    def __init__(self):
        self.state = 1

    def below(self, limit):
        # Numerical Recipes' constants, cut to 30 bits so that a small integer holds the state.
        self.state = (self.state * 1664525 + 1013904223) & 0x3FFFFFFF
        return (self.state >> 8) % limit

    def mutant(self, record):
        data = bytearray(record)
        for _ in range(1 + self.below(4)):
            at = self.below(len(data))
            if self.below(2):
                data[at] ^= 1 << self.below(8)
            else:
                data[at] = _SPITE[self.below(len(_SPITE))]
        return bytes(data[: 1 + self.below(len(data))]) if self.below(8) == 0 else bytes(data)


def load(path):
    records = []
    with open(path) as lines:
        for line in lines:
            code, data = line.split()
            records.append((int(code), bytes.fromhex(data)))
    return records


def feed(records, mutator, count, found):
    """Give `count` mutants to a reader of envelopes and to one of payloads."""
    for _ in range(count):
        code, record = records[mutator.below(len(records))]
        try:
            if mutator.below(2):
                registry.open_signed(code, mutator.mutant(record), _CHAIN_ID)
            else:
                # A signature of a known but broken board: its payload gets this far.
                registry.BY_CODE[code].from_payload(mutator.mutant(record[19:-66]))
            found["accepted"] += 1
        except WireError:
            found["refused"] += 1
        except MemoryError:
            found["out of memory"] += 1


def bombs(found):
    """A record's 240 bytes, filled with what takes most room for a byte."""
    for filler in _FILLERS:
        for head in (b"\x98\xee", b"\xb8\x77", b"\x58\xee"):
            try:
                cbor.decode(head + filler * 238, 240)
                found["bombs eaten"] += 1
            except WireError:
                found["bombs refused"] += 1
            except MemoryError:
                found["out of memory"] += 1


def used():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()


def main(path, count):
    records = load(path)
    mutator = Mutator()
    found = {"accepted": 0, "refused": 0, "out of memory": 0, "bombs eaten": 0, "bombs refused": 0}
    # Once before counting: import tables, interned names and the counters themselves settle.
    feed(records, mutator, 200, found)
    bombs(found)
    before = used()
    feed(records, mutator, count, found)
    bombs(found)
    found["grown"] = used() - before
    found["free"] = gc.mem_free()
    print(json.dumps(found))


main(sys.argv[1], int(sys.argv[2]))
