"""Parts of the drivers on real 32-bit MicroPython; each script names the case that fails."""

import pytest

UNITS = [
    "unit_counted.py",
    "unit_counters.py",
    "unit_mutants.py",
    "unit_catalogue.py",
    "unit_pulses.py",
]


@pytest.mark.parametrize("script", UNITS)
def test_part(on_board, script):
    assert on_board(script).splitlines()[-1] == "ok"
