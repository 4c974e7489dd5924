"""The block plan against every other way to cut, and against the gaps."""

import itertools
import random
from dataclasses import replace

from gateway.profiles import find_profile, plan
from gateway.profiles.plan import Block
from gateway.profiles.profile import Gap


def made(addresses, words="u32", **rules):
    base = find_profile("sdm120")
    register = replace(base.registers[0], type=words)
    registers = tuple(replace(register, address=address) for address in addresses)
    rules = {"max_block_words": 10, "max_hole_words": 3, "gaps": (), **rules}
    return replace(base, registers=registers, **rules)


def test_neighbours_and_small_holes_are_one_read():
    assert plan(made([0, 2, 7])) == (Block(0, 9),)


def test_a_hole_that_is_too_wide_ends_a_block():
    assert plan(made([0, 6])) == (Block(0, 2), Block(6, 2))


def test_a_register_is_never_split_at_the_limit():
    assert plan(made(range(0, 12, 2))) == (Block(0, 10), Block(10, 2))
    assert plan(made(range(0, 6, 2), max_block_words=5)) == (Block(0, 4), Block(4, 2))


def test_a_gap_is_never_read_across_however_small():
    gap = (Gap(4, 4, "it restarts"),)
    assert plan(made([0, 2, 5], gaps=gap)) == (Block(0, 4), Block(5, 2))


def test_nothing_to_read_is_no_block():
    assert plan(made([])) == ()


def test_no_cut_needs_fewer_reads():
    draw = random.Random(4)
    for _ in range(150):
        addresses = sorted(draw.sample(range(0, 40, 2), draw.randint(1, 8)))
        gap = draw.choice([a + 1 for a in range(0, 40, 2)])
        gaps = (Gap(gap, gap, "x"),) if gap - 1 not in addresses else ()
        profile = made(addresses, gaps=gaps)
        assert len(plan(profile)) == _fewest(profile, addresses)


def _fewest(profile, addresses):
    for cuts in range(len(addresses)):
        for places in itertools.combinations(range(1, len(addresses)), cuts):
            ends = [0, *places, len(addresses)]
            parts = [addresses[a:b] for a, b in itertools.pairwise(ends)]
            if all(_allowed(profile, part) for part in parts):
                return len(parts)
    raise AssertionError("one register a read is always allowed")


def _allowed(profile, part):
    last = part[-1] + 1
    return (
        last - part[0] + 1 <= profile.max_block_words
        and all(b - a - 2 <= profile.max_hole_words for a, b in itertools.pairwise(part))
        and not any(part[0] <= g.first <= last for g in profile.gaps)
    )
