"""What a camera sees on a board's label."""

import re

import pytest
from label_code import matrix_in, matrix_of

from truewatt.device.label import HEIGHT_MM, WIDTH_MM, label, text_in_code

ADDRESS = "34750f98bd59fcfc946da45aaabe933be154a4b5"


@pytest.mark.parametrize("name", ["m1", "a name of thirty-two characters.", 'q"<&>'])
def test_the_code_says_who_the_board_is_and_not_its_passkey(name: str) -> None:
    drawn = label(ADDRESS, name, "truewatt-test", "meter", "address 11", passkey="123456")
    assert text_in_code(ADDRESS, name, "truewatt-test") == f"TW1 {ADDRESS} {name} truewatt-test"
    seen = matrix_in(drawn)
    assert seen == matrix_of(f"TW1 {ADDRESS} {name} truewatt-test")
    assert seen != matrix_of(f"TW1 {ADDRESS} {name} truewatt-test 123456")
    assert seen != [list(row) for row in zip(*seen, strict=True)], "not mirrored"


@pytest.mark.parametrize("name", ["m1", "a name of thirty-two characters."])
def test_the_code_has_its_quiet_zone_on_all_sides(name: str) -> None:
    """Four cells of light around it (ISO/IEC 18004, 5.3.8), text and the label's edge included."""
    drawn = label(ADDRESS, name, "truewatt-test", "meter", "address 11", passkey="123456")
    found = re.findall(r"translate\(([\d.]+) ([\d.]+)\) scale\(([\d.]+)\)", drawn)
    left, top, cell = map(float, found[0])
    end = left + cell * len(matrix_in(drawn))
    texts = [float(x) for x in re.findall(r'<text x="([\d.]+)"', drawn)]
    for light in (left, top, HEIGHT_MM - end, min(texts) - end):
        assert light >= 4 * cell - 0.01
    assert cell >= 0.5, "smaller is hard to read at arm's length"
    assert f'width="{WIDTH_MM}mm"' in drawn


@pytest.mark.parametrize("chain", ["c", "a-chain-with-a-name-of-forty-characters-"])
def test_no_text_is_cut_off(chain: str) -> None:
    where = "mqtt broker-with-a-long-name.example.org:8883"
    drawn = label(ADDRESS, "a name of thirty-two characters.", chain, "mlmd", where, "123456")
    for x, size, text in re.findall(r'<text x="([\d.]+)".*? font-size="([\d.]+)">(.*?)<', drawn):
        # 0.602 of its size is what a character of DejaVu Sans Mono takes, 0.6 of Courier.
        assert float(x) + 0.602 * float(size) * len(text) <= WIDTH_MM
    box = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', drawn)
    assert [float(x) + float(width) <= WIDTH_MM for x, width in box] == [True]
