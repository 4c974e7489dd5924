"""A day of readings in a board's journal in seconds: the script for its programmer's cable.

The board's own key, chain, journal and record types, on its own flash; only what it would have
measured, and when, is given. One epoch, begun by a boot event, as after a start with no gateway.
"""

BOARD = """\
import asyncio
import sys
import time

import board
from core import config, paths
from core.chain import Chain
from core.clock import Clock
from core.identity import Identity
from journal.journal import SEGMENT_BYTES, Journal
from wireformat import codes
from wireformat.chained import Feeder, Reading

LOAD_W, SUN_W = 620, -340


def open_chain(settings):
    # As the firmware's node does it, with no gateway heard.
    store = board.open_store()
    limit_bytes = settings.journal_kib * 1024
    journal = Journal(paths.JOURNAL, limit_bytes, min(SEGMENT_BYTES, limit_bytes // 8))
    owner = Identity(store.blob("seed"), settings.chain_id)
    chain = Chain(owner, journal, Clock(time), store)
    chain.flags = lambda: codes.SAFE_STATE
    chain.start()
    return chain


def measured(settings, number):
    # A minute of a home with sun on its roof, or of its section.
    rows = []
    for channel in settings.channels:
        watts = SUN_W if channel.kind == codes.GENERATION else LOAD_W
        total_wh = abs(watts) * number // 60
        registers = [0, total_wh] if watts < 0 else [total_wh, 0]
        rows.append(registers + [watts, abs(watts) + number % 97, 0])
    fields = {"interval_s": 60, "channels": rows, "voltage_dv": 2300, "max_ma": 4300}
    if settings.role == codes.MLMD:
        fields["breaker"], fields["trip_cause"] = codes.BREAKER_CLOSED, 0
        fields["reclose_count"], fields["limit_w"] = 0, settings.fixed_limit_w
    return fields


async def write(count, end_s):
    # `count` records, one a minute, the last one at `end_s`.
    settings = config.load()
    chain = open_chain(settings)
    kind = Feeder if settings.role == codes.MLMD else Reading
    digest = settings.calibration
    halves = [int.from_bytes(digest[at : at + 4], "big") for at in (0, 4)]
    chain.last_time_s = end_s - 60 * count
    await chain.event(codes.EV_BOOT, [1] + halves)
    for number in range(1, count):
        at_s = end_s - 60 * (count - 1 - number)
        await chain.append(kind, measured(settings, number), at_s)
    return chain


def main(count, end_s):
    # Prints how many records wait on the board.
    chain = asyncio.run(write(count, end_s))
    if chain.broken or chain.gap_flag:
        sys.exit("the journal did not take them all")
    print("WAITING %d" % chain.journal.unacked)
"""
