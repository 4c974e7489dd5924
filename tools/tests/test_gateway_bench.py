"""What `truewatt bench gateway` says of all its parts together."""

import pytest

from truewatt.bench import gateway
from truewatt.bench._gateway_rows import Row, all_met, print_summary


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
