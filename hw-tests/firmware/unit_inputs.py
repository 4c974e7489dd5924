"""Switches on site, an SG-Ready heat pump, relays that weld and age; on MicroPython."""

import asyncio

from board_fakes import Nvs, Pin, expect
from gate_bench import AUTHORITY, NOW_S, Bench, command, relay

from core.inputs import Inputs
from core.life import Life, counts
from core.nvs import Store
from core.relays import Relay
from core.settings import Settings
from core.sg_ready import SgReady
from wireformat import codes as c


class Told:
    def __init__(self):
        self.heard = []

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda on: self.heard.append((name, on))


class Bouncing(Pin):
    """Reads low once, then high again."""

    def value(self, level=None):
        self.reads = getattr(self, "reads", 0) + 1
        return 0 if self.reads == 1 else 1


def inputs_are_debounced():
    told = Told()
    pins = {name: Pin(1) for name in ("lockout", "opt_out", "trip")}
    pins["tamper"] = Pin(0)
    inputs = Inputs(pins, told)
    asyncio.run(inputs.look())
    expect("all off", (told.heard, inputs.flags()), ([], 0))
    pins["opt_out"].level = pins["lockout"].level = 0
    pins["tamper"].level = 1
    asyncio.run(inputs.look())
    asyncio.run(inputs.look())
    wanted = [("lockout", True), ("opt_out", True), ("tamper", True)]
    expect("each told once", told.heard, wanted)
    expect("flags", inputs.flags(), c.OPTED_OUT | c.LOCKED_OUT | c.TAMPER)
    pins["opt_out"].level = 1
    asyncio.run(inputs.look())
    expect("off again", told.heard[-1], ("opt_out", False))
    spike = Inputs({"trip": Bouncing()}, told)
    asyncio.run(spike.look())
    expect("a spike is none", told.heard[-1], ("opt_out", False))


def opted_out():
    bench = Bench()
    bench.commands.opted_out = True
    expect("away from the default", bench.give(command(), AUTHORITY), c.R_OPTED_OUT)
    outcome = bench.chain.outcomes[0][1]
    expect("ends", (outcome["status"], outcome["state"]), (c.REFUSED, 1))
    expect("towards it", bench.give(command(c.CLOSE, 2), AUTHORITY), c.R_NONE)
    bench.commands.opted_out = False
    expect("opted in", bench.give(command(c.OPEN, 3), AUTHORITY), c.R_NONE)


def locked_out():
    bench = Bench()
    for item in bench.relays:
        item.lock(True)
    expect("all open", bench.closed(), [0, 0])
    expect("refuses", bench.give(command(c.CLOSE), AUTHORITY), c.R_LOCKED_OUT)
    bench.relays[0].fall_back()
    bench.ticks.now += 60000
    bench.relays[0].tick()
    expect("no fallback closes it", bench.closed(), [0, 0])
    bench.relays[0].lock(False)
    bench.relays[0].fall_back()
    bench.relays[0].tick()
    expect("released", bench.closed(), [1, 0])


def heat_pump(bench):
    pins = [Pin(), Pin()]
    relays = [Relay(pin, relay(False), bench.clock) for pin in pins]
    settings = Settings()
    settings.min_mode_s, settings.max_blocked_s = 100, 7200
    pump = SgReady(relays, settings, bench.clock)
    bench.commands.assets[0] = pump
    return pump, pins, relays


def later(bench, relays, seconds):
    bench.ticks.now += seconds * 1000
    for item in relays:
        item.tick()


def modes():
    bench = Bench()
    pump, pins, _ = heat_pump(bench)
    expect("rests in", pump.mode(), 2)
    steps = ((1, [1, 0]), (3, [0, 1]), (4, [1, 1]), (2, [0, 0]))
    for number, (mode, contacts) in enumerate(steps):
        order = command(c.SET_MODE, number + 1, value=mode, expires_s=NOW_S + 90000)
        expect("mode %d" % mode, bench.give(order, AUTHORITY), c.R_NONE)
        expect("contacts of %d" % mode, [pin.level for pin in pins], contacts)
        state = bench.chain.outcomes[-1][1]["state"]
        expect("read back %d" % mode, (state, pump.read_back(c.SET_MODE)), (mode, mode))
        soon = command(c.SET_MODE, number + 2, value=mode % 4 + 1, expires_s=NOW_S + 90000)
        expect("too young", bench.give(soon, AUTHORITY), c.R_BUSY)
        bench.ticks.now += 101000
    for bad in (command(c.SET_MODE, 9, value=5), command(c.SET_MODE, 10), command(c.CLOSE, 11)):
        expect("no such mode", pump.fault(bad.action, bad.value), c.R_BAD_VALUE)
    pins[0].stuck = True
    pump.apply(c.SET_MODE, 4, NOW_S + 90000)
    expect("a stuck relay is seen", pump.achieved(c.SET_MODE, 4), False)


def modes_end():
    bench = Bench()
    pump, _, relays = heat_pump(bench)
    now_s = bench.clock.now_s()
    pump.apply(c.SET_MODE, 4, now_s + 60)
    later(bench, relays, 59)
    expect("holds", pump.mode(), 4)
    later(bench, relays, 2)
    expect("expires to normal", pump.mode(), 2)
    pump.apply(c.SET_MODE, 1, now_s + 90000)
    later(bench, relays, 7201)
    expect("blocked ends after two hours", pump.mode(), 2)
    expect("normal needs no time", pump.towards_safe(c.SET_MODE, 2), True)
    expect("others do", pump.towards_safe(c.SET_MODE, 4), False)
    relays[0].lock(True)
    expect("locked", pump.fault(c.SET_MODE, 4), c.R_LOCKED_OUT)
    expect("contact 2 alone is not", pump.fault(c.SET_MODE, 3), c.R_NONE)


def welded():
    bench = Bench()
    sense = Pin(0)  # the load has voltage
    bench.relays[0].watch(sense)
    expect("R_HARDWARE", bench.give(command(), AUTHORITY), c.R_HARDWARE)
    expect("as the load says", bench.chain.outcomes[0][1]["state"], 1)
    expect("told once", [bench.relays[0].welded() for _ in range(5)].count(True), 1)
    sense.level = 1
    expect("open after all", (bench.relays[0].closed(), bench.relays[0].welded()), (False, False))


def life():
    bench = Bench()
    store = Store(Nvs())
    kept = Life(bench.relays, store, bench.clock)
    before = bench.relays[0].switches
    for closed in (False, True, False, False):
        bench.relays[0].switch(closed)
    expect("counts what moved", bench.relays[0].switches - before, 3)
    kept.tick()
    expect("not at once", counts(store), [])
    bench.ticks.now += 3600001
    kept.tick()
    expect("each hour", counts(store), [before + 3, 0])
    bench.relays[0].switches = 0
    Life(bench.relays, store, bench.clock)
    expect("over a restart", bench.relays[0].switches, before + 3)


for test in (inputs_are_debounced, opted_out, locked_out, modes, modes_end, welded, life):
    test()
print("ok")
