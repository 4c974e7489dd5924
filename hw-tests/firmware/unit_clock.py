"""Time on MicroPython: wrapping ticks, beacons, the token bucket, loss of communication."""

from board_fakes import Nvs, Ticks, expect

from core.bucket import TokenBucket
from core.clock import HOLD_MS, Clock
from core.comms import CommsWatch
from core.drift import DriftClock
from core.liveness import Liveness
from core.nvs import Store

NOW_S = 1790000000
DAY_MS = 24 * 3600 * 1000


def ticks_wrap():
    ticks = Ticks(Ticks.PERIOD - 1000)
    clock = Clock(ticks)
    for _ in range(30):
        ticks.now += 100000000
        clock.up_ms()
    expect("uptime over wraps", clock.up_ms(), 3000000000)


def beacons():
    ticks = Ticks()
    clock = Clock(ticks)
    expect("unset", (clock.now_s(), clock.trusted()), (0, False))
    clock.not_before(NOW_S)
    ticks.now += 5000
    expect("from the last record on", (clock.now_s(), clock.trusted()), (NOW_S + 5, False))
    expect("backwards", clock.beacon((NOW_S - 10) * 1000, 0, NOW_S), False)
    expect("still untrusted", clock.trusted(), False)
    expect("good", clock.beacon((NOW_S + 100) * 1000, 2000, NOW_S), True)
    expect("half its travel", (clock.now_s(), clock.trusted()), (NOW_S + 101, True))
    ticks.now += 10000
    # Sent 3 s ago, when our clock said the same: nothing to correct.
    clock.beacon((NOW_S + 108) * 1000, 4000, NOW_S)
    expect("agrees", clock.now_s(), NOW_S + 111)
    clock.beacon((NOW_S + 90) * 1000, 4000, NOW_S + 80)
    expect("corrects", clock.now_s(), NOW_S + 92)
    clock.beacon((NOW_S + 90) * 1000, 4000, NOW_S + 93)
    expect("never below the last record", clock.now_s() >= NOW_S + 93, True)
    ticks.now += HOLD_MS + 1
    expect("trust wears off", clock.trusted(), False)


