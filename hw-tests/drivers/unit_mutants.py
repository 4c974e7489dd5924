"""Mutants of frames on MicroPython: few are believed, and none with what can't be."""

import random
import sys

from drivers.bl0942 import checksum, take_packet
from drivers.cse7766 import Cse7766, take_frame
from drivers.rs485_meter import take_answer
from links.crc16 import seal

ROUNDS = 4000
BODY = bytes.fromhex("55832a1339b537832a1358750a010000204e00000000")
PACKET = BODY + bytes((checksum(0, BODY),))
FRAME = bytes.fromhex("555A02F7600003AB00401002605D51A65803E9EF710B7A36")


def mutant(frame):
    data = bytearray(frame)
    for _ in range(random.randrange(1, 5)):
        data[random.randrange(len(data))] ^= random.randrange(1, 256)
    return data


def believed(frame, take):
    count = 0
    for _ in range(ROUNDS):
        data = mutant(frame)
        taken = take(data[:])
        count += taken is not None and bytes(data) != frame
    return count


def expect_below(name, got, limit):
    if got > limit:
        print("FAILED %s: %d of %d mutants believed" % (name, got, ROUNDS))
        sys.exit(1)


def meters_hold():
    """A bought meter's answer has a CRC of 16 bits, and only one length fits."""
    answer = seal(bytes((5, 4, 24)) + bytes(range(24)))
    taken = take_answer(bytearray(b"\x05\x04" + answer), 5, 4, 24)
    if taken != answer:
        print("FAILED: noise hides an answer", taken)
        sys.exit(1)
    expect_below("RS-485", believed(answer, lambda data: take_answer(data, 5, 4, 24)), 2)


def coefficients_hold():
    """A driver that knows its chip believes no frame with other coefficients."""
    sensor = Cse7766(None, 1, None, 100)
    sensor._take(bytearray(FRAME * 2))
    for _ in range(ROUNDS):
        data = mutant(FRAME)
        taken = sensor._take(data)
        if taken is not None and taken[2:5] + taken[8:11] + taken[14:17] != (
            FRAME[2:5] + FRAME[8:11] + FRAME[14:17]
        ):
            print("FAILED: other coefficients in", taken)
            sys.exit(1)
        sensor._take(bytearray(FRAME * 2))


random.seed(17)
expect_below("BL0942", believed(PACKET, lambda data: take_packet(data, 0)), ROUNDS // 150)
expect_below("CSE7766", believed(FRAME, take_frame), ROUNDS // 60)
coefficients_hold()
meters_hold()
print("ok")
