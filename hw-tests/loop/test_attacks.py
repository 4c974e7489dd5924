"""A short campaign against a small site of real parts; the whole one is `tools/demo --attack`."""

import json
from pathlib import Path

import pytest
from demo_run import complete

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ATTACKS = ("replayed-reading", "forged-command", "forged-transactions", "cloned-board")
SITE = ("--mlmds", "1", "--meters", "2", "--seed", "5", "--speed", "60")


def test_each_attack_is_refused_by_its_right_name_and_costs_nothing(tmp_path: Path) -> None:
    run = complete(tmp_path / "run", 0.1, *SITE, "--attack", ",".join(ATTACKS))
    assert run.returncode == 0, run.said[-4000:]
    by_name = {row["attack"]: row for row in run.report["attacks"]}
    assert set(by_name) == set(ATTACKS)
    assert {row["verdict"] for row in by_name.values()} == {"refused"}
    assert by_name["replayed-reading"]["seen"] == ["replayed"]
    assert by_name["forged-transactions"]["seen"] == [
        "UnknownSigner",
        "WrongSignature",
        "UsedNonce",
        "NotAllowed",
    ]
    assert by_name["cloned-board"]["seen"][:2] == ["broken_chain", "broken previous-hash: frozen"]
    assert list(run.report["set_aside"]) == ["m2"]
    assert (run.report["readings_lost"], run.report["readings_late"]) == (0, 0)
    assert run.report["readings_duplicated"] == 0
    events = [json.loads(line) for line in (run.folder / "attacks.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["begins", "over"] * len(ATTACKS)
