"""A store that has grown: what is asked all the time must not cost more with every record."""

import sqlite3

import pytest

from gateway.store import Head, Store
from gateway.store.tables import MIGRATIONS, VERSION
from gateway.tests.signing import T0, SigningBoard
from gateway.tests.storing import batch_of
from wireformat import codes
from wireformat.control import Command

MANY = 20_000


@pytest.fixture
def meter():
    return SigningBoard()


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path / "gateway.db")
    yield opened
    opened.close()


def grow(store: Store, meter: SigningBoard, boards: int = 4) -> None:
    """Many records of some boards, all waiting; bytes of one stand for all."""
    code, data = meter.add()
    rows = [
        (bytes([n % boards + 1]) * 20, 1, n // boards, code, data, bytes(32), T0 * 1000)
        for n in range(MANY)
    ]
    with store.database.write() as connection:
        connection.executemany(
            "INSERT INTO records (device, epoch, seq, code, data, hash, received_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        connection.execute("INSERT INTO outbox SELECT id, device, 0 FROM records")


def steps(store: Store, call) -> int:
    """Thousands of SQLite's instructions that `call` takes."""
    count = 0

    def counted() -> int:
        nonlocal count
        count += 1
        return 0

    connection = store.database._connection
    connection.set_progress_handler(counted, 1000)
    try:
        call()
    finally:
        connection.set_progress_handler(None, 0)
    return count


def order(target: bytes) -> Command:
    return Command(
        id=b"12345678", counter=1, target=target, asset=0, action=codes.OPEN, value=0,
        not_before_s=T0, expires_s=T0 + 900, height=1, index=0,
    )  # fmt: skip


def test_a_backlog_costs_a_transaction_no_more(store, meter):
    grow(store, meter)
    busy = bytes([2]) * 20
    with store.database.write() as connection:
        connection.execute(
            "UPDATE outbox SET outcome = 1 WHERE device = ? AND record % 1000 = 2", (busy,)
        )
    found = store.outbox.next(64)
    assert [record.device for record in found] == [busy] * 64
    assert [record.id for record in found] == sorted(record.id for record in found)
    assert steps(store, lambda: store.outbox.next(64)) < 10
    assert steps(store, lambda: store.outbox.next(64, [busy])) < 10
    assert {record.device for record in store.outbox.next(64, [busy])} == {
        bytes([n]) * 20 for n in (1, 3, 4)
    }


def test_a_years_records_cost_a_command_no_more(store, meter):
    grow(store, meter)
    command = order(bytes([1]) * 20)
    assert steps(store, lambda: store.commands.add(command, b"signed", 0)) < 10


def test_what_is_known_of_the_ledger_already_costs_no_write(store):
    store.cache.put(b"key", b"value", 5)
    before = store.database.one("PRAGMA data_version"), store.database._connection.total_changes
    store.cache.put(b"key", b"value", 6)
    store.cache.put(b"gone", None, 6)
    store.cache.put(b"gone", None, 7)
    assert store.database._connection.total_changes == before[1] + 1
    store.cache.put(b"key", b"other", 7)
    assert store.cache.get(b"key") == (b"other", 7)


def test_records_that_a_ledger_lost_wait_again_in_their_order(store, meter):
    rows = [meter.add() for _ in range(6)]
    store.commit(batch_of(meter, rows, 0))
    store.outbox.landed([record.id for record in store.outbox.next(64)])
    assert store.outbox.requeue(meter.address, (1, 2)) == 3
    assert store.outbox.requeue(meter.address, (1, 2)) == 0
    assert [record.seq for record in store.outbox.next(64)] == [3, 4, 5]


def test_a_head_moves_ahead_to_what_the_ledger_holds_and_never_back(store, meter):
    store.commit(batch_of(meter, [meter.add(), meter.add()], 0))
    held = store.head(meter.address)
    assert not store.anchor(meter.address, Head(1, 0, bytes(32), 0), ahead=True)
    assert not store.anchor(meter.address, Head(1, 9, bytes(32), 0))
    assert store.head(meter.address) == held
    assert store.anchor(meter.address, Head(1, 9, bytes(32), 0), ahead=True)
    assert store.head(meter.address).seq == 9


def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path):
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as old:
        old.executescript(MIGRATIONS[0])
        old.execute("PRAGMA user_version = 1")
    old.close()
    store = Store.open(path)
    assert store.database.one("PRAGMA user_version") == (VERSION,)
    indexes = {row[0] for row in store.database.all("SELECT name FROM sqlite_schema")}
    assert {"outcomes", "outbox_outcomes"} <= indexes
    store.close()
