"""The benches of the gateway in small: commands end, rows are there, no time is judged."""

import re

import pytest

from truewatt.bench import _bus_load, _enforce_run, gateway
from truewatt.bench._gateway_rows import Row, all_met, print_summary


@pytest.mark.slow
@pytest.mark.timeout(240)
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


@pytest.mark.slow
@pytest.mark.timeout(240)
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


def test_without_a_word_all_is_measured_but_what_is_skipped(capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        gateway.main(["--skip", *gateway.PARTS])
    assert ended.value.code == 2
    assert "nothing is left to measure" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_all_of_it_ends_with_one_table(capsys) -> None:
    code = gateway.main(["--short", "--skip", "bus", "enforce", "backlog"])
    table = capsys.readouterr().out.rpartition("\npart ")[2].splitlines()
    rows = {line[9:53].strip(): line for line in table[1:]}
    assert rows["refused"].endswith("pass")
    # What ten boards send in a moment is no sustained load.
    assert code == int(any(line.endswith("MISS") for line in rows.values()))


def test_a_bar_that_is_missed_or_never_measured_fails(capsys) -> None:
    met, missed = Row("a", "1", "ms", "<= 2", True), Row("b", "3", "ms", "<= 2", False)
    assert all_met([met, Row("c", "9", "/s")])
    assert not all_met([met, missed])
    assert not all_met([Row("c", "9", "/s")])
    print_summary({"bus": [met, missed], "enforce": []})
    out = capsys.readouterr().out
    assert out.count("MISS") == 2
    assert "ended without figures" in out
