"""What a camera sees on a board's label."""

import re

import pytest
from label_code import matrix_in, matrix_of

from truewatt.device.label import WIDTH_MM, label, text_in_code

ADDRESS = "34750f98bd59fcfc946da45aaabe933be154a4b5"


@pytest.mark.parametrize("name", ["m1", "a name of thirty-two characters.", 'q"<&>'])
def test_the_code_says_who_the_board_is_and_not_its_passkey(name: str) -> None:
    drawn = label(ADDRESS, name, "truewatt-test", "meter", "address 11", passkey="123456")
    assert text_in_code(ADDRESS, name, "truewatt-test") == f"TW1 {ADDRESS} {name} truewatt-test"
    seen = matrix_in(drawn)
    assert seen == matrix_of(f"TW1 {ADDRESS} {name} truewatt-test")
    assert seen != matrix_of(f"TW1 {ADDRESS} {name} truewatt-test 123456")
    assert seen != [list(row) for row in zip(*seen, strict=True)], "not mirrored"


def test_the_code_fills_25_mm_of_the_label() -> None:
    drawn = label(ADDRESS, "m1", "truewatt-test", "meter", "address 11")
    left, top, scale = re.findall(r"translate\((\d+) (\d+)\) scale\(([\d.]+)\)", drawn)[0]
    assert float(scale) * len(matrix_in(drawn)) == pytest.approx(25, abs=0.01)
    assert (left, top) == ("2", "2")
    assert f'width="{WIDTH_MM}mm"' in drawn
