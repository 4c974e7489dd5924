"""What the processes of a run cost, from /proc: CPU time and proportional memory (PSS)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PARTS = ("gateway", "ledger", "rig")


@dataclass(frozen=True)
class Usage:
    """CPU seconds since its start, PSS and RSS in bytes of one process; `part` is what it is."""

    part: str
    cpu_s: float
    pss_bytes: int
    rss_bytes: int


def family(parent: int) -> dict[int, Usage]:
    """The process `parent` (part `demo`) and its children, by process id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                usage = _usage(entry, parent)
            except (OSError, ValueError):
                continue  # It has ended meanwhile.
            if usage is not None:
                found[int(entry.name)] = usage
    return found


def _usage(entry: Path, parent: int) -> Usage | None:
    # The name, in brackets, may hold anything; the numbers come behind it (proc_pid_stat(5)).
    stat = (entry / "stat").read_text().rpartition(")")[2].split()
    if int(entry.name) != parent and int(stat[1]) != parent:
        return None
    memory = dict(
        line.split(":", 1) for line in (entry / "smaps_rollup").read_text().splitlines()[1:]
    )
    return Usage(
        part="demo" if int(entry.name) == parent else _part(entry),
        cpu_s=(int(stat[11]) + int(stat[12])) / _TICKS_PER_S,
        pss_bytes=_kib(memory["Pss"]),
        rss_bytes=_kib(memory["Rss"]),
    )


def _kib(text: str) -> int:
    return int(text.split()[0]) * 1024


def _part(entry: Path) -> str:
    words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
    if "truewatt.emulator.rig" in words:
        return "rig"
    return next((part for part in _PARTS if part in words), "boards")
