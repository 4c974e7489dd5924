"""The M-LMD's breaker on MicroPython: limits, trips, reclosing, lock-out, commands."""

from board_fakes import Nvs, Pin, Ticks, expect

from core.clock import Clock
from core.nvs import Store
from core.relays import Relay
from core.settings import Settings
from mlmd.breaker import Breaker, holds_open
from wireformat import codes as c

FIXED_W, OVERLOAD_W = 10000, 8000


class Bench:
    def __init__(self, nvs=None):
        self.ticks = Ticks()
        self.clock = Clock(self.ticks)
        self.nvs = nvs or Nvs()
        self.pin = Pin()
        self.happened = []
        relay = Settings()
        relay.name, relay.safe_closed, relay.active_high = "breaker", True, True
        relay.max_per_hour, relay.min_between_s = 6, 10
        self.relay = Relay(self.pin, relay, self.clock)
        config = Settings()
        config.fixed_limit_w, config.overload_limit_w = FIXED_W, OVERLOAD_W
        config.breaker = times = Settings()
        times.overload_delay_ms, times.fixed_delay_ms = 10000, 1000
        times.dead_times_s, times.reclaim_s = [15, 45], 60
        store = Store(self.nvs)
        self.breaker = Breaker(self.relay, config, self.clock, store, self.note)
        self.relay.may_close = self.breaker.may_close
        self.held_open = holds_open(store)
        self.relay.fall_back()
        self.run(1, 0)
        self.happened.clear()

    def note(self, what, detail):
        self.happened.append((what, detail))

    def run(self, seconds, power_w):
        """Let time pass; the load draws `power_w` while the breaker is closed."""
        for _ in range(seconds):
            self.ticks.now += 1000
            self.breaker.sample(power_w if self.pin.level else 0)
            self.relay.tick()
            self.breaker.tick()


def definite_times():
    for name, power_w, seconds, cause in (
        ("at the limit", OVERLOAD_W, 600, None),
        ("above, shorter than the delay", OVERLOAD_W + 1, 10, None),
        ("above for the delay", OVERLOAD_W + 1, 11, c.TRIP_OVERLOAD),
        ("above the fixed one", FIXED_W + 1, 2, c.TRIP_FIXED_LIMIT),
        ("at the fixed one", FIXED_W, 9, None),
    ):
        bench = Bench()
        bench.run(seconds, power_w)
        expect(name, bench.happened, [("trip", [cause, power_w])] if cause else [])
        expect(name + ": state", bench.pin.level, 0 if cause else 1)
    bench = Bench()
    for _ in range(30):
        bench.run(8, OVERLOAD_W + 1000)
        bench.run(1, OVERLOAD_W)
    expect("a peak that ends starts anew", bench.happened, [])


def reclosing():
    bench = Bench()
    bench.run(11, 9000)
    bench.run(14, 9000)
    expect("dead time", bench.breaker.state(), c.BREAKER_OPEN)
    bench.run(2, 0)
    expect("recloses", bench.breaker.state(), c.BREAKER_CLOSED)
    bench.run(61, 1000)
    bench.run(11, 9000)
    bench.run(16, 0)
    expect("first dead time again after the reclaim time", bench.breaker.state(), c.BREAKER_CLOSED)
    bench.run(300, 9000)
    names = [what for what, _ in bench.happened]
    expect("to the end", names, ["trip", "closed"] * 3 + ["trip", "lockout"])
    expect("locked out", bench.breaker.state(), c.BREAKER_LOCKED_OUT)
    expect("counted", bench.breaker.reclose_count, 3)
    return bench


def locked_out():
    bench = reclosing()
    bench.run(3600, 0)
    bench.relay.fall_back()
    bench.run(5, 0)
    expect("nothing closes it", bench.pin.level, 0)
    expect("a command neither", bench.breaker.fault(c.CLOSE, 0), c.R_LOCKED_OUT)
    after = Bench(bench.nvs)
    after.run(60, 0)
    expect("nor a reboot", (after.pin.level, after.breaker.locked_out), (0, True))
    expect("which drives it open at once", after.held_open, True)
    expect("and knows why", after.breaker.trip_cause, c.TRIP_OVERLOAD)
    after.breaker.reset_lockout()
    after.run(2, 0)
    expect("a person does", (after.pin.level, after.nvs.values["lockout"]), (1, 0))
    expect("for the next start too", Bench(after.nvs).held_open, False)


def test_button():
    bench = Bench()
    bench.breaker.trip_by_hand()
    names = [what for what, _ in bench.happened]
    expect("trips and locks out", (bench.pin.level, names), (0, ["trip", "lockout"]))
    expect("by hand", bench.happened[0][1], [c.TRIP_MANUAL, 0])
    bench.run(300, 0)
    expect("stays open", bench.pin.level, 0)
    bench.breaker.reset_lockout()
    expect("till a person resets", bench.pin.level, 1)


