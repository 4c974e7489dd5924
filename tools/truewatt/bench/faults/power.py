"""The power goes at every write of the store, and sometimes again while it comes back.

A store's life is recorded once, write by write. Then the medium is rebuilt as a cut at each of
those writes may leave it, the real store is opened on it, and must hold all that it had promised;
one more commit shows that work goes on. Every fourth time the power goes again during just that.
"""

from __future__ import annotations

import bisect
import copy
import random
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from gateway.store import Store, StoreError
from gateway.store.database import STORE_FILE
from truewatt.bench.faults.disk import Disk, Op, Recorder
from truewatt.bench.faults.life import Life, Promised, check
from truewatt.bench.faults.oracle import Verdict
from truewatt.bench.faults.tally import Plan, Progress, Tally

WRITES = 5000
"""Of a recorded life: the log is copied into the file some twenty times.

Always so many: a cut that is repeated by its number (--first N --count 1) meets the same life.
"""

BLOCK = 500
"""Cuts after which a campaign can be taken up again."""

AGAIN_EVERY = 4
_PRIME = 7919


@dataclass
class _Log:
    """Changes in their order, and what was promised from which of them on."""

    ops: list[Op] = field(default_factory=list)
    marks: list[tuple[int, Promised]] = field(default_factory=list)

    def note(self, op: Op) -> int:
        self.ops.append(op)
        return 0

    def promised(self, cut: int) -> Promised:
        """By a cut behind that many changes; what was on its way off the outbox counts as begun."""
        at = bisect.bisect_right(self.marks, cut, key=lambda mark: mark[0]) - 1
        found = copy.deepcopy(self.marks[at][1]) if at >= 0 else Promised()
        found.landing |= self.marks[min(at + 1, len(self.marks) - 1)][1].landing
        return found


def run(plan: Plan, progress: Progress) -> Tally:
    """As many cuts as planned, spread over a store's life."""
    tally = Tally("power")
    tally.tried.add("misattributed")
    life, log = _live(plan)
    tally.note("writes of the life", len(log.ops))
    numbers = range(plan.first, plan.first + plan.count)
    for start in range(0, plan.count, BLOCK):
        _cuts(plan, numbers[start : start + BLOCK], life, log, tally)
        progress(tally.count)
    return tally


def _cuts(plan: Plan, numbers: range, life: Life, log: _Log, tally: Tally) -> None:
    """In the order of the writes, so that the medium is rebuilt once for all of them."""
    order = sorted(numbers, key=lambda n: _place(n, log))
    disk, at = Disk(), 0
    for done, number in enumerate(order):
        while at <= _place(number, log)[1]:
            disk.apply(log.ops[at])
            at += 1
            if at == len(log.ops) and done + 1 < len(order):
                break
        _cut(plan, number, disk, at, life, log, tally)
        following = order[done + 1] if done + 1 < len(order) else number
        if _place(following, log)[0] != _place(number, log)[0]:
            disk, at = Disk(), 0


def _place(number: int, log: _Log) -> tuple[int, int]:
    """(pass over the life, write) of a cut: each pass has a cut at every write."""
    return divmod(number, len(log.ops))[0], number * _PRIME % len(log.ops)


def _live(plan: Plan) -> tuple[Life, _Log]:
    """Record a life, from an empty folder on."""
    folder, log = plan.folder / "life", _Log()
    folder.mkdir()
    life = Life(random.Random(f"life {plan.seed}"))
    with Recorder(folder, log.note).active():
        store = Store.open(folder / STORE_FILE)
        while len(log.ops) < WRITES:
            life.step(store)
            log.marks.append((len(log.ops), life.snapshot()))
        store.close()
    return life, log


def _cut(plan: Plan, number: int, disk: Disk, at: int, life: Life, log: _Log, tally: Tally) -> None:
    rng = random.Random(plan.rng_name(number))
    life.draw_from(random.Random(f"work {plan.rng_name(number)}"))
    image, promised = disk.image(rng), log.promised(at)
    if number % AGAIN_EVERY == 0:
        image = _again(plan.folder / "again", image, life, promised, rng)
        tally.note("cut again while it came back")
    verdict, took_s = _come_back(plan.folder / "back", image, life, promised)
    tally.count += 1
    tally.acked += sum(seq + 1 for seq in promised.acked.values())
    tally.recoveries_ms.append(1000 * took_s)
    tally.found(verdict, f"cut {number} behind write {at}")


def _laid_out(folder: Path, image: dict[str, bytes]) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, data in image.items():
        (folder / name).write_bytes(data)
    return folder / STORE_FILE


def _again(
    folder: Path, image: dict[str, bytes], life: Life, promised: Promised, rng: random.Random
) -> dict[str, bytes]:
    """Open, commit, close; and the power goes somewhere in that."""
    path, log = _laid_out(folder, image), _Log()
    before, life.promised = life.promised, copy.deepcopy(promised)
    with Recorder(folder, log.note).active():
        store = Store.open(path)
        life.commit(store)
        log.marks.append((len(log.ops), life.snapshot()))
        store.close()
    life.promised = before
    cut = rng.randint(0, len(log.ops))
    if log.marks[0][0] <= cut:
        promised.acked = log.marks[0][1].acked
    disk = Disk(image)
    for op in log.ops[:cut]:
        disk.apply(op)
    return disk.image(rng)


def _come_back(
    folder: Path, image: dict[str, bytes], life: Life, promised: Promised
) -> tuple[Verdict, float]:
    path = _laid_out(folder, image)
    started_s = time.monotonic()
    try:
        store = Store.open(path)
    except StoreError:
        return Verdict(lost=sum(seq + 1 for seq in promised.acked.values()), broken=1), 0.0
    opened_s = time.monotonic() - started_s
    verdict = check(store, life.devices, promised)
    started_s, before = time.monotonic(), life.promised
    life.promised = Promised()
    try:
        life.commit(store)
    except StoreError:
        verdict.broken += 1
    life.promised = before
    took_s = opened_s + time.monotonic() - started_s
    store.close()
    return verdict, took_s
