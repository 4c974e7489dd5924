"""Mosquitto is killed, or stopped in order, under load and comes back on the same port and disk.

What a killed broker had confirmed and not yet written is gone; boards have it still, because only
the gateway's signature lets them forget.
"""

from __future__ import annotations

import random
import signal
import time

from truewatt.bench.faults.fleet import Fleet
from truewatt.bench.faults.kill import LOOK_EVERY, RATE, look, settle
from truewatt.bench.faults.oracle import Device, Verdict
from truewatt.bench.faults.site import Site
from truewatt.bench.faults.tally import Plan, Progress, Tally

ACTIVE, RELIEVED = 8, 4
"""Boards that send at a time, and how many such groups take turns in a long campaign."""

RECOVERY_LIMIT_MS = 5000
_UP_S, _DOWN_S, _PATIENCE_S = 0.12, 0.1, 20.0


def run(plan: Plan, progress: Progress) -> Tally:
    """As many restarts as planned, under one gateway."""
    tally = Tally("broker", limit_ms=RECOVERY_LIMIT_MS)
    groups = RELIEVED if plan.count >= 10 * RELIEVED else 1
    devices = [Device(number) for number in range(ACTIVE * groups)]
    with Site(plan.folder, devices) as site:
        fleet = Fleet(devices, site.broker.port, site.gateway_key, RATE, ACTIVE)
        site.start_gateway()
        fleet.until(lambda: fleet.progress, _PATIENCE_S)
        for number in range(plan.first, plan.first + plan.count):
            _restart(site, fleet, random.Random(plan.rng_name(number)), tally)
            if tally.count % LOOK_EVERY == 0:
                tally.found(look(site, fleet), f"restart {number}")
            progress(tally.count)
        if not site.gateway_is_alive():
            tally.found(Verdict(broken=1), f"the gateway ended by itself: {site.log()}")
        settle(site, fleet, tally)
    return tally


def _restart(site: Site, fleet: Fleet, rng: random.Random, tally: Tally) -> None:
    fleet.relieve()
    fleet.run_for(rng.uniform(0, _UP_S))
    how = rng.choice((signal.SIGKILL, signal.SIGTERM))
    tally.note("killed" if how == signal.SIGKILL else "stopped")
    site.broker.end(how)
    fleet.run_for(rng.uniform(0, _DOWN_S))
    site.broker.start()
    started_s = time.monotonic()
    before = fleet.progress
    took_s = fleet.until(lambda: fleet.progress > before, _PATIENCE_S)
    if took_s is None:
        tally.found(Verdict(broken=1), f"no ack in {_PATIENCE_S} s: {site.log()}")
    tally.recoveries_ms.append(1000 * (time.monotonic() - started_s))
    tally.count += 1
