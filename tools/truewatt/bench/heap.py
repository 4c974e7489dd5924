"""`truewatt bench heap`: whole boards for an hour of simulated time in the heap of a chip.

Each role with each metering chip on each link, and what else provisioning permits where it comes
near the bar (`_heap_combinations`), works with a gateway on its bus, a broker or in the air: what
is free after a collection, after five minutes and after sixty. A heap that shrinks between them
leaks. What provisioning refuses by name (`LittleHeap`) runs too, and may stay below the bar; what
it permits must have at least what provisioning says of it.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from truewatt.bench._figures import progress
from truewatt.bench._heap_combinations import COMBINATIONS
from truewatt.bench._heap_runs import FREE_BYTES, BoardAtWork, run
from truewatt.cli import run as run_command
from truewatt.device import heap

HOUR_S = 3600
SPEED = 60
REPORT_S = 60
GROWTH_BYTES = 1024
_AT_ONCE = 9
_WINDOW_MS = 300_000


def rows(seconds: int) -> Iterator[tuple[BoardAtWork, int, int, bool]]:
    """(board, free early, free late, whether it neither grew nor failed) of each combination."""
    with TemporaryDirectory(prefix="truewatt-bench-") as scratch:
        for at in range(0, len(COMBINATIONS), _AT_ONCE):
            some = COMBINATIONS[at : at + _AT_ONCE]
            progress(f"{len(some)} boards for {seconds // 60} minutes at x{SPEED}")
            folder = Path(scratch) / str(at)
            for board in run(folder, some, SPEED, seconds, REPORT_S):
                early = board.usual_free(_WINDOW_MS, 2 * _WINDOW_MS)
                late = board.usual_free(seconds * 1000 - _WINDOW_MS)
                grew = early - late > GROWTH_BYTES or "Traceback" in board.console()
                yield board, early, late, bool(late and not grew)


def main(argv: list[str]) -> int:
    """Print the table; 1 if a heap shrinks, a board restarted or a bar is missed."""
    if argv and (len(argv) != 2 or argv[0] != "--minutes" or not argv[1].isdigit()):
        print(f"usage: truewatt bench heap [--minutes N]\n\n{__doc__}")
        return 0 if argv[0] in {"-h", "--help"} else 2
    seconds = 60 * int(argv[1]) if argv else HOUR_S
    print(f"{'combination':50} {'min 5-10':>9} {'last 5':>9} {'at least':>9} {'records':>8}")
    passed = True
    for board, early, late, fine in rows(seconds):
        one = board.combination
        config = one.whole()
        least = int(heap.free_kib(config) * 1024)
        refused = heap.shortage(config) is not None
        reached = late >= (least if refused else max(least, FREE_BYTES))
        verdict = ("refused" if refused else "reached") if reached else "NOT REACHED"
        records = sum(master.records for master in board.masters)
        print(
            f"{one.name:50} {early:9,} {late:9,} {least:9,} {records:8}"
            f"  {verdict if fine else 'GREW'}",
            flush=True,
        )
        passed = passed and fine and reached
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(run_command("truewatt.bench.heap", sys.argv[1:]))
