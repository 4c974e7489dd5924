"""The store: what returns from `commit` is on the medium, whatever happens next."""

import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from gateway.store import (
    Batch,
    Head,
    Permit,
    Refusal,
    Store,
    StoreConflict,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreNewer,
    StoreUnavailable,
    database,
)
from gateway.store.outbox import Anchor, TxInFlight
from gateway.tests.signing import T0, SigningBoard
from gateway.tests.storing import batch_of
from wireformat import cbor, codes
from wireformat.control import Command


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gateway.db"


@pytest.fixture
def store(path):
    store = Store.open(path)
    yield store
    store.close()


@pytest.fixture
def meter():
    return SigningBoard()


def command(meter: SigningBoard, number: int = 1, counter: int = 1) -> Command:
    return Command(
        id=bytes([number]) * 8,
        counter=counter,
        target=meter.address,
        asset=0,
        action=codes.OPEN,
        value=0,
        not_before_s=T0,
        expires_s=T0 + 600,
        height=3,
        index=0,
    )


def test_a_batch_comes_back_in_order_beside_a_running_writer(store, path, meter):
    rows = [meter.add() for _ in range(5)]
    store.commit(batch_of(meter, rows, 0))
    reader = Store.open_readonly(path)
    assert [(e, s, c, d) for e, s, c, d, _ in reader.records(meter.address)] == [
        (1, seq, code, data) for seq, (code, data) in enumerate(rows)
    ]
    assert reader.heads()[meter.address].seq == 4
    with pytest.raises(StoreError):
        reader.commit(batch_of(meter, [meter.add()], 5))
    reader.close()


def test_acks_rest_on_extra_synchronisation(store):
    with store.database.write() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (3,), "EXTRA"
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_records_are_append_only(store, meter):
    store.commit(batch_of(meter, [meter.add()], 0))
    for sql in ("UPDATE records SET code = 5", "DELETE FROM records"):
        with pytest.raises(StoreError, match="append-only"), store.database.write() as connection:
            connection.execute(sql)


def test_a_position_is_taken_once_and_a_failed_batch_leaves_nothing(store, meter):
    rows = [meter.add() for _ in range(3)]
    store.commit(batch_of(meter, rows[:1], 0))
    with pytest.raises(StoreError):
        store.commit(batch_of(meter, [rows[1], rows[0]], -1))
    assert store.head(meter.address).seq == 0
    assert len(list(store.records(meter.address))) == len(store.outbox) == 1


def test_refusals_count_records_not_sightings(store, meter):
    code, data = meter.add()
    for at_ms in (1, 2, 3):
        store.commit(
            Batch(meter.address, refusals=[Refusal("gap", meter.address, code, data, "x", at_ms)])
        )
    store.commit(Batch(b"", refusals=[Refusal("gap", None, 0, b"other", "y", 4)]))
    assert store.refusals() == {"gap": 2}
    assert [row[2] for row in store.evidence("gap")] == [data, b"other"]


def test_evidence_is_bounded_and_counters_go_on(store, monkeypatch):
    monkeypatch.setattr("gateway.store.store.EVIDENCE_ROWS", 10)
    for number in range(25):
        row = Refusal("bad_cbor", None, 0, number.to_bytes(2, "big"), "", number)
        store.commit(Batch(b"", refusals=[row]))
    assert store.refusals() == {"bad_cbor": 25}
    assert [row[2][1] for row in store.evidence("bad_cbor")] == list(range(15, 25))


def test_permits_are_kept_once(store, meter):
    permit = Permit(meter.address, (1, 2), (1, 6), b"evidence")
    for _ in range(2):
        store.commit(Batch(meter.address, permits=[permit]))
    assert store.permits(meter.address) == [permit]


def test_an_anchor_never_moves_a_head(store, meter):
    store.anchor(meter.address, Head(3, 7, bytes(32), T0))
    store.anchor(meter.address, Head(1, 1, bytes(32), T0))
    assert store.head(meter.address).epoch == 3


# ---- outbox ----------------------------------------------------------------------------------


