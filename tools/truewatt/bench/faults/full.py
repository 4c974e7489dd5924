"""The disk is full at a write of the store, for a while, and then it is not.

The life of a store goes on from fault to fault: each time some writes later there is no room any
more, a page may be half written, calls fail and are tried again; sometimes the gateway is started
anew on the full disk. Every call either does all it says or raises `StoreFull`.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

from gateway.store import Store, StoreError, StoreFull
from gateway.store.database import STORE_FILE
from truewatt.bench.faults.disk import FULL, Op, Recorder
from truewatt.bench.faults.life import Life, check
from truewatt.bench.faults.oracle import Verdict
from truewatt.bench.faults.tally import Plan, Progress, Tally

A_LIFE = 100
"""Faults that one store goes through, so that it stays as small as a check is quick."""

MOST_WRITES_LEFT = 40
_STEPS_TO_FULL = 200


class _Medium:
    """Room for so many more writes; None: enough. Syncs and truncations always succeed."""

    def __init__(self) -> None:
        self.left: int | None = None

    def note(self, op: Op) -> int:
        if op.kind not in ("write", "open") or self.left is None:
            return 0
        if self.left:
            self.left -= 1
            return 0
        return FULL

    @property
    def is_full(self) -> bool:
        return self.left == 0


def run(plan: Plan, progress: Progress) -> Tally:
    """As many times as planned, `A_LIFE` of them on each store."""
    tally = Tally("full")
    tally.tried.add("misattributed")
    done = 0
    while done < plan.count:
        first = plan.first + done
        numbers = range(first, plan.first + min(plan.count, done + A_LIFE))
        _lifetime(plan, plan.folder / str(first), numbers, tally)
        done += len(numbers)
        progress(done)
    return tally


def _lifetime(plan: Plan, folder: Path, numbers: range, tally: Tally) -> None:
    folder.mkdir()
    medium, life = _Medium(), Life(random.Random(plan.rng_name(numbers[0])))
    with Recorder(folder, medium.note).active():
        store: Store | None = Store.open(folder / STORE_FILE)
        for number in numbers:
            rng = random.Random(plan.rng_name(number))
            medium.left = number % MOST_WRITES_LEFT
            store = _fill(store, folder, life, medium, rng, tally)
            medium.left = None
            started_s = time.monotonic()
            if store is None:
                store = Store.open(folder / STORE_FILE)
            life.commit(store)
            tally.recoveries_ms.append(1000 * (time.monotonic() - started_s))
            tally.found(check(store, life.devices, life.promised), f"fault {number}")
            tally.count += 1
        assert store is not None
        store.close()
    tally.acked += sum(seq + 1 for seq in life.promised.acked.values())


def _fill(
    store: Store | None, folder: Path, life: Life, medium: _Medium, rng: random.Random, tally: Tally
) -> Store | None:
    """Work until the disk is full, then go on trying; None if the store is closed by then."""
    assert store is not None
    for _ in range(_STEPS_TO_FULL):
        if _fails(lambda: life.step(store), tally):
            break
    for _ in range(rng.randint(0, 4)):
        _fails(lambda: life.step(store), tally)
    if rng.random() < 0.8 or not medium.is_full:
        return store
    _fails(store.close, tally)
    tally.note("started anew on a full disk")
    try:
        return Store.open(folder / STORE_FILE)
    except StoreFull:
        return None


def _fails(call: object, tally: Tally) -> bool:
    assert callable(call)
    try:
        call()
    except StoreFull:
        tally.note("calls that found no room")
        return True
    except StoreError as error:
        tally.found(Verdict(broken=1), f"{error.code} in place of store_full: {error}")
        return True
    return False
