"""Twenty power cuts at random instants of a seed: nothing is lost, nothing counted twice."""

import pytest
from chain_evidence import Evidence
from demo_run import DemoRun, ledger_cli, processes_of

from gateway.store import Store
from wireformat import identity

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BOARDS = ("x1", "m1", "m2", "m3")


@pytest.fixture(scope="module")
def evidence(killed_run: DemoRun) -> Evidence:
    return Evidence(killed_run.ledger)


def test_every_part_was_hit(killed_run: DemoRun) -> None:
    cuts = killed_run.cuts()
    assert sum(cuts.values()) == killed_run.report["kills"] == 20
    assert cuts.keys() == {"gateway", "ledger", *BOARDS}
    assert min(cuts.values()) >= 3


def test_the_loop_went_on_and_lost_nothing(killed_run: DemoRun) -> None:
    report = killed_run.report
    assert killed_run.returncode == 0, killed_run.said[-4000:]
    counts = [report[f"readings_{how}"] for how in ("lost", "late", "duplicated", "foreign")]
    assert counts == [0, 0, 0, 0], report["faults"]
    assert report["commands_done"] > 0
    assert report["energy_balance_error"] <= 0.01, report["worst_channel"]
    ended = [line for line in killed_run.said.splitlines() if "ended by itself" in line]
    assert report["restarts"] == {}, ended
    assert report["readings_refused"] == {}
    assert report["ledger_refused"] == {}
    assert processes_of(killed_run.folder) == []


def test_the_chain_verifies(killed_run: DemoRun) -> None:
    done = ledger_cli("verify", "--home", str(killed_run.ledger))
    assert done.returncode == 0, done.stderr


def test_boards_went_on_in_a_new_epoch_of_one_unbroken_chain(evidence: Evidence) -> None:
    assert len(evidence.keys) == len(BOARDS)
    for address in evidence.keys:
        chain = evidence.admitted(address)
        positions = [(item.record.epoch, item.record.seq) for item in chain]
        assert positions == sorted(set(positions)), "a place in the chain was signed twice"
        assert len({epoch for epoch, _ in positions}) >= 3
        before = identity.GENESIS_PREV
        for item in chain:
            assert item.record.prev == before
            before = identity.prev_hash(item.data)


def test_gateway_and_ledger_hold_the_same_bytes(killed_run: DemoRun, evidence: Evidence) -> None:
    store = Store.open_readonly(killed_run.folder / "gateway" / "gateway.db")
    try:
        for address in evidence.keys:
            kept = [data for _, _, _, data, _ in store.records(address)]
            settled = [item.data for item in evidence.admitted(address)]
            assert settled == kept[: len(settled)]
            assert len(kept) - len(settled) <= 8, "more than the last moments are missing"
    finally:
        store.close()
