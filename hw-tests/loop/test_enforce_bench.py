"""`truewatt bench gateway enforce` in small: commands end, rows are there, no time is judged."""

import re

import pytest

from truewatt.bench import _enforce_run, gateway

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_commands_on_a_polled_line_all_end_and_are_told(capsys) -> None:
    rows = _enforce_run.measure(list(gateway.PARTS["enforce"].short))
    out = capsys.readouterr().out
    named = {row.name: row for row in rows}
    moved = re.search(r"9600 baud: (\d+) commands, (\d+) moved a contact", out)
    assert moved is not None, out
    assert int(moved[2]) > 0
    assert named["commands that did not end, 9600 baud"].passed, out
    assert named["lines busy, 9600 baud"].limit == ">= 80"
    assert "block to contact and read-back, p99, 9600 baud" in named
