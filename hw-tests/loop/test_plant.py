"""A small street with a battery and a charger: the gateway signs for them, the contract steers."""

from pathlib import Path

import pytest
from demo_run import PROFILES, DemoRun, complete

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

DEVICES = ["t1", "b1", "c1"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    folder: Path = tmp_path_factory.mktemp("plant") / "run"
    profiles = ("--profiles", str(PROFILES)) if PROFILES.exists() else ()
    return complete(folder, 0.3, "--seed", "1", "--plant", *profiles)


def test_what_the_gateway_signed_for_devices_is_on_the_ledger(run: DemoRun) -> None:
    attested = run.report["attested"]
    assert [device["name"] for device in attested["devices"]] == DEVICES
    assert all(device["records_on_ledger"] > 5 for device in attested["devices"])
    ends = ("lost", "late", "duplicated", "foreign")
    assert [attested[f"records_{end}"] for end in ends] == [0, 0, 0, 0], run.report["faults"]
    assert run.report["ledger_refused"] == {}


def test_their_registers_are_the_physics(run: DemoRun) -> None:
    assert sum(d["physics_import_wh"] for d in run.report["attested"]["devices"]) > 100
    assert run.report["attested"]["energy_error"] < 0.05, run.report["attested"]


def test_the_contract_steers_them(run: DemoRun) -> None:
    done = {(c["board"], c["action"]) for c in run.report["commands"] if c["status"] == "done"}
    assert ("c1", "set limit") in done
    assert {("b1", "charge"), ("b1", "discharge")} & done
    assert run.report["boards"] == 4, "they are no boards"


def test_the_report_tells_of_deadlines_and_losses(run: DemoRun) -> None:
    steered = {one["home"]: one["steered_by"] for one in run.report["deadlines"]}
    assert steered == {"h1": "m1", "h2": "m2", "h3": "c1"}
    assert run.report["losses"]["alarms"] == []
