"""Time on MicroPython: wrapping ticks, beacons, the token bucket, loss of communication."""

from board_fakes import Ticks, expect

from core.bucket import TokenBucket
from core.clock import HOLD_MS, Clock
from core.comms import CommsWatch
from core.liveness import Liveness

NOW_S = 1790000000


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


def bucket():
    tokens = TokenBucket(4, 1000, 2)
    expect("ordinary", [tokens.take(0, False) for _ in range(3)], [True, True, False])
    expect("the reserve", [tokens.take(0, True) for _ in range(3)], [True, True, False])
    expect("refill", [tokens.take(1500, True), tokens.take(1600, True)], [True, False])
    expect("part of a refill is kept", tokens.take(2000, True), True)
    expect("full, not more", [tokens.take(99000, True) for _ in range(5)], [True] * 4 + [False])


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
bucket()
watches()
print("ok")
