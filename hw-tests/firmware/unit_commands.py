"""Commands at a board's gate: refused, ended, expired, cut short; each case by name."""

import asyncio

from board_fakes import expect
from gate_bench import (
    AUTHORITY,
    BAD,
    CHAIN,
    GATEWAY,
    GOOD,
    ME,
    NOW_S,
    STRANGER,
    Bench,
    Chain,
    command,
)

from core.commands import Commands
from core.nvs import Store
from wireformat import codes as c
from wireformat.chained import Outcome
from wireformat.schema import Unsigned


def commands_refused_without_outcome():
    cases = (
        ("unknown key", command(), STRANGER, GOOD, c.R_UNKNOWN_KEY, 0),
        ("ack key", command(), GATEWAY, GOOD, c.R_WRONG_ROLE, 0),
        ("other target", command(target=b"\1" * 20), AUTHORITY, GOOD, c.R_WRONG_TARGET, 0),
        ("not yet", command(not_before_s=NOW_S + 400), AUTHORITY, GOOD, c.R_NOT_YET, 0),
        ("counter 0", command(counter=0), AUTHORITY, GOOD, c.R_REPLAYED, 0),
        ("forged", command(), AUTHORITY, BAD, c.R_BAD_SIGNATURE, 1),
        ("forged, no such asset", command(asset=9), AUTHORITY, BAD, c.R_BAD_SIGNATURE, 1),
        ("forged, expired", command(expires_s=1), AUTHORITY, BAD, c.R_BAD_SIGNATURE, 1),
    )
    for name, order, key, signature, reason, curve_work in cases:
        bench = Bench()
        before = bench.owner.verified
        expect(name, bench.give(order, key, signature), reason)
        expect(name + ": curve work", bench.owner.verified - before, curve_work)
        expect(name + ": no outcome", bench.chain.outcomes, [])
        expect(name + ": nothing switched", bench.closed(), [1, 0])
        expect(name + ": counter kept", bench.commands.counter, 0)


def commands_ended():
    cases = (
        ("done", command(), c.DONE, c.R_NONE, 0),
        ("close a closed one", command(c.CLOSE), c.DONE, c.R_NONE, 1),
        ("expired", command(expires_s=NOW_S), c.EXPIRED, c.R_EXPIRED, 1),
        ("no such asset", command(asset=2), c.REFUSED, c.R_NO_SUCH_ASSET, 0),
        ("no such action", command(9), c.REFUSED, c.R_BAD_VALUE, 1),
        ("limit for a relay", command(c.SET_LIMIT, value=5), c.REFUSED, c.R_BAD_VALUE, 1),
        ("value with open", command(value=5), c.REFUSED, c.R_BAD_VALUE, 1),
    )
    for name, order, status, reason, state in cases:
        bench = Bench()
        expect(name, bench.give(order, AUTHORITY), reason)
        kind, outcome = bench.chain.outcomes[0]
        got = (kind, outcome["status"], outcome["reason"], outcome["state"])
        expect(name + ": outcome", got, (Outcome, status, reason, state))
        expect(name + ": once", bench.give(order, AUTHORITY), c.R_REPLAYED)
        expect(name + ": one outcome", len(bench.chain.outcomes), 1)
        expect(name + ": no mark left", bench.nvs.values.get("pending"), None)


def protection_outranks():
    bench = Bench()
    bench.relays[0].force_open()
    bench.relays[0].may_close = lambda: False
    bench.ticks.now += 20000
    expect("protection", bench.give(command(c.CLOSE), AUTHORITY), c.R_PROTECTION)
    expect("stays open", bench.closed(), [0, 0])
    stuck = Bench()
    stuck.pins[0].stuck = True
    stuck.give(command(), AUTHORITY)
    outcome = stuck.chain.outcomes[0][1]
    got = (outcome["status"], outcome["reason"], outcome["state"])
    expect("stuck relay is read back", got, (c.REFUSED, c.R_HARDWARE, 1))


def without_time():
    bench = Bench(trusted=False)
    expect("away from safe", bench.give(command(), AUTHORITY), c.R_CLOCK_UNTRUSTED)
    expect("may come again", bench.commands.counter, 0)
    bench.relays[0].switch(False)
    bench.ticks.now += 20000
    expect("towards safe", bench.give(command(c.CLOSE), AUTHORITY), c.R_NONE)
    expect("closed", bench.closed(), [1, 0])


