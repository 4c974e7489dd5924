"""One load through one gateway: the processes, what they say, and how long they may take."""

import json
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from truewatt.bench._figures import progress
from truewatt.bench._ingest_load import part_file, state_file
from truewatt.bench._processes import child, cpu_seconds, free_port, mosquitto

SLOWEST = 500
"""Readings a second below which a run is given up."""

PATIENCE_S = 30.0

Figures = dict[str, float]


class Stuck(RuntimeError):
    """A run doesn't end in the time that even a slow machine needs."""


class Load:
    """Parts of a load in a folder, made when they are asked for."""

    def __init__(self, folder: Path, devices: int, links: int) -> None:
        self.folder, self.devices = folder, devices
        self.links = min(links, devices)
        folder.mkdir(parents=True, exist_ok=True)

    def part(self, number: int, turns: int) -> Path:
        """The file of a part, `turns` readings of each device."""
        path = part_file(self.folder, number)
        if not path.exists():
            progress(f"signing {self.devices * turns:,} readings of {self.devices:,} devices")
            words = [str(self.folder), *map(str, (number, self.devices, turns, self.links))]
            with child(["truewatt.bench._ingest_load", "sign", *words]) as signer:
                if signer.wait():
                    raise RuntimeError(f"signing ended with {signer.returncode}")
        return path

    def published(self) -> int:
        """Parts that were pruned: where a long run goes on."""
        kept = [int(path.name.partition("-")[2]) for path in self.folder.glob("state-*")]
        return min(kept, default=0)

    def prune(self, number: int) -> None:
        """All of a part is committed: it is needed no more."""
        state_file(self.folder, number).unlink(missing_ok=True)
        part_file(self.folder, number).unlink()


class Run:
    """Broker, gateway and generator, as long as the `with` lasts.

    `figures`: the gateway's last ones, with the CPU time of broker and generator.
    """

    def __init__(self, folder: Path, load: Load, rate: int = 0, broker: str = "mosquitto") -> None:
        folder.mkdir(exist_ok=True)
        self._folder, self._load, self._rate, self._broker = folder, load, rate, broker
        self._stack = ExitStack()
        self._taken = 0.0
        self.figures: Figures = {}

    def __enter__(self) -> "Run":
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _start(self) -> None:
        port = free_port()
        if self._broker == "mosquitto":
            self._broker_pid = self._stack.enter_context(mosquitto(self._folder, port)).pid
        else:
            broker = self._stack.enter_context(
                child(["gateway.mqtt.broker", "127.0.0.1", str(port)])
            )
            self._broker_pid = broker.pid
            expect(broker, "ready")
        words = [str(self._folder), str(port), str(self._load.devices)]
        self._gateway = self._stack.enter_context(child(["truewatt.bench._ingest_gateway", *words]))
        expect(self._gateway, "ready")
        words = ["publish", *map(str, (port, self._load.links, self._rate))]
        self._generator = self._stack.enter_context(child(["truewatt.bench._ingest_load", *words]))
        expect(self._generator, "ready")
        self._broker_s = cpu_seconds(self._broker_pid)
        self._first = self._look()

    def publish(self, part: Path, count: int) -> None:
        """Send a part of `count` readings and wait until all of them are committed."""
        pace = f"{self._rate:,} a second" if self._rate else "as fast as they are taken"
        progress(f"{count:,} readings through {self._broker}, {pace}")
        assert self._generator.stdin is not None
        self._generator.stdin.write(f"{part}\n")
        self._generator.stdin.flush()
        self._taken += count
        deadline_s = time.monotonic() + PATIENCE_S + count / SLOWEST
        told_s = time.monotonic()
        while self._count() < self._taken:
            if time.monotonic() > deadline_s:
                raise Stuck(f"{self._count():,.0f} of {self._taken:,.0f} came; {self.figures}")
            if time.monotonic() > told_s + 2:
                told_s = time.monotonic()
                progress(f"  {self._count():>11,.0f}, {self.figures['rss_mb']:.0f} MB")
            self._look()
        said = expect(self._generator, "sent").split()
        self.figures["cpu_load"] = float(said[1])

    def _count(self) -> float:
        return sum(self.figures[key] for key in ("committed", "duplicates", "refused"))

    def _look(self) -> Figures:
        load_s = self.figures.get("cpu_load", 0.0)
        assert self._gateway.stdout is not None
        line = self._gateway.stdout.readline()
        if not line:
            raise RuntimeError("the gateway ended")
        self.figures = json.loads(line)
        self.figures["cpu_load"] = load_s
        self.figures["cpu_broker"] = cpu_seconds(self._broker_pid) - self._broker_s
        if hasattr(self, "_first"):
            # What importing and connecting took is no reading's.
            for key, value in self._first.items():
                if key.startswith("cpu") and key not in ("cpu_broker", "cpu_load"):
                    self.figures[key] -= value
        return self.figures


def expect(process: "subprocess.Popen[str]", word: str) -> str:
    """The line that begins with `word`."""
    assert process.stdout is not None
    while line := process.stdout.readline():
        if line.startswith(word):
            return line
    raise RuntimeError(f"{process.args!r} ended before it said {word!r}")
