"""The benchmark of ingest runs, and what it says adds up; its figures are nobody's bar here."""

import re

import pytest

from truewatt.bench import gateway

ROWS = ("signatures", "rules", "commit", "log into database", "socket", "gateway", "broker", "load")


@pytest.mark.slow
def test_every_reading_is_committed_and_none_refused(capsys):
    gateway.main(["ingest", "--devices", "7", "--each", "9", "--links", "3"])
    said = capsys.readouterr().out
    assert re.search(r"^refused +0 +0 pass$", said, re.MULTILINE)
    assert re.search(r"^sustained, all committed +[\d,]+ /s", said, re.MULTILINE)
    for row in ROWS:
        assert re.search(rf"^  {row}.* -?\d+\.\d$", said, re.MULTILINE), row


@pytest.mark.slow
def test_a_long_run_deletes_its_load_and_goes_on_where_it_was_stopped(capsys, tmp_path):
    words = ["ingest", "--devices", "4", "--folder", str(tmp_path), "--million"]
    gateway.main([*words, "0.0008"])
    first = capsys.readouterr()
    assert "800 of 800" in first.err
    assert [path.name for path in (tmp_path / "load").iterdir()] == ["state-2"]
    gateway.main([*words, "0.0012"])
    again = capsys.readouterr()
    assert "1,200 of 1,200" in again.err
    assert "800 of" not in again.err
    assert re.search(r"^refused +0 +0 pass$", again.out, re.MULTILINE)
    gateway.main([*words, "0.0012"])
    assert "were sent before" in capsys.readouterr().err
