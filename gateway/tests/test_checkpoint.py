"""The log is copied beside the commits; nothing depends on it, and it doesn't grow for ever."""

import time

import pytest

from gateway.store import Store, checkpoint, database
from gateway.store.checkpoint import Checkpointer
from gateway.tests.signing import SigningBoard
from gateway.tests.storing import batch_of


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "ENOUGH_ROWS", 200)
    monkeypatch.setattr(checkpoint, "GAP_WALL_S", 0.01)
    opened = Store.open(tmp_path / "gateway.db")
    yield opened
    opened.close()


def keep(store: Store, meter: SigningBoard, commits: int) -> None:
    for _ in range(commits):
        rows = [meter.add() for _ in range(10)]
        store.commit(batch_of(meter, rows, meter.next_seq - 10))


def until(what) -> None:
    for _ in range(1000):
        if what():
            return
        time.sleep(0.02)
    raise AssertionError("not within 20 s")


def log_bytes(store: Store) -> int:
    return store.database.path.with_name("gateway.db-wal").stat().st_size


def test_a_log_that_is_copied_begins_anew(store):
    meter, copier = SigningBoard(), Checkpointer(store.database)
    try:
        keep(store, meter, 30)
        until(lambda: copier.done and not store.database.grown.is_set())
        size, done = log_bytes(store), copier.done
        for _ in range(4):
            keep(store, meter, 20)
            until(lambda n=done: copier.done > n and not store.database.grown.is_set())
            done = copier.done
        assert log_bytes(store) < 3 * size
    finally:
        copier.close()
    assert store.counts() == {meter.address: 1100}


def test_without_enough_to_copy_it_rests(store):
    copier = Checkpointer(store.database)
    keep(store, SigningBoard(), 2)
    time.sleep(0.2)
    copier.close()
    assert copier.done == 0


def test_what_was_committed_is_there_whenever_the_copying_stopped(store, tmp_path):
    meter, copier = SigningBoard(), Checkpointer(store.database)
    keep(store, meter, 40)
    copier.close()
    for suffix in ("", "-wal", "-shm"):
        source = store.database.path.with_name("gateway.db" + suffix)
        (tmp_path / ("copy.db" + suffix)).write_bytes(source.read_bytes())
    copy = Store.open(tmp_path / "copy.db")
    assert copy.counts() == {meter.address: 400}
    copy.close()
