"""The process that gateways are forked from.

    python -m truewatt.bench.faults.zygote FOLDER

Reads `start` (answers `pid N`, later `ended N`) and `shift MS` (the clocks of all its gateways are
wrong by that much from now on). What it forks is `gateway.run.run_gateway` with
FOLDER/gateway.toml, as `truewatt gateway run` runs it.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import os
import signal
import struct
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from gateway.config import load_config
from gateway.run import run_gateway
from ledger.clock import Clock
from truewatt.lifeline import dies_with_us


class Shift:
    """By how many ms clocks are wrong; in memory that all forked processes share."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)

    def set(self, shift_ms: int) -> None:
        """From now on."""
        self._memory[:8] = struct.pack("<q", shift_ms)

    def get(self) -> int:
        """Right now."""
        return int(struct.unpack("<q", self._memory[:8])[0])


@dataclass(frozen=True)
class ShiftedClock(Clock):
    """A run's clock as a machine believes it that somebody sets."""

    shift: Shift | None = None

    def unix_ns(self) -> int:
        """Wrong by the shift."""
        return super().unix_ns() + (self.shift.get() if self.shift else 0) * 1_000_000


def shifted(run: Clock, shift: Shift) -> ShiftedClock:
    """`run`, wrong by `shift`."""
    return ShiftedClock(run.mono_origin_ns, run.unix_origin_ns, run.speed, False, shift)


def _gateway(folder: Path, shift: Shift) -> None:
    logging.basicConfig(filename=folder / "gateway.log", level=logging.WARNING)
    asyncio.run(run_gateway(load_config(folder / "gateway.toml"), shifted(Clock.from_env(), shift)))


def _fork(folder: Path, shift: Shift) -> int:
    tie = dies_with_us()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        if tie is not None:
            tie()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _gateway(folder, shift)
        code = 0
    except BaseException:
        logging.exception("the gateway ended")
    os._exit(code)


def _reap(pid: int) -> None:
    os.waitpid(pid, 0)
    print(f"ended {pid}", flush=True)


def main(folder: Path) -> None:
    """Serve until stdin ends."""
    shift = Shift()
    print("ready", flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[0] == "shift":
            shift.set(int(words[1]))
            print("shifted", flush=True)
        else:
            pid = _fork(folder, shift)
            print(f"pid {pid}", flush=True)
            threading.Thread(target=_reap, args=(pid,), daemon=True).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