class Crystal(Ticks):
    """`time` on a crystal that is `ppm` fast; a test moves true time."""

    def __init__(self, ppm):
        super().__init__()
        self.true_ms, self.ppm = 0, ppm

    def passes(self, clock, ms, step_ms=1000):
        before_ms = clock.now_ms()
        for _ in range(ms // step_ms):
            self.true_ms += step_ms
            self.now = self.true_ms + self.true_ms * self.ppm // 1000000
            now_ms = clock.now_ms()
            if now_ms < before_ms:
                expect("time runs forwards", now_ms, before_ms)
            before_ms = now_ms

    def error_ms(self, clock):
        return clock.now_ms() - NOW_S * 1000 - self.true_ms


def say(clock, crystal, there_ms, back_ms):
    """A beacon that says what time it was between its two ways."""
    return clock.beacon(NOW_S * 1000 + crystal.true_ms - back_ms, there_ms + back_ms, NOW_S)


def learnt(ppm, ways, store):
    """A clock that heard a beacon each half hour of a day; `ways` are ms there and back."""
    crystal = Crystal(ppm)
    clock = DriftClock(crystal, store)
    for at in range(48):
        say(clock, crystal, *ways[at % len(ways)])
        crystal.passes(clock, DAY_MS // 48, 5000)
    say(clock, crystal, 0, 0)
    return clock, crystal


def drift():
    for ppm in (80, -80, 35, -150):
        # Like a bus: now the way there takes long, now the way back.
        nvs = Nvs()
        clock, crystal = learnt(ppm, ((200, 300), (300, 150), (90, 400)), Store(nvs))
        if abs(clock.fast_ppm - ppm) > 13:
            expect("learnt", clock.fast_ppm, ppm)
        expect("kept", nvs.values["drift"], clock.fast_ppm)
        error_ms = crystal.error_ms(clock)
        crystal.passes(clock, HOLD_MS - 30000, 1000)
        expect("still trusted", clock.trusted(), True)
        gained_ms = abs(crystal.error_ms(clock) - error_ms)
        if gained_ms > 1100:
            expect("a day of holdover at %d ppm" % ppm, gained_ms, 1100)
        print("%d ppm: %d learnt, %d ms in a day" % (ppm, clock.fast_ppm, gained_ms))
    again = DriftClock(Ticks(), Store(nvs))
    expect("over a restart", again.fast_ppm, clock.fast_ppm)
    nvs.values["drift"] = 1 << 30
    expect("nonsense in NVS is bounded", DriftClock(Ticks(), Store(nvs)).fast_ppm, 200)
    # Ways alike teach to the ppm.
    clock, crystal = learnt(80, ((20, 20),), Store(Nvs()))
    expect("exactly", abs(clock.fast_ppm - 80) <= 1, True)


def drift_is_not_taught_by_what_is_none():
    clock, crystal = learnt(40, ((50, 50),), Store(Nvs()))
    before = clock.fast_ppm
    # A gateway's clock is set by a minute: no crystal does that.
    crystal.passes(clock, DAY_MS // 4, 5000)
    expect("set", clock.beacon(NOW_S * 1000 + crystal.true_ms + 60000, 100, NOW_S), True)
    expect("not taught", clock.fast_ppm, before)
    # Two beacons soon after each other say nothing.
    clock = DriftClock(Crystal(0), Store(Nvs()))
    clock.beacon(NOW_S * 1000, 2000, NOW_S)
    clock.up_ms()
    clock._ticks.passes(clock, 3000000)
    clock.beacon(NOW_S * 1000 + 3000000 + 300, 2000, NOW_S)
    expect("too soon", (clock.fast_ppm, clock.base[1]), (0, NOW_S * 1000 + 1000))
    # One that travelled less begins anew.
    clock.beacon(NOW_S * 1000 + 3000000, 20, NOW_S)
    expect("a better one", clock.base[1], NOW_S * 1000 + 3000010)
    # A broken NVS takes no beacon away.
    nvs = Nvs()
    nvs.broken = True
    clock, crystal = learnt(80, ((50, 50),), Store(nvs))
    expect("learnt without NVS", clock.fast_ppm > 70, True)


def a_little_ahead_is_slowed_down():
    ticks = Ticks()
    clock = DriftClock(ticks, Store(Nvs()))
    clock.beacon(NOW_S * 1000, 0, NOW_S)
    ticks.now += 100000
    clock.beacon(NOW_S * 1000 + 97000, 1000, NOW_S)
    expect("not set back", (clock.now_ms(), clock.trusted()), (NOW_S * 1000 + 100000, True))
    before_ms = clock.now_ms()
    for _ in range(250000):
        ticks.now += 1
        now_ms = clock.now_ms()
        if not 0 <= now_ms - before_ms <= 1:
            expect("never back", now_ms, before_ms)
        before_ms = now_ms
    expect("2 s in 200 s", now_ms, NOW_S * 1000 + 100000 + 250000 - 2000)


def bucket():
    tokens = TokenBucket(4, 1000)
    expect("ordinary", [tokens.take(0, False) for _ in range(3)], [True, True, False])
    expect("commands", [tokens.take(0, True) for _ in range(3)], [True, True, False])
    expect("refill", [tokens.take(1500, True), tokens.take(1600, True)], [True, False])
    expect("part of a refill is kept", tokens.take(2000, False), True)
    expect("full, not more", [tokens.take(99000, True) for _ in range(3)], [True, True, False])
    got = [tokens.take(now_ms, True) for now_ms in range(100000, 110000, 1000)]
    expect("all for commands while others need none", got, [True] * 10)
    expect("but theirs", [tokens.take(110000, False) for _ in range(3)], [True, True, False])
    both = [[tokens.take(now_ms, way) for way in (True, False)] for now_ms in
            range(111000, 131000, 1000)]  # fmt: skip
    expect("in turns", [sum(way) for way in zip(*both)], [10, 11])


def watches():
    ticks = Ticks()
    clock = Clock(ticks)
    comms = CommsWatch(1000, clock)
    ticks.now = 999
    expect("not yet", (comms.changed(), comms.lost), (False, False))
    ticks.now = 1000
    expect("lost", (comms.changed(), comms.lost), (True, True))
    expect("said once", comms.changed(), False)
    comms.heard()
    expect("back", (comms.changed(), comms.lost), (True, False))

    fed = []

    class Watchdog:
        def feed(self):
            fed.append(1)

    liveness = Liveness(Watchdog(), clock, 500)
    liveness.beat("a")
    liveness.beat("b")
    expect("fed", (liveness.feed(), len(fed)), ([], 1))
    ticks.now += 501
    liveness.beat("a")
    expect("one stalls", (liveness.feed(), len(fed)), (["b"], 1))
    liveness.rest("b")
    expect("who rests does not", (liveness.feed(), len(fed)), ([], 2))
    liveness.beat("b")
    ticks.now += 501
    liveness.beat("a")
    expect("given work, it is watched again", (liveness.feed(), len(fed)), (["b"], 2))


ticks_wrap()
beacons()
drift()
drift_is_not_taught_by_what_is_none()
a_little_ahead_is_slowed_down()
bucket()
watches()
print("ok")
