"""The journal and the chain on LittleFS in RAM on MicroPython: power cuts, a full flash, gaps.

Power is cut at a seeded choice of the block device's program and erase operations; what was
reported as journalled must be there afterwards, and no (epoch, seq) may ever come twice.
"""

import asyncio
import random
import sys

import vfs
from board_fakes import Flash, Nvs, PowerCutError, Ticks, expect
from hash_owner import Owner

from core.chain import Chain
from core.clock import Clock
from core.errors import JournalError
from core.nvs import Store
from journal.journal import Journal
from wireformat import codes, cose, identity
from wireformat.chained import Event

NOW_S = 1790000000


class Board:
    """What survives a power cut, and the chain on top of it in this boot."""

    def __init__(self, blocks=24, limit_bytes=1 << 20, segment_bytes=4096):
        self.flash = Flash(blocks)
        self.nvs = Nvs()
        self.limits = (limit_bytes, segment_bytes)
        self.booted = False
        vfs.VfsLfs2.mkfs(self.flash)
        self.boot()

    def boot(self):
        if self.booted:
            vfs.umount("/j")
        self.booted = True
        # Files that the cut left open die with the old board: they must not write to this one.
        old, self.flash = self.flash, Flash(self.flash.blocks)
        self.flash.data[:] = old.data
        vfs.mount(vfs.VfsLfs2(self.flash), "/j")
        self.journal = Journal("/j/journal", self.limits[0], self.limits[1])
        self.chain = Chain(Owner(), self.journal, Clock(Ticks()), Store(self.nvs))
        self.chain._clock.not_before(NOW_S)
        self.chain.start()

    def append(self, kind=codes.EV_TAMPER):
        return asyncio.run(self.chain.append(Event, {"kind": kind, "detail": []}))

    def records(self):
        return [(key, record) for _, key, record in self.journal.records()]


def check_chain(name, records):
    """Strictly growing numbers, each record naming the one before."""
    prev, last = None, (0, 0)
    for key, data in records:
        record = Event.from_payload(cose.split(data).payload)
        expect(name + ": number", (record.epoch, record.seq), key)
        expect(name + ": grows", key > last, True)
        if prev is not None:
            expect(name + ": prev", record.prev, prev)
        prev, last = identity.prev_hash(data), key


def power_cuts(seed, rounds):
    random.seed(seed)
    board = Board()
    promised = {}
    left = set()
    for _ in range(rounds):
        board.flash.cut_after = random.randrange(60)
        try:
            for _ in range(random.randrange(1, 12)):
                data = board.append()
                promised[(board.chain.epoch, board.chain.next_seq - 1)] = data
        except (PowerCutError, JournalError, OSError):
            pass
        board.boot()
        kept = dict(board.records())
        for key, data in promised.items():
            expect("journalled stays: %s" % (key,), kept.get(key), data)
        for key, data in kept.items():
            promised[key] = data
        check_chain("after a cut", board.records())
        epoch = board.chain.epoch
        expect("epoch is new", epoch in left, False)
        left.add(epoch)
        if len(promised) > 120:
            vfs.umount("/j")
            board = Board()
            promised, left = {}, set()


def look_ups():
    board = Board(blocks=64)
    for _ in range(90):
        board.append()
    board.boot()
    for _ in range(10):
        board.append()
    keys = [key for key, _ in board.records()]
    expect("all there", len(keys), 100)
    for cursor, found in (
        ((0, 0), (1, 0)),
        ((1, 0), (1, 0)),
        ((1, 89), (1, 89)),
        ((1, 90), (2, 0)),
        ((2, 9), (2, 9)),
        ((2, 3), (2, 3)),
        ((1, 5), (1, 5)),
    ):
        expect("cursor %s" % (cursor,), board.journal.find(*cursor)[1], found)
    expect("behind the end", board.journal.find(2, 10), None)
    expect("unacked", board.journal.unacked, 100)
    board.chain.acknowledge((1, 49), board.journal.find(1, 49)[2])
    expect("acked", board.journal.unacked, 50)
    board.boot()
    expect("over a reboot", (board.journal.unacked, board.journal.acked), (50, (1, 49)))
    expect("acked records stay", len(board.records()), 100)
    for place, seq in enumerate((50, 53, 54, 89), 1):
        board.append()
        board.chain.acknowledge((1, seq), board.journal.find(1, seq)[2])
        expect("acked to %d" % seq, board.journal.unacked, 99 - seq + place)
    board.chain.acknowledge((2, 9), board.journal.find(2, 9)[2])
    left = board.journal.unacked
    board.boot()
    expect("counted on as counted anew", (board.journal.unacked, left), (4, 4))


