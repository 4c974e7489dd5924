"""The gateway is killed at load, over and over; boards go on sending to the broker meanwhile.

Three times of four it is killed some time after its first ack, else somewhere in its start. A
charger is commanded meanwhile: most of its commands are over, or end, while no gateway lives.
"""

from __future__ import annotations

import random
import time

from gateway.keep.audit import audit
from truewatt.bench.faults.fleet import Fleet
from truewatt.bench.faults.oracle import CHAIN, Device, Verdict, compare
from truewatt.bench.faults.site import Site
from truewatt.bench.faults.tally import Plan, Progress, Tally
from wireformat import identity
from wireformat.control import Command

DEVICES, RATE = 8, 250
RECOVERY_LIMIT_MS = 5000
LOOK_EVERY = 100
_AFTER_ACK_S, _IN_START_S, _PATIENCE_S = 0.12, 0.2, 20.0
_SEE_IT_END = 2
"""Every so many kills the gateway lives on until it is through with its command."""

_ORDER_PATIENCE_S, _LOOK_S = 10.0, 0.05


def run(plan: Plan, progress: Progress) -> Tally:
    """As many kills as planned, in one site's life."""
    tally = Tally("sigkill", limit_ms=RECOVERY_LIMIT_MS)
    devices = [Device(number) for number in range(DEVICES)]
    with Site(plan.folder, devices, commanded=True) as site:
        fleet = Fleet(devices, site.broker.port, site.gateway_key, RATE)
        for number in range(plan.first, plan.first + plan.count):
            _kill(site, fleet, random.Random(plan.rng_name(number)), tally)
            if tally.count % LOOK_EVERY == 0:
                tally.found(look(site, fleet), f"kill {number}")
            progress(tally.count)
        site.start_gateway()
        _orders_end(site, fleet, tally)
        settle(site, fleet, tally)
        _account(site, tally)
    return tally


def _kill(site: Site, fleet: Fleet, rng: random.Random, tally: Tally) -> None:
    early = tally.count > 0 and rng.random() < 0.25
    order = site.keep_order(rng) if tally.count else None
    before = fleet.progress
    started_s = time.monotonic()
    site.start_gateway()
    if early:
        fleet.run_for(rng.uniform(0, _IN_START_S))
        tally.note("killed in its start")
    else:
        took_s = fleet.until(lambda: fleet.progress > before, _PATIENCE_S)
        if took_s is None:
            tally.found(Verdict(broken=1), f"no ack in {_PATIENCE_S} s: {site.log()}")
        else:
            # The first start has everything to ask of the ledger.
            tally.recoveries_ms += [1000 * (time.monotonic() - started_s)] * (tally.count > 0)
        if order is not None and tally.count % _SEE_IT_END == 1:
            _see_it_end(site, fleet, order, tally)
        fleet.run_for(rng.uniform(0, _AFTER_ACK_S))
    if not site.gateway_is_alive():
        tally.found(Verdict(broken=1), f"the gateway ended by itself: {site.log()}")
    site.kill_gateway()
    tally.count += 1


def _see_it_end(site: Site, fleet: Fleet, order: Command, tally: Tally) -> None:
    looked_s = 0.0

    def ended() -> bool:
        nonlocal looked_s
        if time.monotonic() - looked_s < _LOOK_S:
            return False
        looked_s = time.monotonic()
        return site.order_has_ended(order)

    if fleet.until(ended, _ORDER_PATIENCE_S) is None:
        tally.found(Verdict(broken=1), f"command {order.counter} did not end: {site.log()}")


def _orders_end(site: Site, fleet: Fleet, tally: Tally) -> None:
    """Under the last gateway the time of all commands ends: none may hold afterwards."""
    assert site.orders is not None
    orders = site.orders
    fleet.until(lambda: orders.all_over_in_s <= 0, _PATIENCE_S)
    tally.found(orders.held(), "a command holds after its end")


def _account(site: Site, tally: Tally) -> None:
    assert site.orders is not None
    store = site.store()
    tally.found(site.orders.look(store, tally), "commands")
    store.close()


def look(site: Site, fleet: Fleet) -> Verdict:
    """Hold the store against the boards' account: nothing is so old yet that it may be pruned."""
    acked = fleet.acked()
    verdict = compare(fleet.devices, site.rows(), acked)
    verdict.misattributed += fleet.foreign
    fleet.foreign = 0
    return verdict


def settle(site: Site, fleet: Fleet, tally: Tally) -> None:
    """After the last fault: all that was signed is acked, and store and ledger are sound."""
    fleet.all_send()
    ends = {device.address: len(device.journal) - 1 for device in fleet.devices}
    done = fleet.until(lambda: all(d.acked >= ends[d.address] for d in fleet.devices), 30)
    if done is None:
        tally.found(Verdict(broken=1), f"not all was acked in the end: {site.log()}")
    site.kill_gateway()
    tally.acked = sum(device.acked + 1 for device in fleet.devices)
    tally.note("forgeries among the records", fleet.forged)
    tally.tried |= {"misattributed"} | ({"unsigned"} if fleet.forged else set())
    tally.found(look(site, fleet), "the end")
    fleet.close()
    store = site.store()
    faults = [fault for board in audit(store, CHAIN) for fault in board.faults]
    store.close()
    tally.found(Verdict(broken=len(faults)), f"gateway verify: {faults[:3]}")
    tally.found(_ledger(site, fleet, tally), "the ledger")


def _ledger(site: Site, fleet: Fleet, tally: Tally) -> Verdict:
    """The ledger's chain of each board is the board's own."""
    verdict = Verdict()
    for device in fleet.devices:
        seq, head, active = site.on_the_ledger(device)
        tally.note("records on the ledger", seq + 1)
        honest = seq < 0 or identity.record_hash(device.journal[seq]) == head
        verdict.broken += not active or not honest
    return verdict
