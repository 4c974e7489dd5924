"""Power cuts at seeded flash operations of a board, the short form of `truewatt bench journal`; and
flash that makes the whole chip wait."""

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from truewatt.bench import journal
from truewatt.emulator.board import Charges
from wireformat.chained import Reading

pytestmark = pytest.mark.slow


def test_no_cut_breaks_a_promise(tmp_path: Path) -> None:
    total, bad = journal.campaign(cuts=300, seed=2, first=0, processes=1)
    assert bad == []
    assert total["cuts"] == 300
    # All that it is there to see was seen: evictions, and a flash that is full.
    assert min(total["evicted"], total["full"], total["operations"] - 10_000) > 0


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        ("epoch", "an epoch came twice"),
        ("gap", "lost without a signed gap"),
        ("full", "lost without a signed gap"),
        ("sync", "lost without a signed gap"),
        ("mark", "a command without an end"),
    ],
)
def test_a_broken_promise_is_found(tmp_path: Path, broken: str, promise: str) -> None:
    found = (journal.batch(tmp_path, 1, number, 100, broken) for number in range(6))
    violated = next((one.violated for one in found if one.violated), "")
    assert violated.startswith(promise)


def test_flash_lasts_ten_years() -> None:
    worn = journal.wear(days=2)
    assert min(worn.years(worn.worst), worn.years(worn.nvs_erases)) >= journal.YEARS
    # Each record costs a program and, copied on, mostly an erase: the counters count.
    assert worn.programmed > 1440 * 200
    assert worn.erases > 1000


def test_flash_that_stalls_for_80_ms_moves_no_reading(workbench: Callable) -> None:
    interval_s = 5
    stalling = Charges(erase_block_us=80_000)
    bench = workbench(
        {"interval_s": interval_s, "boundary_s": 10}, speed=4, charges=stalling, paced=False
    )
    bench.board.start()
    bench.wait_for_bus()
    bench.certify()
    assert bench.set_time()[1] == 0
    start = bench.status()["next_seq"]
    while bench.status()["next_seq"] < start + 5:
        time.sleep(0.2)
    epoch = bench.status()["epoch"]
    times = [r.time_s for code, r, _ in bench.records(epoch, start) if code == Reading.CODE]
    # The first interval may be cut short by the beacon that brought the time.
    assert [t % interval_s for t in times[1:]] == [0] * len(times[1:])
    assert {after - before for before, after in pairwise(times[1:])} == {interval_s}