def eviction():
    board = Board(blocks=64, limit_bytes=16384)
    for _ in range(60):
        board.append()
    expect("room enough", board.records()[0][0], (1, 0))
    board.chain.acknowledge((1, 59), board.journal.find(1, 59)[2])
    for _ in range(60):
        board.append()
    expect("acked ones went first", board.records()[0][0] > (1, 0), True)
    gaps = [key for key, _ in board.records() if kind_of(board, key) == codes.EV_JOURNAL_GAP]
    expect("without a gap", gaps, [])
    expect("no flag", board.chain.gap_flag, 0)
    for _ in range(120):
        board.append()
    check_chain("after evictions", board.records())
    gaps = [key for key, _ in board.records() if kind_of(board, key) == codes.EV_JOURNAL_GAP]
    expect("unacked ones are announced", bool(gaps), True)
    expect("flag", board.chain.gap_flag, codes.JOURNAL_GAP)
    newest = event(board, gaps[-1]).detail
    first = board.records()[0][0]
    # What the newest gap names ends right before what is left.
    expect("names the last that is lost", (newest[2], newest[3] + 1), first)
    last = board.records()[-1]
    board.chain.acknowledge(*last)
    expect("acked gap, no flag", board.chain.gap_flag, 0)


def full_flash():
    """Something else fills the flash: older records give way, nothing hangs, numbers stay."""
    board = Board(blocks=16, limit_bytes=1 << 20)
    failed = 0
    for _ in range(400):
        try:
            board.append()
        except JournalError:
            failed += 1
    records = board.records()
    check_chain("on a full flash", records)
    expect("it goes on", (board.chain.next_seq > 300, len(records) > 50), (True, True))
    gaps = [key for key, _ in records if kind_of(board, key) == codes.EV_JOURNAL_GAP]
    expect("gaps are signed", bool(gaps), True)


def failing_writes():
    board = Board()
    board.append()
    write, failing = board.journal._write, [True]

    def broken(path, frame):
        if failing[0]:
            raise OSError(5)
        write(path, frame)

    board.journal._write = broken
    before = board.chain.next_seq
    for _ in range(3):
        try:
            board.append()
            expect("must fail", True, False)
        except JournalError as error:
            expect("names the file", ".seg" in str(error), True)
    expect("one number spent, once", board.chain.next_seq, before + 1)
    expect("not visible", board.journal.find(1, before), None)
    expect("flagged", board.chain.gap_flag, codes.JOURNAL_GAP)
    failing[0] = False
    board.append()
    check_chain("after the failure", board.records())
    expect("both there", len(board.records()), 3)


def spoilt():
    board = Board()
    for _ in range(12):
        board.append()
    path = "/j/journal/00000000.seg"
    with open(path, "rb") as file:
        data = bytearray(file.read())
    data[400] ^= 1
    with open(path, "wb") as file:
        file.write(data + b"torn")
    board.boot()
    expect("one spoilt record hides no other", len(board.records()), 11)
    board.append()
    expect("never behind a torn tail", len(board.records()), 12)
    board.nvs.values.clear()
    board.nvs.commit()
    board.boot()
    expect("an erased NVS can't bring an epoch back", board.chain.epoch, 3)


def kind_of(board, key):
    return event(board, key).kind


def event(board, key):
    return Event.from_payload(cose.split(board.journal.find(*key)[2]).payload)


for test in (look_ups, eviction, full_flash, failing_writes, spoilt):
    test()
    vfs.umount("/j")
power_cuts(int(sys.argv[1]) if len(sys.argv) > 1 else 1, 60)
print("ok")