def locked_on_site():
    bench = Bench()
    bench.run(11, 9000)  # in a dead time
    bench.relay.lock(True)
    bench.happened.clear()
    bench.run(300, 0)
    expect("does not reclose", (bench.pin.level, bench.happened), (0, []))
    expect("refuses", bench.breaker.fault(c.CLOSE, 0), c.R_LOCKED_OUT)
    expect("opens", bench.breaker.fault(c.OPEN, 0), c.R_NONE)
    bench.relay.lock(False)
    bench.run(1, 0)
    expect("recloses then", (bench.pin.level, bench.happened), (1, [("closed", [])]))


def one_phase():
    bench = Bench()
    for _ in range(3):
        bench.ticks.now += 1000
        bench.breaker.sample(4000, FIXED_W + 1)
    expect("a phase beyond its limit", bench.breaker.trip_cause, c.TRIP_FIXED_LIMIT)
    bench = Bench()
    bench.breaker.apply(c.SET_LIMIT, 3000, 1 << 40)
    for _ in range(60):
        bench.ticks.now += 1000
        bench.breaker.sample(2900, OVERLOAD_W)
    expect("a contract's limit is for the sum", bench.pin.level, 1)


def welded():
    bench = Bench()
    bench.breaker.trip_by_hand()
    bench.happened.clear()
    for _ in range(20):
        bench.ticks.now += 1000
        bench.breaker.sample(2000)
    expect("power through an open breaker", bench.happened, [("welded", [0])])


def restarts():
    bench = Bench()
    expect("closed at once", (bench.held_open, bench.pin.level), (False, 1))
    bench.run(11, 9000)
    bench.run(10, 0)
    cut = Bench(bench.nvs)
    expect("in its dead time it stays open", (cut.held_open, cut.pin.level), (True, 0))
    cut.run(13, 0)
    expect("which begins anew", cut.pin.level, 0)
    cut.run(3, 0)
    expect("recloses", (cut.pin.level, cut.happened), (1, [("closed", [])]))
    expect("no longer held open", Bench(cut.nvs).held_open, False)
    cut.run(11, 9000)
    again = Bench(cut.nvs)
    again.run(40, 0)
    expect("the second dead time, for trips stay counted", again.pin.level, 0)
    again.run(6, 0)
    again.run(11, 9000)
    expect("locks out in spite of restarts", again.happened[-1], ("lockout", []))


def flash_is_spared():
    bench = Bench()
    before = bench.nvs.commits
    bench.run(600, 1000)
    expect("no trip, no commit", bench.nvs.commits - before, 0)
    bench.run(11, 9000)
    bench.run(600, 1000)
    expect("a trip, its end, its oblivion", bench.nvs.commits - before, 3)


def limits():
    bench = Bench()
    breaker = bench.breaker
    expect("lower", breaker.fault(c.SET_LIMIT, 3000), c.R_NONE)
    expect("up to the fixed one", breaker.fault(c.SET_LIMIT, FIXED_W), c.R_NONE)
    expect("not above", breaker.fault(c.SET_LIMIT, FIXED_W + 1), c.R_BAD_VALUE)
    expect("not nothing", breaker.fault(c.SET_LIMIT, 0), c.R_BAD_VALUE)
    breaker.apply(c.SET_LIMIT, 3000, bench.clock.now_s() + 100)
    expect("read back", breaker.read_back(c.SET_LIMIT), 3000)
    expect("needs trusted time", breaker.towards_safe(c.SET_LIMIT), False)
    bench.run(11, 3500)
    expect("trips at the lower one", bench.happened, [("trip", [c.TRIP_OVERLOAD, 3500])])
    bench.run(100, 0)
    expect("expires", breaker.limit_w, OVERLOAD_W)
    breaker.apply(c.SET_LIMIT, FIXED_W, bench.clock.now_s() + 100)
    bench.run(3, FIXED_W + 1)
    expect("the fixed one stays", bench.happened[-1], ("trip", [c.TRIP_FIXED_LIMIT, FIXED_W + 1]))


def commands():
    bench = Bench()
    bench.run(11, 9000)
    expect("not in the dead time", bench.breaker.fault(c.CLOSE, 0), c.R_PROTECTION)
    bench.breaker.apply(c.OPEN, 0, bench.clock.now_s() + 40)
    bench.run(30, 0)
    expect("an order to stay open outlasts the dead time", bench.pin.level, 0)
    bench.run(20, 0)
    bench.breaker.apply(c.OPEN, 0, bench.clock.now_s() + 50)
    expect("open", (bench.pin.level, bench.breaker.trip_cause), (0, c.TRIP_MANUAL))
    bench.run(40, 0)
    expect("no reclosing by itself", bench.pin.level, 0)
    expect("may be closed", bench.breaker.fault(c.CLOSE, 0), c.R_NONE)
    bench.run(15, 0)
    expect("until it expires", bench.pin.level, 1)


definite_times()
locked_out()
test_button()
locked_on_site()
one_phase()
welded()
restarts()
flash_is_spared()
limits()
commands()
print("ok")
