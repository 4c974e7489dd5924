"""Power cuts at random instants of a seed: which part dies when, and for how long."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Cut:
    """SIGKILL of `part` at `at_s` (wall seconds after the start), back after `down_s`."""

    at_s: float
    part: str
    down_s: float


def plan(seed: int, kills: int, parts: Sequence[str], wall_s: float) -> list[Cut]:
    """`kills` cuts, spread over the first 90 % of the run so that the last ones heal in it.

    Every part is drawn as often as the others (a shuffled round robin), so that 20 kills of a run
    with a gateway, a ledger and four boards hit each of them three times at least.
    """
    rng = random.Random(f"chaos-{seed}")
    drawn: list[str] = []
    while len(drawn) < kills:
        deck = sorted(parts)
        rng.shuffle(deck)
        drawn.extend(deck)
    cuts = [
        Cut(rng.uniform(0.02, 0.9) * wall_s, part, rng.uniform(0.05, 1.0)) for part in drawn[:kills]
    ]
    return sorted(cuts)
