"""Modbus on MicroPython: golden frames, a shared bus, late bytes, seeded garbage."""

import gc
import random
import struct

from board_fakes import expect

from links.crc16 import crc16, seal
from links.modbus_frames import FrameFinder
from links.modbus_server import ILLEGAL_ADDRESS, ModbusError, ModbusServer

OWN = 17


class Registers:
    def __init__(self):
        self.written = []

    def holding(self, start, count):
        if start + count > 0x200:
            raise ModbusError(ILLEGAL_ADDRESS)
        return b"".join(struct.pack(">H", start + i) for i in range(count))

    inputs = holding

    def coils(self, start, count):
        return bytes((0b10,))

    def write(self, start, data):
        self.written.append((start, bytes(data)))


def frames_of(chunks, silence=True):
    """What a finder makes of chunks that arrive one after the other."""
    finder = FrameFinder(OWN)
    found = []
    for chunk in chunks:
        finder.feed(chunk)
        frame = finder.take()
        while frame is not None:
            found.append(frame)
            frame = finder.take()
    if silence and len(finder):
        frame = finder.silence()
        if frame is not None:
            found.append(frame)
    return found


def golden():
    # Modbus over Serial Line V1.02, appendix B, and two more that pymodbus agrees with.
    for text, crc in (("0207", 0x1241), ("1103006b0003", 0x8776), ("110500acff00", 0x8B4E)):
        data = bytes.fromhex(text)
        expect("crc of " + text, crc16(data), crc)
        expect("seal of " + text, seal(data), data + bytes((crc & 255, crc >> 8)))
    # Application Protocol V1.1b3: the examples of 6.3, 6.12 and an exception.
    server = ModbusServer(Registers())
    for asked, answer in (
        ("03006b0003", "0306006b006c006d"),
        ("0400080001", "04020008"),
        ("010000000a", "010102"),
        ("100001000204000a0102", "1000010002"),
        ("1700030002010000020400ff00ee", "170400030004"),
        ("03006b0000", "8303"),
        ("03006b007e", "8303"),
        ("0301ff0002", "8302"),
        ("03fffe0005", "8302"),
        ("0300", "8303"),
        ("100001000203000a01", "9003"),
        ("100001000204000a01", "9003"),
        ("0500acff00", "8501"),
        ("0f0013000a02cd01", "8f01"),
        ("0600010003", "8601"),
        ("2b0e0100", "ab01"),
    ):
        expect(asked, server.answer(bytes.fromhex(asked)).hex(), answer)


def shared_bus():
    read = seal(bytes((OWN, 3, 0, 1, 0, 2)))
    mine = [read[:-2]]
    other = seal(bytes((5, 3, 0, 1, 0, 2)))
    answer = seal(bytes((5, 3, 4, 1, 2, 3, 4)))
    write = seal(bytes((5, 16, 0x14, 0, 0, 2, 4, 1, 2, 3, 4)))
    wrote = seal(bytes((5, 16, 0x14, 0, 0, 2)))
    both = seal(bytes((5, 23, 0, 1, 0, 2, 0, 3, 0, 1, 2, 9, 9)))
    talk = other + answer + write + wrote + both + answer + seal(bytes((5, 0x83, 2)))
    cases = (
        ("alone", [read], mine),
        ("byte by byte", [read[i : i + 1] for i in range(len(read))], mine),
        ("after others", [talk, read], mine),
        ("in one chunk with others", [talk + read + talk], mine),
        ("others byte by byte", [talk[i : i + 1] for i in range(len(talk))], []),
        ("broadcast", [seal(bytes((0, 16, 0x14, 0, 0, 1, 2, 1, 2)))], []),
        ("bad crc", [read[:-1] + bytes((read[-1] ^ 1,))], []),
        ("behind noise", [b"\xff\x11\x03" + read], mine),
        ("behind half a frame", [read[:5] + read], mine),
        ("behind half of another's", [write[:6] + read], mine),
        # A record of another board may hold bytes that look like a request to us.
        ("hidden in an answer", [seal(bytes((5, 3, 8)) + read)], []),
        ("hidden, still arriving", [seal(bytes((5, 3, 10)) + read + b"ab")[:-3]], []),
        ("our own echo", [seal(bytes((OWN, 3, 4, 1, 2, 3, 4)))], []),
        ("unknown function", [seal(bytes((OWN, 0x2B, 14, 1, 0)))], [bytes((OWN, 0x2B, 14, 1, 0))]),
    )
    for name, chunks, wanted in cases:
        expect(name, frames_of(chunks), wanted)


def fuzz(rounds):
    random.seed(7)
    server = ModbusServer(Registers())
    finder = FrameFinder(OWN)
    good = [
        seal(bytes((OWN, 3, 0, 1, 0, 2))),
        seal(bytes((OWN, 16, 0x14, 0, 0, 2, 4, 1, 2, 3, 4))),
        seal(bytes((OWN, 23, 0, 1, 0, 2, 0, 3, 0, 1, 2, 9, 9))),
    ]
    before = None
    for turn in range(rounds):
        data = bytearray(random.choice(good))
        for _ in range(random.randrange(4)):
            data[random.randrange(len(data))] = random.randrange(256)
        cut = data[: random.randrange(1, len(data) + 1)]
        if random.randrange(2):
            cut = seal(bytes(cut))
        finder.feed(cut)
        frame = finder.take()
        while frame is not None:
            server.answer(frame[1:])
            frame = finder.take()
        if random.randrange(3) == 0:
            frame = finder.silence()
            if frame is not None:
                server.answer(frame[1:])
        server._registers.written.clear()
        if turn % 500 == 100:
            gc.collect()
            before = before or gc.mem_alloc()
            grown = gc.mem_alloc() - before
            expect("heap growth after %d frames is small" % turn, grown < 2048, True)
    finder.reset()
    finder.feed(good[0])
    expect("still serves", finder.take(), good[0][:-2])


golden()
shared_bus()
fuzz(3000)
print("ok")
