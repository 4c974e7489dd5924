"""`truewatt bench gateway bus` in small: its rows are there, no time is judged."""

import re

import pytest

from truewatt.bench import _bus_load, gateway

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_a_line_is_measured_with_a_backlog_commands_and_a_dead_board(capsys) -> None:
    rows = _bus_load.measure(list(gateway.PARTS["bus"].short))
    out = capsys.readouterr().out
    assert {row.name for row in rows} == {
        f"{name}, 9600 baud"
        for name in (
            "share of the computed limit",
            "the same, with commands",
            "a dead board's share",
            "longest wait of an urgent request",
            "the same, where no board answered",
        )
    }
    per_s = re.search(r"records a second, requests +([\d.]+) +([\d.]+)", out)
    assert per_s is not None, out
    assert float(per_s[1]) > 0
    assert float(per_s[2]) > 0
