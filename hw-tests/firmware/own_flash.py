"""The journal and the chain on the flash and the NVS of the board they run on; `argv[1]` says what.

`write` appends, `read` (a fresh interpreter) finds all of it and goes on in a new epoch until the
oldest is evicted, `clean` leaves nothing. Own folder and own NVS namespace: an installed journal
is not touched.
"""

import asyncio
import os
import sys
import time

from esp32 import NVS
from hash_owner import Owner

from core.chain import Chain
from core.clock import Clock
from core.nvs import Store
from journal.journal import Journal
from wireformat import codes, cose, identity
from wireformat.chained import Event

NAMESPACE, FOLDER = "twtest", "/hwtest-journal"
KEYS = ("epoch", "acked", "gap", "regs")
LIMIT_BYTES, SEGMENT_BYTES = 16384, 4096
FIRST = 20
ABSENT = -0x1102  # ESP_ERR_NVS_NOT_FOUND
NOW_S = 1790000000


def boot():
    journal = Journal(FOLDER, LIMIT_BYTES, SEGMENT_BYTES)
    clock = Clock(time)
    clock.not_before(NOW_S)
    chain = Chain(Owner(), journal, clock, Store(NVS(NAMESPACE)))
    chain.start()
    return journal, chain


def append(chain, count):
    for number in range(count):
        asyncio.run(chain.append(Event, {"kind": codes.EV_TAMPER, "detail": [number]}))


def check(journal):
    """Keys in their order, each record naming the one before; how many there are."""
    last, prev, count = (-1, -1), None, 0
    for _, key, data in journal.records():
        record = Event.from_payload(cose.split(data).payload)
        assert (record.epoch, record.seq) == key > last, key
        assert prev is None or record.prev == prev, key
        last, prev, count = key, identity.prev_hash(data), count + 1
    return count


def write():
    journal, chain = boot()
    append(chain, FIRST)
    print("records", check(journal), "epoch", chain.epoch)


def read():
    journal, chain = boot()
    print("found", check(journal), "epoch", chain.epoch)
    append(chain, 120)
    used = sum(os.stat(FOLDER + "/" + name)[6] for name in os.listdir(FOLDER))
    assert used <= LIMIT_BYTES, used
    first = next(journal.records())[1]
    assert first > (1, 0), "nothing was evicted"
    print("after", check(journal) > 0, "evicted", chain.gap_flag != 0)


def clean():
    if FOLDER[1:] in os.listdir("/"):
        for name in os.listdir(FOLDER):
            os.remove(FOLDER + "/" + name)
        os.rmdir(FOLDER)
    nvs = NVS(NAMESPACE)
    for key in KEYS:
        try:
            nvs.erase_key(key)
        except OSError as error:
            if error.args[0] != ABSENT:
                raise
    nvs.commit()
    print("clean", FOLDER[1:] not in os.listdir("/"))


{"write": write, "read": read, "clean": clean}[sys.argv[1]]()
