"""Frames in chunks on MicroPython: order, repetition, a full queue, statuses."""

import asyncio
import random
import struct

from board_fakes import Liveness, expect

from links.inbox import Inbox
from wireformat import codes

ACK, COMMAND = 8, 6
GOOD = b"t" * codes.TICKET_BYTES


class Gate:
    """Notes what it is given; refuses what begins with an x, and at sight what begins with a j."""

    def __init__(self):
        self.seen = []
        self.gave_way = []
        self.let_in = []
        self.tickets = 0

    def redeem(self, ticket):
        self.tickets += 1
        return ticket == GOOD

    def admit(self, code, data, bucket):
        if bucket is None:
            self.let_in.append(data)
        return codes.R_UNKNOWN_KEY if data[:1] == b"j" else codes.R_NONE, (code, data)

    async def finish(self, frame, give_way=None):
        data = frame[1]
        for _ in range(3):
            await asyncio.sleep_ms(0)
            if give_way and give_way():
                self.gave_way.append(frame)
                return None
        self.seen.append(frame)
        return codes.R_BAD_SIGNATURE if data[:1] == b"x" else codes.R_NONE


def chunk(frame_id, code, data, start=0, end=None):
    part = data[start:end]
    return struct.pack(">HBBH", frame_id, code, len(data), start) + part + b"\0" * (len(part) & 1)


def statuses(inbox):
    words = struct.unpack(">12H", inbox.status())
    return [words[at : at + 3] for at in range(0, 12, 3) if words[at]]


def process(inbox):
    async def run():
        task = asyncio.create_task(inbox.run())
        await asyncio.sleep_ms(20)
        task.cancel()

    asyncio.run(run())


def chunks():
    gate = Gate()
    inbox = Inbox(gate, Liveness())
    data = bytes(range(100, 201))
    expect("first", inbox.put(chunk(1, ACK, data, 0, 60)), codes.R_NONE)
    expect("partial", statuses(inbox), [(1, codes.INBOX_PARTIAL, 0)])
    expect("a hole", inbox.put(chunk(1, ACK, data, 80)), codes.R_MALFORMED)
    expect("repeated", inbox.put(chunk(1, ACK, data, 0, 60)), codes.R_NONE)
    expect("last", inbox.put(chunk(1, ACK, data, 60)), codes.R_NONE)
    expect("pending", statuses(inbox), [(1, codes.INBOX_PENDING, 0)])
    expect("last repeated", inbox.put(chunk(1, ACK, data, 60)), codes.R_NONE)
    process(inbox)
    expect("handled once", gate.seen, [(ACK, data)])
    expect("accepted", statuses(inbox), [(1, codes.INBOX_ACCEPTED, 0)])
    inbox.put(chunk(1, ACK, data, 60))
    process(inbox)
    expect("not again", len(gate.seen), 1)
    expect("middle of nothing", inbox.put(chunk(9, ACK, data, 60)), codes.R_MALFORMED)
    inbox.put(chunk(2, ACK, b"abc"))
    inbox.put(chunk(2, ACK, b"abc"))
    process(inbox)
    expect("one chunk, answer lost", len(gate.seen), 2)


def repeats():
    gate = Gate()
    inbox = Inbox(gate, Liveness())
    inbox.put(chunk(5, COMMAND, b"xyz"))
    process(inbox)
    expect("refused", statuses(inbox), [(5, codes.INBOX_REFUSED, codes.R_BAD_SIGNATURE)])
    inbox.put(chunk(5, COMMAND, b"xyz"))
    process(inbox)
    expect("a refused frame may come again", len(gate.seen), 2)
    inbox.put(chunk(5, COMMAND, b"abc"))
    process(inbox)
    expect("the id may be used again", gate.seen[-1], (COMMAND, b"abc"))


def queue():
    gate = Gate()
    inbox = Inbox(gate, Liveness())
    for frame_id in range(1, 5):
        inbox.put(chunk(frame_id, ACK, b"a%d" % frame_id))
    expect("full", inbox.put(chunk(6, COMMAND, b"cmd")), codes.R_BUSY)
    process(inbox)
    expect("all four", len(gate.seen), 4)
    inbox.put(chunk(7, ACK, b"ack"))
    inbox.put(chunk(8, COMMAND, b"cmd"))
    process(inbox)
    expect("commands first", [item[0] for item in gate.seen[4:]], [COMMAND, ACK])
    expect("last frame", inbox.last_frame, 7)


def giving_way():
    """A command that comes while an ack is checked goes first; the ack is checked again after."""
    gate = Gate()
    inbox = Inbox(gate, Liveness())

    async def run():
        task = asyncio.create_task(inbox.run())
        inbox.put(chunk(1, ACK, b"ack"))
        await asyncio.sleep_ms(0)
        await asyncio.sleep_ms(0)
        expect("in its check", gate.seen, [])
        inbox.put(chunk(2, COMMAND, b"cmd"))
        inbox.put(chunk(3, COMMAND, b"two"))
        await asyncio.sleep_ms(20)
        task.cancel()

    asyncio.run(run())
    expect("once", gate.gave_way, [(ACK, b"ack")])
    expect("each once", gate.seen, [(COMMAND, b"cmd"), (COMMAND, b"two"), (ACK, b"ack")])
    ended = [(frame_id, codes.INBOX_ACCEPTED, 0) for frame_id in (3, 2, 1)]
    expect("all accepted", statuses(inbox), ended)
    expect("last frame", inbox.last_frame, 1)


