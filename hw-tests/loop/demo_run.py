"""Starts `truewatt demo` as a person would, bounded in time, and knows what it left running."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEMO = [sys.executable, "-m", "truewatt", "demo", "--headless", "--mlmds", "1", "--meters", "3"]
PATIENCE_S = 60.0
_SHARED = Path(__file__).resolve().parents[3] / "shared"
PROFILES = _SHARED / "data" / "citylearn17_60min.csv.gz"
"""Measured homes, if they are beside the checkout."""


@dataclass(frozen=True)
class DemoRun:
    """What a run left: its folder, its report, how it ended, what it said."""

    folder: Path
    report: dict[str, Any]
    returncode: int
    said: str

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger"

    def cuts(self) -> Counter[str]:
        """How often each part lost its power, by what the run said while it happened."""
        return Counter(re.findall(r"power cut: (\w+), back", self.said))


@contextmanager
def started(folder: Path, *options: str, log: Path) -> Iterator[subprocess.Popen]:
    """A demo that writes into `folder`; killed at the end of the block if it still runs."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*DEMO, "--out", str(folder), *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            # Tests may run in the background of a shell, which makes programs ignore ^C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pid in processes_of(folder):
            os.kill(pid, signal.SIGKILL)


def complete(folder: Path, minutes: float, *options: str) -> DemoRun:
    """A whole run of so many minutes, with its report."""
    report, log = folder.with_suffix(".json"), folder.with_suffix(".log")
    words = ("--minutes", str(minutes), "--report", str(report), *options)
    with started(folder, *words, log=log) as process:
        # Set-up, drain and account take a quarter of a minute on an idle machine.
        returncode = process.wait(minutes * 60 + 150)
    said = log.read_text(errors="replace")
    assert report.exists(), f"exit {returncode} without a report:\n{said[-4000:]}"
    return DemoRun(folder, json.loads(report.read_text()), returncode, said)


def processes_of(folder: Path) -> list[int]:
    """Ids of all processes that name something below `folder` on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # It has ended meanwhile.
        if any(word.startswith(str(folder).encode()) for word in words):
            found.append(int(entry.name))
    return found


def wait_until(condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """What `condition` returns once it is true."""
    deadline = time.monotonic() + patience_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {patience_s:.0f} s for {what}"
        time.sleep(0.02)
    return value


def ledger_cli(*words: str) -> subprocess.CompletedProcess:
    """`truewatt ledger ...`"""
    return subprocess.run(
        [sys.executable, "-m", "truewatt", "ledger", *words],
        capture_output=True,
        text=True,
        timeout=60,
    )
