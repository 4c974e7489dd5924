"""The gateway's clock jumps by up to ten years either way, over and over, and sometimes back.

Half of the jumps meet a whole gateway at load: nothing acked may be lost, pruned, or held against
its board, and every record keeps the time at which it really came. The other half meet a gateway
that has a charger to command: no command may move it after its time.
"""

from __future__ import annotations

import random
import time

from truewatt.bench._ingest_load import START_S
from truewatt.bench.faults import charger
from truewatt.bench.faults.broker import ACTIVE, RELIEVED
from truewatt.bench.faults.fleet import Fleet
from truewatt.bench.faults.kill import LOOK_EVERY, RATE, look, settle
from truewatt.bench.faults.oracle import Device, Verdict
from truewatt.bench.faults.site import SHIFT_S, Site
from truewatt.bench.faults.tally import Plan, Progress, Tally

RECOVERY_LIMIT_MS = 5000
YEARS_MS = 10 * 365 * 86_400_000
SLACK_MS = 900_000
"""By how much a record's time of arrival may be off: what clocks are followed in, and this run."""

_PATIENCE_S, _WRONG_S = 20.0, 0.1
_CLOCK_REFUSALS = ("clock_ahead", "clock_behind", "clock_backwards")


def jump_ms(rng: random.Random) -> int:
    """Years mostly, sometimes days or hours; either way."""
    most_ms = rng.choice((YEARS_MS, YEARS_MS, YEARS_MS // 100, YEARS_MS // 2000))
    return rng.choice((-1, 1)) * rng.randint(most_ms // 2, most_ms)


def run(plan: Plan, progress: Progress) -> Tally:
    """As many jumps as planned, half of them at each gateway."""
    tally = Tally("clock", limit_ms=RECOVERY_LIMIT_MS)
    at_load = plan.count // 2
    charger.run(plan, plan.count - at_load, jump_ms, tally, progress)
    groups = RELIEVED if at_load >= 10 * RELIEVED else 1
    devices = [Device(number) for number in range(ACTIVE * groups)]
    with Site(plan.folder, devices) as site:
        fleet = Fleet(devices, site.broker.port, site.gateway_key, RATE, ACTIVE)
        site.start_gateway()
        fleet.until(lambda: fleet.progress, _PATIENCE_S)
        for number in range(plan.first, plan.first + at_load):
            _jump(site, fleet, random.Random(plan.rng_name(number)), tally)
            if tally.count % LOOK_EVERY == 0:
                tally.found(look(site, fleet), f"jump {number}")
            progress(tally.count)
        if not site.gateway_is_alive():
            tally.found(Verdict(broken=1), f"the gateway ended by itself: {site.log()}")
        acked = tally.acked
        settle(site, fleet, tally)
        tally.acked += acked
        tally.found(_dated(site, tally), "times of arrival")
    return tally


def _jump(site: Site, fleet: Fleet, rng: random.Random, tally: Tally) -> None:
    fleet.relieve()
    site.shift_clock(jump_ms(rng) if tally.count % 3 else 0)
    fleet.run_for(rng.uniform(0, _WRONG_S))
    started_s = time.monotonic()
    before = fleet.progress
    took_s = fleet.until(lambda: fleet.progress > before, _PATIENCE_S)
    if took_s is None:
        tally.found(Verdict(broken=1), f"no ack in {_PATIENCE_S} s: {site.log()}")
    tally.recoveries_ms.append(1000 * (time.monotonic() - started_s))
    tally.count += 1


def _dated(site: Site, tally: Tally) -> Verdict:
    """Times of arrival are true, and no board was blamed for what the gateway's clock did."""
    earliest_ms = (START_S + SHIFT_S) * 1000 - SLACK_MS
    latest_ms = site.clock.unix_ms() + SLACK_MS
    store = site.store()
    wrong = store.database.one(
        "SELECT count(*) FROM records WHERE received_ms NOT BETWEEN ? AND ?",
        (earliest_ms, latest_ms),
    )
    refusals = store.refusals()
    store.close()
    blamed = sum(refusals.get(reason, 0) for reason in _CLOCK_REFUSALS)
    tally.note("boards blamed for the gateway's clock", blamed)
    misdated = int(wrong[0]) if wrong else 0
    tally.note("records with a wrong time of arrival", misdated)
    return Verdict(broken=blamed + misdated)