def ticketed(frame_id, code, data, ticket=GOOD):
    return chunk(frame_id, codes.TICKETED, ticket + bytes((code,)) + data)


def tickets():
    """Into a full queue, first, and its status stays; with a bad one a frame is like any other."""
    gate = Gate()
    inbox = Inbox(gate, Liveness())
    for frame_id in range(1, 5):
        inbox.put(chunk(frame_id, COMMAND, b"x%d" % frame_id))
    expect("full", inbox.put(chunk(5, COMMAND, b"cmd")), codes.R_BUSY)
    expect("a bad one", inbox.put(ticketed(6, COMMAND, b"bad", bytes(16))), codes.R_BUSY)
    expect("an ack", inbox.put(ticketed(7, ACK, b"ack")), codes.R_NONE)
    expect("a command", inbox.put(ticketed(8, COMMAND, b"cmd")), codes.R_NONE)
    expect("said again", inbox.put(ticketed(8, COMMAND, b"cmd")), codes.R_NONE)
    expect("looked at once", (gate.tickets, gate.let_in), (3, [b"ack", b"cmd"]))
    for frame_id in range(100, 110):
        inbox.put(chunk(frame_id, COMMAND, b"junk"))
    # Under an id that was heard.
    inbox.put(chunk(8, COMMAND, b"junk"))
    seen = statuses(inbox)[:2]
    pending = codes.INBOX_PENDING
    expect("their statuses", seen, [(8, pending, 0), (7, pending, 0)])
    process(inbox)
    first = [(COMMAND, b"cmd"), (ACK, b"ack"), (COMMAND, b"x1")]
    expect("they went first", gate.seen[:3], first)
    for frame_id in range(100, 110):
        inbox.put(chunk(frame_id, COMMAND, b"junk"))
    accepted = codes.INBOX_ACCEPTED
    expect("their ends", statuses(inbox)[:2], [(8, accepted, 0), (7, accepted, 0)])
    for frame_id in range(20, 26):
        inbox.put(ticketed(frame_id, COMMAND, b"%d" % frame_id))
        inbox.put(chunk(100 + frame_id, COMMAND, b"junk"))
    ended = [row[0] for row in statuses(inbox)]
    expect("three at least", ended, [25, 24, 23, 125])
    process(inbox)
    for size in range(codes.TICKET_BYTES + 1):
        inbox.put(chunk(50 + size, codes.TICKETED, bytes(size or 1)))
    expect("nothing behind it", gate.tickets, 9)
    for frame_id in range(200, 220):
        inbox.put(ticketed(frame_id, ACK, b"%d" % frame_id))
    expect("bounded", len(inbox._queue), 8)


def beginnings():
    """Nobody's beginning under a frame's id stands in its way."""
    gate = Gate()
    inbox = Inbox(gate, Liveness())
    inbox.put(chunk(1, COMMAND, b"forged", 0, 2))
    inbox.put(chunk(1, COMMAND, b"worthy"))
    process(inbox)
    expect("the whole one", gate.seen, [(COMMAND, b"worthy")])


def outranked():
    """A forged command's check makes room for one with a ticket, an ack with one for none."""
    gate = Gate()
    inbox = Inbox(gate, Liveness())

    async def run():
        task = asyncio.create_task(inbox.run())
        for frame in (chunk(1, COMMAND, b"xorged"), ticketed(2, ACK, b"ack")):
            inbox.put(frame)
            await asyncio.sleep_ms(0)
            await asyncio.sleep_ms(0)
        inbox.put(chunk(3, COMMAND, b"xorged too"))
        await asyncio.sleep_ms(20)
        task.cancel()

    asyncio.run(run())
    expect("the forged one", gate.gave_way, [(COMMAND, b"xorged")])
    expect("the ack", gate.seen[0], (ACK, b"ack"))


def flood():
    """What is refused at sight takes no place, in the queue or among what is reported."""
    gate = Gate()
    inbox = Inbox(gate, Liveness())
    inbox.put(chunk(1, COMMAND, b"cmd"))
    for frame_id in range(100, 150):
        expect("taken in", inbox.put(chunk(frame_id, COMMAND, b"junk")), codes.R_NONE)
        expect("the last", statuses(inbox)[0], (frame_id, codes.INBOX_REFUSED, codes.R_UNKNOWN_KEY))
        expect("the one that waits", statuses(inbox)[-1], (1, codes.INBOX_PENDING, 0))
    process(inbox)
    for frame_id in range(100, 150):
        inbox.put(chunk(frame_id, COMMAND, b"junk"))
        expect("the one that was taken", statuses(inbox)[-1], (1, codes.INBOX_ACCEPTED, 0))
    expect("only that", gate.seen, [(COMMAND, b"cmd")])


def garbage():
    random.seed(11)
    inbox = Inbox(Gate(), Liveness())
    for _ in range(2000):
        size = random.randrange(0, 30)
        inbox.put(bytes(random.getrandbits(8) & random.choice((3, 255)) for _ in range(size)))
        expect("at most four entries", len(statuses(inbox)) <= 4, True)
    expect("too long", inbox.put(struct.pack(">HBBH", 1, ACK, 241, 0) + b"ab"), codes.R_MALFORMED)
    expect("empty", inbox.put(struct.pack(">HBBH", 1, ACK, 0, 0) + b"ab"), codes.R_MALFORMED)


chunks()
repeats()
queue()
giving_way()
tickets()
beginnings()
outranked()
flood()
garbage()
print("ok")
