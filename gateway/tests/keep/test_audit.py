"""`gateway verify` believes signatures and links, and names each record that lacks them."""

import sqlite3

import pytest

from gateway import cli
from gateway.keep.audit import audit
from gateway.store import Store
from gateway.tests.keep.kept import CHAIN_ID, fill
from gateway.tests.signing import SigningBoard
from wireformat.identity import record_hash


def faults(store: Store) -> list[str]:
    return [fault for board in audit(store, CHAIN_ID) for fault in board.faults]


def tamper(path, sql: str, *values: object) -> None:
    """Change the file as somebody with the disk in hand could."""
    with sqlite3.connect(path) as connection:
        for name in ("records_never_change", "records_go_in_order"):
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute(sql, values).rowcount == 1
    connection.close()


def test_a_sound_store_is_good(store):
    found = audit(store, CHAIN_ID)
    assert [board.fault_count for board in found] == [0, 0]
    assert sum(board.records for board in found) == 71
    assert sorted(board.gaps for board in found) == [0, 1]


@pytest.mark.parametrize("at", [0, 40, 100, -1])
def test_any_changed_byte_is_named_with_its_place(store, path, meter, at):
    data = bytearray(store.data_at(meter.address, 1, 7))
    data[at] ^= 1
    tamper(
        path,
        "UPDATE records SET data = ? WHERE device = ? AND seq = 7 AND epoch = 1",
        bytes(data),
        meter.address,
    )
    found = faults(store)
    assert any(fault.startswith("epoch 1 seq 7: ") for fault in found), found


def test_a_missing_record_breaks_the_chain(store, path, meter):
    tamper(path, "DELETE FROM records WHERE device = ? AND epoch = 1 AND seq = 9", meter.address)
    assert any(fault.startswith("epoch 1 seq 10: Gap") for fault in faults(store))


def test_a_missing_end_is_held_against_what_was_acked(store, path, meter):
    tamper(path, "DELETE FROM records WHERE device = ? AND epoch = 2 AND seq = 9", meter.address)
    assert any(fault.startswith("head: epoch 2 seq 9 was acked") for fault in faults(store))


def test_a_record_of_another_board_in_its_place_is_refused(store, path, meter):
    other = SigningBoard(9)
    code, data = other.add()
    tamper(
        path,
        "UPDATE records SET data = ?, hash = ?, code = ?"
        " WHERE device = ? AND epoch = 1 AND seq = 0",
        data,
        record_hash(data),
        code,
        meter.address,
    )
    assert any("epoch 1 seq 0: BadSignature" in fault for fault in faults(store))


def test_a_forged_gap_excuses_nothing(store, path, meter):
    tamper(path, "DELETE FROM records WHERE device = ? AND epoch = 1 AND seq = 9", meter.address)
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO permits SELECT device, 1, 9, 1, 9, evidence FROM permits WHERE device = ?",
            (meter.address,),
        )
    connection.close()
    found = faults(store)
    assert any("its event names another" in fault for fault in found)
    assert any(fault.startswith("epoch 1 seq 10: Gap") for fault in found)


def test_a_board_that_the_registry_never_named_has_no_key(store):
    stranger = SigningBoard(8)
    fill(store, stranger, 2)
    assert any(fault.startswith("no_key") for fault in faults(store))


def test_the_command_prints_a_table_and_fails_on_a_fault(store, path, config, meter, capsys):
    assert cli.main(["verify", "--config", str(config)]) == 0
    assert "71 records of 2 boards: every signature, link and head is good" in (
        capsys.readouterr().out
    )
    tamper(
        path,
        "UPDATE records SET data = x'00' WHERE device = ? AND epoch = 1 AND seq = 7",
        meter.address,
    )
    assert cli.main(["verify", "--config", str(config)]) == 1
    assert "FAULTS" in capsys.readouterr().out
