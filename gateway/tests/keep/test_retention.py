"""Old records go from the beginning of a chain only, and only those that the ledger has."""

import sqlite3

import pytest

from gateway import cli
from gateway.keep.audit import audit
from gateway.store import StoreUnavailable
from gateway.tests.keep.kept import CHAIN_ID, fill, register
from gateway.tests.signing import T0, SigningBoard
from gateway.tests.storing import batch_of

FUTURE_MS = (T0 + 10**6) * 1000


def prune_all(store, device) -> int:
    gone = 0
    while went := store.retention.prune(device, FUTURE_MS, most=7):
        gone += went
    return gone


def test_all_but_the_head_may_go_and_the_chain_goes_on(store, meter):
    before = store.counts()[meter.address]
    gone = prune_all(store, meter.address)
    assert store.counts()[meter.address] == before - gone == 1
    assert store.retention.pruned(meter.address).count == gone
    fill(store, meter, 5)
    result = next(b for b in audit(store, CHAIN_ID) if b.address == meter.address)
    assert (result.records, result.pruned, result.faults) == (6, gone, [])


def test_what_waits_for_the_ledger_stays(store):
    board = SigningBoard(5)
    register(store, board)
    store.commit(batch_of(board, [board.add() for _ in range(4)], 0))
    assert store.retention.prune(board.address, FUTURE_MS) == 0


def test_what_is_young_stays(store, meter):
    assert store.retention.prune(meter.address, T0 * 1000) == 0


def test_nothing_goes_from_the_middle(store, path):
    with sqlite3.connect(path) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("DELETE FROM records WHERE seq = 5")
    connection.close()


def test_a_changed_mark_is_found(store, path, meter):
    prune_all(store, meter.address)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE pruned SET hash = zeroblob(32)")
    connection.close()
    result = next(b for b in audit(store, CHAIN_ID) if b.address == meter.address)
    assert any("BrokenChain" in fault for fault in result.faults)


def lose_power_while_pruning(store, device) -> None:
    with store.database.write() as connection:
        connection.execute("INSERT INTO pruned VALUES (?, 1, 3, zeroblob(32), 4)", (device,))
        connection.execute("DELETE FROM records WHERE device = ? AND seq < 4", (device,))
        raise sqlite3.OperationalError("power")


def test_a_slice_goes_whole_or_not_at_all(store, meter):
    with pytest.raises(StoreUnavailable):
        lose_power_while_pruning(store, meter.address)
    assert store.retention.pruned(meter.address) is None
    assert store.counts()[meter.address] == 41


def test_the_command_keeps_the_last_days(store, config, meter, capsys):
    assert cli.main(["prune", "--config", str(config), "--days", "36500"]) == 0
    assert "0 records" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main(["prune", "--config", str(config), "--days", "0"])
