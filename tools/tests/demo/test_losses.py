"""A theft on the command line, and what counts as a false alarm."""

from pathlib import Path

import pytest

from truewatt.demo.html.chain import Finding
from truewatt.demo.losses import BadTheft, LossWatch, Theft, parse_theft
from truewatt.demo.scenario import Scenario, plan_homes
from truewatt.demo.site import Site

SCENARIO = Scenario(1, 1.0, 60.0, plan_homes(1, 4, 2), start_min=960)


def watch(theft: Theft | None, is_judged: bool, *sections: str) -> LossWatch:
    found = LossWatch(theft, is_judged, lambda text: None)
    found._site = Site(Path("run"), SCENARIO, 1, {}, {})
    found._alarms = [Finding(0, section, "suspected") for section in sections]
    return found


def test_a_theft_names_a_home_and_a_share() -> None:
    assert parse_theft("h7") == Theft("h7", 0.6)
    assert parse_theft("h7:0.25") == Theft("h7", 0.25)


@pytest.mark.parametrize("text", ["", ":0.5", "h7:0", "h7:1.5", "h7:much", "h7:nan"])
def test_what_is_no_theft_says_what_is(text: str) -> None:
    with pytest.raises(BadTheft, match="expected"):
        parse_theft(text)


def test_an_alarm_where_nobody_steals_is_a_failure() -> None:
    assert watch(None, True).failures() == []
    (failure,) = watch(None, True, "x1").failures()
    assert "x1" in failure
    assert watch(Theft("h1"), True, "x1").failures() == []
    (failure,) = watch(Theft("h1"), True, "x1", "x2").failures()
    assert "x2" in failure


def test_where_a_person_can_add_loads_no_alarm_is_judged() -> None:
    assert watch(None, False, "x1").failures() == []
