"""Hostile bytes for a board's own parsers: the short form of `truewatt bench mutants --boards`."""

import pytest

from truewatt.bench import _board_mutants as boards
from truewatt.bench._board_mutants_script import BOARD


def quiet(text: str) -> None:
    pass


@pytest.mark.parametrize("parser", boards.PARSERS)
def test_no_mutant_crashes_is_believed_or_stays_in_the_heap(parser: str) -> None:
    tally = boards.campaign(parser, 1000, 7, quiet)
    assert not tally.failed, tally.row()
    # Mutants that die at the first byte would prove little.
    assert tally.names.get("reason 1", 0), tally.row()
    assert len(tally.names) >= 4, tally.row()


@pytest.mark.parametrize(
    ("is_so", "instead", "seen"),
    [
        ("        return good\n", "        return True\n", "FORGED"),
        ("def cbor_frame(data):\n", "def cbor_frame(data):\n    [][data[1] & 1]\n", "CRASH"),
        ("def cbor_frame(data):\n", "def cbor_frame(data):\n    kept.append(data)\n", "growth"),
    ],
)
def test_the_campaign_sees_what_it_looks_for(is_so: str, instead: str, seen: str) -> None:
    assert is_so in BOARD
    broken = BOARD.replace(is_so, instead).replace("names = {}\n", "names = {}\nkept = []\n")
    if seen == "CRASH":  # what is genuine goes through, for the program to begin at all
        broken = broken.replace("data[1] & 1]", "0] if data[1] not in (0xD2, 1) else 0")
    tally = boards.campaign("cbor", 800, 7, quiet, broken)
    assert tally.failed
    if seen == "growth":
        assert tally.grown_bytes > boards.MOST_GROWTH_BYTES
    else:
        assert any(name.startswith(seen) for name in tally.names), tally.row()