def test_outcomes_go_first_with_what_must_precede_them(store, meter):
    calm, busy = SigningBoard(2), SigningBoard(3)
    store.commit(batch_of(calm, [calm.add() for _ in range(3)], 0))
    rows = [busy.add(), busy.add(busy.outcome(bytes(8), 1)), busy.add()]
    store.commit(batch_of(busy, rows, 0))
    order = [(queued.device, queued.data) for queued in store.outbox.next(10)]
    assert order[:2] == [(busy.address, rows[0][1]), (busy.address, rows[1][1])]
    assert [device for device, _ in order[2:]] == [calm.address] * 3 + [busy.address]


def test_a_transaction_in_flight_survives_a_restart_and_leaves_once(path, store, meter):
    store.commit(batch_of(meter, [meter.add() for _ in range(3)], 0))
    ids = tuple(queued.id for queued in store.outbox.next(2))
    tx = TxInFlight(bytes(32), store.outbox.next_nonce(0), b"tx", ids)
    store.outbox.launch(tx)
    store.close()
    again = Store.open(path)
    assert again.outbox.in_flight() == tx
    again.outbox.landed(tx.records)
    assert again.outbox.in_flight() is None
    assert len(again.outbox) == 1
    assert again.outbox.next_nonce(0) == 2
    assert again.outbox.next_nonce(50) == 50
    again.close()


def test_batched_records_travel_with_their_transaction_and_their_root_is_found_again(store, meter):
    store.commit(batch_of(meter, [meter.add() for _ in range(5)], 0))
    ids = [queued.id for queued in store.outbox.next(5)]
    tx = TxInFlight(bytes(32), 1, b"tx", (ids[0], 0, ids[4]), tuple(ids[1:4]))
    store.outbox.launch(tx)
    assert store.outbox.in_flight() == tx
    anchors = [
        Anchor(meter.address, 1, 0, 1, bytes(32), True),
        Anchor(meter.address, 1, 1, 3, bytes(32)),
    ]
    store.outbox.landed(ids, anchors)
    assert len(store.outbox) == 0
    found = [store.outbox.anchor(meter.address, 1, seq) for seq in range(5)]
    assert found == [anchors[0], *[anchors[1]] * 3, None]
    assert store.outbox.anchor(meter.address, 2, 1) is None


def test_a_transaction_that_an_older_version_stored_is_still_sent(store):
    with store.database.write() as connection:
        connection.execute(
            "INSERT INTO tx_in_flight VALUES (1, ?, 7, x'00', ?)", (bytes(32), cbor.encode([5, 6]))
        )
    assert store.outbox.in_flight() == TxInFlight(bytes(32), 7, b"\0", (5, 6))


# ---- commands --------------------------------------------------------------------------------


def test_a_command_ends_by_its_outcome_and_is_not_reopened(store, meter):
    order = command(meter)
    assert store.commands.add(order, b"signed", 1)
    assert not store.commands.add(order, b"signed", 2)
    store.commands.delivered(order.id, 3)
    store.commit(batch_of(meter, [meter.add(meter.outcome(order.id, 1))], 0))
    store.commands.expire(order.id, 4)
    store.commands.delivered(order.id, 5)
    assert store.commands.counts() == {"done": 1}
    assert store.commands.open() == []


def test_an_outcome_that_came_before_its_command_ends_it(store, meter):
    order = command(meter)
    store.commit(batch_of(meter, [meter.add(meter.outcome(order.id, 1, codes.REFUSED))], 0))
    store.commands.add(order, b"signed", 1)
    assert store.commands.counts() == {"refused": 1}


def test_an_outcome_after_the_deadline_beats_the_timer(store, meter):
    order = command(meter)
    store.commands.add(order, b"signed", 1)
    store.commands.expire(order.id, 2)
    store.commit(batch_of(meter, [meter.add(meter.outcome(order.id, 1))], 0))
    assert store.commands.counts() == {"done": 1}


def test_another_board_cannot_end_a_command(store, meter):
    order, thief = command(meter), SigningBoard(5)
    store.commands.add(order, b"signed", 1)
    store.commit(batch_of(thief, [thief.add(thief.outcome(order.id, 1))], 0))
    assert store.commands.counts() == {"open": 1}


def test_commands_of_a_board_come_in_the_order_of_their_counters(store, meter):
    for number, counter in ((1, 9), (2, 3)):
        store.commands.add(command(meter, number, counter), b"", 1)
    assert [order.counter for order in store.commands.open()] == [3, 9]


# ---- what goes wrong -------------------------------------------------------------------------


