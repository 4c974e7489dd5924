"""The ingest benchmark runs to its end on a small load; its figures are for a quiet machine."""

import re

import pytest

from truewatt.bench import gateway


@pytest.mark.slow
def test_every_reading_is_committed_and_none_refused(capsys):
    gateway.main(["ingest", "--devices", "7", "--each", "9"])
    said = capsys.readouterr().out
    assert re.search(r"^refused +0 +0 pass$", said, re.MULTILINE)
    assert re.search(r"^sustained, all committed +[\d,]+ /s", said, re.MULTILINE)
    assert re.search(r"signature, two threads +\d", said)
