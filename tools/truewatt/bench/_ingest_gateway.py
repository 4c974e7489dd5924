"""The gateway's part of `truewatt bench gateway ingest`, in a process of its own.

    python -m truewatt.bench._ingest_gateway FOLDER PORT DEVICES COUNT

The collector as it is, with its clock read on the way in and after the commit. Says `ready`, then a
line of JSON each second, the last one when COUNT readings are committed.
"""

import asyncio
import json
import resource
import sys
import time
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
from gateway.store import Store
from gateway.store_thread import StoreThread
from ledger.clock import Clock
from truewatt.bench import _ingest_load as load
from wireformat import codes

_SAMPLE = 8


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


class TimedIngest(Ingest):
    """Adds up what its threads compute."""

    verify_s = judge_s = 0.0

    def _examine(self, arrivals: Sequence[Arrival]) -> None:
        started_s = time.thread_time()
        super()._examine(arrivals)
        self.verify_s += time.thread_time() - started_s

    def _settle(self, arrivals: Sequence[Arrival]) -> Taken:
        started_s = time.thread_time()
        try:
            return super()._settle(arrivals)
        finally:
            self.judge_s += time.thread_time() - started_s


class TimedCollector(MqttCollector):
    """The collector, with what it did and how long it took."""

    def __init__(self, tools: Tools, config: MqttConfig) -> None:
        super().__init__(tools, config, load.AREA, "bench")
        self.intake: TimedIntake = TimedIntake()
        self.ingest: TimedIngest = TimedIngest(tools)
        self.committed = self.batches = self.refused = 0
        self.waits_s: list[float] = []
        self.first_s = self.last_s = 0.0

    async def _commit(self, batch: list[Waiting]) -> Taken:
        self.first_s = self.first_s or time.monotonic()
        taken = await super()._commit(batch)
        self.last_s = now_s = time.monotonic()
        for waiting in batch:
            came_s = self.intake.came.pop(id(waiting.arrival), None)
            if came_s is not None:
                self.waits_s.append(now_s - came_s)
        self.committed += sum(taken.records.values())
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
        StoreThread(Store.open(folder / "gateway.db")),
        Admission(load.CHAIN, Rules(), directory.by_kid),
        directory,
        Signer(bytes(SigningKey(b"g" * 32)), load.CHAIN),
        Notices(),
        (1, b"\0"),
    )
    return TimedCollector(tools, MqttConfig("127.0.0.1", port))


def figures(it: TimedCollector, cpu_s: float) -> dict[str, float]:
    """What is known so far; times in seconds, memory in MB."""
    waits = sorted(it.waits_s) or [0.0]
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "committed": it.committed,
        "refused": it.refused,
        "batches": it.batches,
        "seconds": it.last_s - it.first_s,
        "p50": waits[len(waits) // 2],
        "p99": waits[len(waits) * 99 // 100],
        "rss_mb": _rss_mb(),
        "peak_mb": peak_kib / 1024,
        "cpu": time.process_time() - cpu_s,
        "verify": it.ingest.verify_s,
        "judge": it.ingest.judge_s,
        "acks": it.acker.sent,
    }


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


async def run(folder: Path, port: int, devices: int, count: int) -> None:
    """Collect until `count` readings are committed."""
    it = collector(folder, port, devices)
    task = asyncio.create_task(it.run())
    while not it.is_open:
        await asyncio.sleep(0.05)
    print("ready", flush=True)
    cpu_s = time.process_time()
    while it.committed < count:
        await asyncio.sleep(1)
        if task.done():
            task.result()
        print(json.dumps(figures(it, cpu_s)), flush=True)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), *map(int, sys.argv[2:5])))
