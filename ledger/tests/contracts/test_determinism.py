"""The same blocks give the same state in every process, whatever its hash seed."""

from __future__ import annotations

import os
import subprocess
import sys

from ledger.contracts import objects

_RUN = """
from ledger import setup
from ledger.state import StateTree
from ledger.tests.contracts.kit import Board, World
from wireformat import codes

world = World(areas=2)
section = ((codes.SECTION, codes.GRID),)
head = world.enrol(Board("x1", codes.MLMD, section, fixed_limit_w=4000))
boards = [world.enrol(Board(f"m{n}"), section=head.address) for n in range(4)]
world.give("anna", *boards)
for board in boards:
    world.prefer("anna", board, price_limit=245_000, energy=codes.GRID, rated_w=900)
for _ in range(8):
    records = [board.reading(load_wh=90, solar_wh=20) for board in boards]
    world.ok("gateway", setup.RecordsBody(records=[*records, head.feeder(6000)]), after_s=60)
for gap in ([1, 9, 1, 9], [1, 12, 1, 14], [1, 20, 2, 1]):
    boards[0].seq = 30
    world.send(boards[0].event(codes.EV_JOURNAL_GAP, gap), after_s=400)
print(StateTree.of(world.state).root.hex(), len(world.state))
"""


def _root(hash_seed: str) -> str:
    env = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", _RUN], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_order_of_sets_and_dicts_never_reaches_the_state():
    roots = {_root(seed) for seed in ("0", "1", "4242")}
    assert len(roots) == 1


def test_an_object_read_twice_is_not_shared():
    """Decoded values are cached; whoever changes a list must not change another reader's."""
    data = objects.pack(objects.PriceInterval(5, 7, [[1, 2], [3, 4]]))
    first, second = (objects.unpack(objects.PriceInterval, data) for _ in range(2))
    first.generated_wh[0][1] = 99
    first.generated_wh.append([5, 6])
    assert second.generated_wh == [[1, 2], [3, 4]]
    assert objects.pack(objects.unpack(objects.PriceInterval, data)) == data