def test_a_locked_database_is_named_and_the_next_try_succeeds(path, store, meter, monkeypatch):
    with store.database.write() as connection:
        connection.execute("SELECT 1")
    store.database._connection.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    batch = batch_of(meter, [meter.add()], 0)
    with pytest.raises(StoreLocked, match="database is locked") as caught:
        store.commit(batch)
    assert str(path) in str(caught.value)
    assert "second gateway" in str(caught.value)
    other.execute("ROLLBACK")
    store.commit(batch)
    assert store.head(meter.address).seq == 0


def test_a_full_database_is_named_keeps_what_it_holds_and_recovers(store, meter):
    store.commit(batch_of(meter, [meter.add()], 0))
    pages = store.database.one("PRAGMA page_count")[0]
    store.database.one(f"PRAGMA max_page_count = {pages + 2}")
    rows = [meter.add() for _ in range(200)]
    batch = batch_of(meter, rows, 1)
    with pytest.raises(StoreFull, match="free space"):
        store.commit(batch)
    assert store.head(meter.address).seq == 0
    store.database.one("PRAGMA max_page_count = 1000000")
    store.commit(batch)
    assert store.head(meter.address).seq == 200


def test_a_file_system_that_takes_no_more_is_named(store, meter):
    store.commit(batch_of(meter, [meter.add()], 0))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
        batch = batch_of(meter, [meter.add() for _ in range(400)], 1)
        with pytest.raises((StoreFull, StoreUnavailable)):
            store.commit(batch)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    store.commit(batch)
    assert store.head(meter.address).seq == 400


@pytest.mark.parametrize("junk", [b"no database at all" * 100, b"SQLite format 3\0" + bytes(4096)])
def test_a_corrupt_file_is_named_with_what_to_do(path, junk):
    path.write_bytes(junk)
    with pytest.raises(StoreCorrupt) as caught:
        Store.open(path)
    assert str(path) in str(caught.value)


def test_a_page_that_rotted_is_corruption(path, meter):
    store = Store.open(path)
    store.commit(batch_of(meter, [meter.add() for _ in range(300)], 0))
    store.close()
    raw = bytearray(path.read_bytes())
    raw[4096:] = b"\xa5" * (len(raw) - 4096)
    path.write_bytes(raw)
    with pytest.raises(StoreCorrupt, match="move the file"):
        list(Store.open(path).records(meter.address))


def test_a_file_of_a_later_version_is_left_alone(path):
    Store.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreNewer, match="version 99"):
        Store.open(path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreUnavailable, match="unable to open"):
        Store.open(tmp_path / "absent" / "gateway.db")


def test_killed_in_the_middle_of_commits_nothing_acked_is_lost(path):
    rng, acked = random.Random(7), -1
    for _ in range(6):
        writer = [sys.executable, "-m", "gateway.tests.storing", str(path), "100000"]
        process = subprocess.Popen(writer, stdout=subprocess.PIPE, text=True)
        first = process.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.15))
        process.send_signal(signal.SIGKILL)
        lines = (first + process.communicate()[0]).splitlines()
        # The last line may be cut in half by the kill.
        acked = max([acked, *(int(line) for line in lines[:-1])])
        store = Store.open(path)
        rows = list(store.records(SigningBoard().address))
        assert [row[1] for row in rows] == list(range(len(rows)))
        assert len(rows) % 3 == 0
        assert len(rows) > acked
        assert store.head(SigningBoard().address).seq == len(rows) - 1
        assert store.database.one("PRAGMA integrity_check") == ("ok",)
        store.close()
    assert acked > 30


def test_the_lock_wait_is_bounded():
    assert database.BUSY_TIMEOUT_MS <= 5000


def test_two_ways_to_one_board_never_store_a_record_twice(tmp_path):
    """A bus and a broker judge the same records against one head; the second to commit must not."""
    meter = SigningBoard()
    rows = [meter.add() for _ in range(4)]
    store = Store.open(tmp_path / "gateway.db")
    first, second = batch_of(meter, rows[:3], 0), batch_of(meter, rows[:2], 0)
    first.checked = second.checked = True
    store.commit(first)
    with pytest.raises(StoreConflict):
        store.commit(second)
    assert store.counts() == {meter.address: 3}
    third = batch_of(meter, rows[3:], 3)
    third.before, third.checked = store.head(meter.address), True
    store.commit(third)
    assert len(store.outbox) == 4
    store.close()
