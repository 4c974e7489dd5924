"""The plan of power cuts: a function of its seed, and every part gets its share."""

from collections import Counter

from truewatt.demo.chaos import plan

PARTS = ["gateway", "ledger", "x1", "m1", "m2", "m3"]


def test_a_seed_gives_the_same_cuts_and_another_seed_others() -> None:
    assert plan(1, 20, PARTS, 60) == plan(1, 20, PARTS, 60)
    assert plan(1, 20, PARTS, 60) != plan(2, 20, PARTS, 60)


def test_twenty_cuts_hit_every_part_and_leave_time_to_heal() -> None:
    cuts = plan(7, 20, PARTS, 60)
    assert len(cuts) == 20
    assert min(Counter(cut.part for cut in cuts).values()) >= 3
    assert all(0 < cut.at_s <= 54 for cut in cuts)
    assert cuts == sorted(cuts)
