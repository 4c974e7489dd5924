"""Each car's promise: met, missed, or not due before the run ended."""

from pathlib import Path

import pytest

from truewatt.demo.details import deadlines
from truewatt.demo.physics_log import PhysicsLog
from truewatt.demo.scenario import ORIGIN_MS, Scenario, plan_homes

START_MIN = 16 * 60
HOUR_MS = 3_600_000


def told(tmp_path: Path, hours: int, soc_at_end: float) -> dict[str, object]:
    scenario = Scenario(1, 1.0, 60.0, plan_homes(1, 1), start_min=START_MIN)
    assert scenario.homes[0].ev_deadline_s == 21 * 3600
    path = tmp_path / "physics.csv"
    start_ms = ORIGIN_MS + START_MIN * 60_000
    end_ms = start_ms + hours * HOUR_MS
    path.write_text(f"t_ms,h1.ev.soc\n{start_ms},{soc_at_end}\n{end_ms},{soc_at_end}\n")
    (one,) = deadlines(scenario, PhysicsLog(path))
    return one


@pytest.mark.parametrize(
    ("hours", "soc", "verdict"),
    [(6, 0.9, "met"), (6, 0.8, "missed"), (3, 0.8, "not due yet"), (3, 0.9, "met")],
)
def test_a_promise_is_judged_at_its_deadline(
    tmp_path: Path, hours: int, soc: float, verdict: str
) -> None:
    one = told(tmp_path, hours, soc)
    assert one["verdict"] == verdict
    assert one["deadline"] == "01 Jul 21:00"
    assert one["lacking_wh"] == pytest.approx((0.9 - soc) * 40_000, abs=1)


def test_a_run_of_two_days_has_two_promises(tmp_path: Path) -> None:
    scenario = Scenario(1, 1.0, 60.0, plan_homes(1, 1), start_min=START_MIN)
    path = tmp_path / "physics.csv"
    end_ms = scenario.start_ms + 30 * HOUR_MS
    path.write_text(f"t_ms,h1.ev.soc\n{scenario.start_ms},0.9\n{end_ms},0.9\n")
    days = [one["deadline"] for one in deadlines(scenario, PhysicsLog(path))]
    assert days == ["01 Jul 21:00", "02 Jul 21:00"]
