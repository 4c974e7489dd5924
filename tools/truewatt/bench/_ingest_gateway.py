"""The gateway's part of `truewatt bench gateway ingest`, in a process of its own.

    python -m truewatt.bench._ingest_gateway FOLDER PORT DEVICES

The collector as it is, with its clock read on the way in and after the commit. Says `ready`, then a
line of JSON twice a second, until its standard input ends.
"""

import asyncio
import json
import os
import resource
import sys
import threading
import time
from bisect import bisect
from collections.abc import Sequence
from pathlib import Path

from nacl.signing import SigningKey

from gateway.admit import Admission, Board, Rules
from gateway.collect.tools import Tools
from gateway.config import MqttConfig
from gateway.directory import Directory, Entry
from gateway.ingest import Arrival, Ingest, Taken
from gateway.mqtt.client import Connection
from gateway.mqtt.collector import MqttCollector
from gateway.mqtt.intake import Intake, Waiting
from gateway.notices import Notices
from gateway.signer import Signer
from gateway.store import Batch, Store
from gateway.store_thread import StoreThread
from ledger.clock import Clock
from truewatt.bench import _ingest_load as load
from truewatt.bench._processes import cpu_seconds, rss_mb
from wireformat import codes

_SAMPLE = 8
_TELL_S = 0.5
PAUSE_S = 1.0
"""Between two commits: longer is no time of work, but one without load."""

EDGES_MS = [1.05**step / 10 for step in range(240)]
"""Upper edges of the histogram of waits: 0.1 ms to 12 s, each 5 % above the last."""


class Waits:
    """How long readings waited, in a histogram: as many as come, in the same memory."""

    def __init__(self) -> None:
        self._counts = [0] * (len(EDGES_MS) + 1)

    def add(self, wait_s: float) -> None:
        """One more."""
        self._counts[bisect(EDGES_MS, 1000 * wait_s)] += 1

    def share_ms(self, share: float) -> float:
        """`share` of all waited no longer."""
        left = share * sum(self._counts)
        for edge_ms, count in zip(EDGES_MS, self._counts, strict=False):
            left -= count
            if left <= 0:
                return edge_ms
        return float("inf")


class TimedIntake(Intake):
    """Remembers when every `_SAMPLE`th arrival came from the socket."""

    def __init__(self) -> None:
        super().__init__()
        self.came: dict[int, float] = {}
        self.count = 0

    def put(self, arrival: Arrival, mid: int, connection: Connection) -> None:
        self.count += 1
        if self.count % _SAMPLE == 0:
            self.came[id(arrival)] = time.monotonic()
        super().put(arrival, mid, connection)


class TimedStore(Store):
    """Adds up what commits compute."""

    commit_s = 0.0

    def commit(self, *batches: Batch) -> None:
        started_s = time.thread_time()
        super().commit(*batches)
        self.commit_s += time.thread_time() - started_s


class TimedIngest(Ingest):
    """Adds up what judging and committing compute."""

    settle_s = 0.0

    def _settle(self, arrivals: Sequence[Arrival]) -> Taken:
        started_s = time.thread_time()
        try:
            return super()._settle(arrivals)
        finally:
            self.settle_s += time.thread_time() - started_s


class TimedCollector(MqttCollector):
    """The collector, with what it did and how long it took."""

    def __init__(self, tools: Tools, config: MqttConfig) -> None:
        self.timed = TimedIngest(tools)
        super().__init__(tools, config, load.AREA, "bench", self.timed)
        self.intake: TimedIntake = TimedIntake()
        self.committed = self.duplicates = self.refused = self.batches = 0
        self.waits = Waits()
        self.busy_s = self._last_s = 0.0

    async def _commit(self, batch: list[Waiting]) -> Taken:
        started_s = time.monotonic()
        taken = await super()._commit(batch)
        now_s = time.monotonic()
        for waiting in batch:
            arrived_s = self.intake.came.pop(id(waiting.arrival), None)
            if arrived_s is not None:
                self.waits.add(now_s - arrived_s)
        came_s = self._last_s if now_s - self._last_s < PAUSE_S else started_s
        self.busy_s += now_s - came_s
        self._last_s = now_s
        self.committed += sum(taken.records.values())
        self.duplicates += taken.duplicates
        self.refused += taken.refused
        self.batches += 1
        return taken


def collector(folder: Path, port: int, devices: int) -> TimedCollector:
    """A collector that knows the load's devices."""
    directory, clock = Directory(), Clock.starting_at((load.START_S + 10**6) * 1000, 1.0)
    for number in range(devices):
        signer = load.Signer(number)
        board = Board(signer.address, signer.public_key, codes.METER, load.CHANNELS, 2)
        directory.put(Entry(board))
    tools = Tools(
        clock,
        StoreThread(TimedStore.open(folder / "gateway.db")),
        Admission(load.CHAIN, Rules(), directory.by_kid),
        directory,
        Signer(bytes(SigningKey(b"g" * 32)), load.CHAIN),
        Notices(),
        (1, b"\0"),
    )
    return TimedCollector(tools, MqttConfig("127.0.0.1", port))


def figures(it: TimedCollector) -> dict[str, float]:
    """What is known so far; CPU times in seconds since the start, memory in MB."""
    store = it._tools.store.store
    assert isinstance(store, TimedStore)
    pids = [pid for pid in (one.pid for one in it.ingest.verifiers.processes) if pid]
    threads = _thread_seconds()
    return {
        "committed": it.committed,
        "duplicates": it.duplicates,
        "refused": it.refused,
        "batches": it.batches,
        "busy_s": it.busy_s,
        "p50_ms": it.waits.share_ms(0.5),
        "p99_ms": it.waits.share_ms(0.99),
        "rss_mb": rss_mb(os.getpid()) + sum(map(rss_mb, pids)),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "cpu_verify": sum(map(cpu_seconds, pids)) + threads.get("verify", 0.0),
        "cpu_loop": threads["MainThread"],
        "cpu_judge": it.timed.settle_s - store.commit_s,
        "cpu_commit": store.commit_s,
        "cpu_checkpoint": threads.get("checkpoint", 0.0),
        "cpu": time.process_time() + sum(map(cpu_seconds, pids)),
        "acks": it.acker.sent,
    }


def _thread_seconds() -> dict[str, float]:
    """CPU time by thread; those of a pool together."""
    found: dict[str, float] = {}
    for thread in threading.enumerate():
        name = thread.name.partition("_")[0]
        path = f"self/task/{thread.native_id}"
        found[name] = found.get(name, 0.0) + cpu_seconds(path)
    return found


async def run(folder: Path, port: int, devices: int) -> None:
    """Collect until standard input ends."""
    it = collector(folder, port, devices)
    task = asyncio.create_task(it.run())
    while not it.is_open:
        await asyncio.sleep(0.05)
    print("ready", flush=True)
    over = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    while not over.done():
        await asyncio.wait([over, task], timeout=_TELL_S)
        if task.done():
            task.result()
        print(json.dumps(figures(it)), flush=True)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    it._tools.store.close()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), *map(int, sys.argv[2:4])))