def wear():
    bench = Bench()
    for count in range(5):
        action = c.CLOSE if count & 1 else c.OPEN
        expect("switch %d" % count, bench.give(command(action, count + 1), AUTHORITY), c.R_NONE)
        again = command(c.OPEN if count & 1 else c.CLOSE, count + 2)
        expect("too soon", bench.give(again, AUTHORITY), c.R_BUSY)
        bench.ticks.now += 11000
    expect("too often", bench.give(command(c.CLOSE, 9), AUTHORITY), c.R_BUSY)
    bench.ticks.now += 3600000 - 40000
    late = command(c.CLOSE, 9, expires_s=NOW_S + 9000)
    expect("certificate has expired by now", bench.give(late, AUTHORITY), c.R_CERT_EXPIRED)


def expiry():
    bench = Bench()
    bench.give(command(expires_s=NOW_S + 60), AUTHORITY)
    expect("open", bench.closed(), [0, 0])
    bench.ticks.now += 61000
    for item in bench.relays:
        item.tick()
    expect("back to safe", bench.closed(), [1, 0])


def power_cuts():
    bench = Bench()
    bench.nvs.broken = True
    expect("counter not kept", bench.give(command(), AUTHORITY), c.R_FLASH)
    expect("so nothing switched", (bench.closed(), bench.chain.outcomes), ([1, 0], []))
    for name, order, ended in (
        ("away from safe", command(), (c.REFUSED, c.R_INTERRUPTED)),
        ("towards safe", command(c.CLOSE), (c.DONE, c.R_NONE)),
        ("expired before", command(expires_s=NOW_S), (c.EXPIRED, c.R_EXPIRED)),
        ("refused before", command(value=5), (c.REFUSED, c.R_BAD_VALUE)),
        ("no such asset", command(asset=2), (c.REFUSED, c.R_NO_SUCH_ASSET)),
    ):
        expect(name, cut_before_the_outcome(order), ended)


def cut_before_the_outcome(order):
    bench = Bench()

    async def cut(kind, fields):
        raise KeyboardInterrupt

    bench.chain.append = cut
    try:
        bench.give(order, AUTHORITY)
    except KeyboardInterrupt:
        bench.nvs.sets_left = None
    expect("the counter was persisted first", bench.nvs.values["counter"][-1], 1)
    bench.relays[0].fall_back()
    after = Chain()
    for wanted in (1, 1):
        store = Store(bench.nvs)
        commands = Commands(bench.relays, after, bench.clock, store)
        asyncio.run(commands.finish_pending())
        expect("outcomes after the cut", len(after.outcomes), wanted)
    fields = after.outcomes[0][1]
    expect("of that command", (fields["command_id"], fields["counter"]), (b"commandX", 1))
    return fields["status"], fields["reason"]


def cuts_between_two_values():
    """A chip writes its values one by one: wherever power goes, a command has one end or none."""
    for sets_left in range(4):
        bench = Bench()
        bench.nvs.sets_left = sets_left
        try:
            bench.give(command(), AUTHORITY)
        except KeyboardInterrupt:
            bench.nvs.broken = False  # it is on again
        bench.nvs.sets_left = None
        switched = bench.closed() == [0, 0]
        outcomes = bench.chain.outcomes
        for _ in range(2):
            commands = Commands(bench.relays, bench.chain, bench.clock, Store(bench.nvs))
            bench.chain.journal.records = lambda done=outcomes: iter(as_records(done))
            asyncio.run(commands.finish_pending())
        name = "%d values kept: " % sets_left
        expect(name + "outcomes", len(outcomes), 1 if sets_left else 0)
        expect(name + "counter", commands.counter, 1 if sets_left else 0)
        expect(name + "persisted", Store(bench.nvs).uint("counter"), commands.counter)
        expect(name + "never switched without a trace", switched and not sets_left, False)


def as_records(outcomes):
    """Outcomes as a journal gives them, signed by nobody."""
    start = {"epoch": 1, "seq": 0, "time_s": NOW_S, "flags": 0, "prev": bytes(16)}
    records = [Outcome(**dict(start, **fields)) for _, fields in outcomes]
    return [(Outcome.CODE, (1, 0), Unsigned(r, ME, CHAIN).with_signature(GOOD)) for r in records]


for test in (
    commands_refused_without_outcome,
    commands_ended,
    protection_outranks,
    without_time,
    wear,
    expiry,
    power_cuts,
    cuts_between_two_values,
):
    test()
print("ok")
