"""`truewatt bench heap`: whole boards for an hour of simulated time in the heap of a chip.

Each permitted combination of role, link, metering chip and options works side by side with a
gateway on its bus or a broker: what is free after a collection, after five minutes and after sixty.
A heap that shrinks between them leaks. What provisioning refuses by name (`LittleHeap`) runs too,
and may stay below the bar.
"""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from truewatt.bench._figures import progress
from truewatt.bench._heap_runs import COMBINATIONS, FREE_BYTES, BoardAtWork, run
from truewatt.cli import run as run_command
from truewatt.device import heap

HOUR_S = 3600
SPEED = 60
REPORT_S = 60
GROWTH_BYTES = 1024
_AT_ONCE = 7
_WINDOW_MS = 300_000


def between(board: BoardAtWork, start_ms: int) -> int:
    """The median of what was free in the five minutes from `start_ms` on."""
    found = [free for ms, free in board.free() if start_ms <= ms < start_ms + _WINDOW_MS]
    return int(median(found)) if found else 0


def rows(seconds: int) -> Iterator[tuple[BoardAtWork, int, int, bool]]:
    """(board, free early, free late, whether it neither grew nor failed) of each combination."""
    with TemporaryDirectory(prefix="truewatt-bench-") as scratch:
        for at in range(0, len(COMBINATIONS), _AT_ONCE):
            some = COMBINATIONS[at : at + _AT_ONCE]
            progress(f"{len(some)} boards for {seconds // 60} minutes at x{SPEED}")
            folder = Path(scratch) / str(at)
            for board in run(folder, some, SPEED, seconds, REPORT_S, _free_port()):
                early = between(board, _WINDOW_MS)
                late = between(board, seconds * 1000 - _WINDOW_MS)
                grew = early - late > GROWTH_BYTES or "Traceback" in board.console()
                yield board, early, late, bool(late and not grew)


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def main(argv: list[str]) -> int:
    """Print the table; 1 if a heap shrinks, a board restarted or a bar is missed."""
    if argv and (len(argv) != 2 or argv[0] != "--minutes" or not argv[1].isdigit()):
        print(f"usage: truewatt bench heap [--minutes N]\n\n{__doc__}")
        return 0 if argv[0] in {"-h", "--help"} else 2
    seconds = 60 * int(argv[1]) if argv else HOUR_S
    print(f"{'combination':36} {'heap':>4} {'min 5-10':>9} {'last 5':>9} {'records':>7}  of 20 KiB")
    passed = True
    for board, early, late, fine in rows(seconds):
        one = board.combination
        # The bar is for chips of this heap; the port of the broker is no matter here.
        refused = heap.shortage(one.config(1)) is not None
        reached = "refused" if refused else "reached" if late >= FREE_BYTES else "NOT REACHED"
        print(
            f"{one.name:36} {one.heap_kib:4} {early:9,} {late:9,} {board.master.records:7}"
            f"  {reached if fine else 'GREW'}",
            flush=True,
        )
        passed = passed and fine and (refused or late >= FREE_BYTES)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(run_command("truewatt.bench.heap", sys.argv[1:]))
