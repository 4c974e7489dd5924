"""The ingest bench in small: every part of a reading's way is told, and none is negative."""

import re

import pytest

from truewatt.bench import gateway


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_time_of_a_reading_is_told_by_its_parts(capsys) -> None:
    gateway.main(["ingest", "--devices", "10", "--each", "20"])
    out = capsys.readouterr().out
    parts = dict(re.findall(r"^  (\S.*?)  +(-?[\d.]+)$", out, re.MULTILINE))
    told = [float(us) for us in parts.values()]
    assert len(told) == 9
    assert min(told[:5]) >= 0
    # What judging takes was once counted on an ingest that judged nothing.
    assert float(parts["rules: chain, position, plausibility"]) > 0
    assert float(parts["gateway, all of it"]) == pytest.approx(sum(told[:6]), abs=0.5)
    assert "refused                                           0          0 pass" in out
