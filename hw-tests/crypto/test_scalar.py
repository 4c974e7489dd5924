"""Arithmetic mod the order of the base point, against Python's integers."""

import random
from typing import Any

from truewatt.cryptogen.curve import L

DICE = random.Random(252)
EDGES = [0, 1, 2, L - 1, L, L + 1, 2 * L - 1, 2 * L, 2**252 - 1, 2**252, 2**253 - 1, 2**255 - 19]
WIDE_EDGES = [*EDGES, 2**256, L * L, L * (2**259), 2**504 - 1, 2**512 - 1, (2**512 // L) * L]
WIDE_EDGES += [(2**512 // L) * L - 1, L << 252, (1 << 252) - 1 << 252]


def test_reduction_of_a_digest(board: Any) -> None:
    values = WIDE_EDGES + [DICE.getrandbits(512) for _ in range(400)]
    values += [DICE.getrandbits(512) >> DICE.randrange(512) for _ in range(200)]
    values += [DICE.randrange(2**259) * L + d for d in (-1, 0, 1) for _ in range(60)]
    wide = [max(v, 0) % 2**512 for v in values]
    answers = board.ask(("reduce", v.to_bytes(64, "little")) for v in wide)
    assert answers == [(v % L).to_bytes(32, "little") for v in wide]


def test_multiply_and_add(board: Any) -> None:
    edges = [v for v in EDGES if v < 2**255]
    triples = [(a, b, c) for a in edges for b in edges for c in (0, 1, L - 1, 2**253 - 1)]
    triples += [tuple(DICE.getrandbits(n) for n in (253, 255, 253)) for _ in range(400)]
    requests = [("multiply_add", *(v.to_bytes(32, "little") for v in t)) for t in triples]
    answers = board.ask(requests)
    assert answers == [((a * b + c) % L).to_bytes(32, "little") for a, b, c in triples]
