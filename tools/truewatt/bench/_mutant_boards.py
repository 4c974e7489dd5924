"""Parsers that run on boards: their mutants are made and judged on real 32-bit MicroPython.

The scripts are those of the tests, which run a few thousand: each takes a seed and a count, and
says "ok" last, or which promise was broken (something raised, was believed, or was kept in a heap).
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from truewatt.toolchain import describe
from truewatt.toolchain.paths import project_root

_BATCH = 50_000
_TIMEOUT_S = 300


@dataclass(frozen=True)
class BoardTarget:
    """`script` below hw-tests, in a heap of `heap_kib`."""

    name: str
    script: str
    weight: int
    heap_kib: int = 256


TARGETS = (
    BoardTarget("board: BLE", "ble/unit_ble.py", 4),
    BoardTarget("board: MQTT", "mqtt/unit_packets.py", 4),
)


def feed(target: BoardTarget, count: int, seed: int, say: Callable[[str], None]) -> list[str]:
    """Feed `count` mutants; what went wrong, if anything. Nothing where there is no checkout."""
    root = project_root()
    if root is None:
        return []
    wrong: list[str] = []
    began = time.monotonic()
    for done in range(0, count, _BATCH):
        last = _run(root, target, str(seed + done // _BATCH), str(min(_BATCH, count - done)))
        if last != "ok":
            wrong.append(f"seed {seed + done // _BATCH}: {last}")
        if count > _BATCH:
            rate = (done + _BATCH) / (time.monotonic() - began)
            say(f"{target.name}: {min(done + _BATCH, count):,} of {count:,}, {rate:,.0f} a second")
    return wrong


def _run(root: Path, target: BoardTarget, seed: str, count: str) -> str:
    firmware, tests = root / "firmware", root / "hw-tests"
    path = (tests / "firmware", firmware, firmware / "shared", ".frozen")
    done = subprocess.run(
        [*describe("32bit").argv, "-X", f"heapsize={target.heap_kib}k",
         str(tests / target.script), seed, count],
        env={**os.environ, "MICROPYPATH": ":".join(map(str, path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )  # fmt: skip
    lines = done.stdout.strip().splitlines()
    return lines[-1] if lines else f"nothing said, status {done.returncode}"
