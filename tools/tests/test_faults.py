"""The fault campaign in its short form; and that its accounts would show what it looks for."""

import random

import pytest

from gateway.store import Store
from gateway.store.database import Database
from truewatt.bench.faults.cli import FAULTS, campaign
from truewatt.bench.faults.disk import Disk, Op
from truewatt.bench.faults.life import Life, check
from truewatt.bench.faults.oracle import Device, Verdict, compare
from truewatt.bench.faults.tally import Plan, Tally, row
from wireformat.chained import Reading

SEED = 1


@pytest.mark.slow
@pytest.mark.parametrize("name", list(FAULTS))
def test_nothing_acked_is_lost(name):
    tally = campaign(name, FAULTS[name].short, SEED, told=lambda _: None)
    assert tally.passed, (tally.verdict, tally.examples, tally.recoveries_ms)
    assert tally.count >= FAULTS[name].short


def test_a_store_that_does_not_wait_for_its_medium_is_found_out(monkeypatch):
    prepare = Database._prepare

    def lazily(self, connection):
        prepare(self, connection)
        connection.execute("PRAGMA synchronous = NORMAL")

    monkeypatch.setattr(Database, "_prepare", lazily)
    tally = campaign("power", 60, SEED, told=lambda _: None)
    assert tally.verdict.lost
    assert not tally.passed


@pytest.fixture
def devices():
    found = [Device(number) for number in range(2)]
    for device in found:
        for _ in range(3):
            device.sign()
    return found


def rows_of(*devices):
    return [
        (d.address, 1, at, Reading.CODE, data) for d in devices for at, data in enumerate(d.journal)
    ]


def test_each_broken_promise_has_its_own_count(devices):
    one, two = devices
    rows, acked = rows_of(one, two), {one.address: 2, two.address: 1}
    assert compare(devices, rows, acked).clean
    assert compare(devices, [*rows, rows[0]], acked) == Verdict(duplicated=1)
    assert compare(devices, rows[1:], acked) == Verdict(lost=1)
    assert compare(devices, rows[:-1], acked).clean, "it was not acked"
    foreign = (two.address, 1, 2, Reading.CODE, one.journal[2])
    assert compare(devices, [*rows[:-1], foreign], acked) == Verdict(misattributed=1)
    forged = (one.address, 1, 3, Reading.CODE, bytes(200))
    assert compare(devices, [*rows, forged], acked) == Verdict(unsigned=1)
    hole = [rows[0], rows[2], *rows[3:]]
    assert compare(devices, hole, {one.address: 0}) == Verdict(broken=1)


def test_a_record_that_leaves_the_outbox_without_landing_is_lost(tmp_path):
    store, life = Store.open(tmp_path / "gateway.db"), Life(random.Random(SEED))
    life.commit(store)
    assert check(store, life.devices, life.promised).clean
    with store.database.write() as connection:
        connection.execute("DELETE FROM outbox WHERE record = 1")
    assert check(store, life.devices, life.promised) == Verdict(lost=1)
    store.close()


def test_a_cut_keeps_what_was_synced_and_any_part_of_the_rest():
    disk = Disk()
    disk.apply(Op("open", "a-wal"))
    disk.apply(Op("write", "a-wal", 0, b"s" * 1024))
    disk.apply(Op("sync", "a-wal"))
    disk.apply(Op("write", "a-wal", 1024, b"x" * 1024))
    disk.apply(Op("write", "a-wal", 2048, b"y" * 1024))
    images = [disk.image(random.Random(seed))["a-wal"] for seed in range(200)]
    assert all(image.startswith(b"s" * 1024) for image in images)
    shapes = {(b"x" in image, b"y" in image) for image in images}
    assert shapes == {(False, False), (True, False), (False, True), (True, True)}
    assert any(image[1024:1536] != image[1536:2048] for image in images if len(image) >= 2048)


def test_nothing_done_and_nothing_acked_is_no_pass():
    assert not Tally("power").passed
    assert not Tally("power", count=1).passed
    assert Tally("power", count=1, acked=1).passed
    assert not Tally("power", count=1, acked=1, recoveries_ms=[6000.0], limit_ms=5000).passed
    assert "FAIL" in row(Tally("power").to_json())


def test_the_same_seed_and_number_give_the_same_fault(tmp_path):
    assert Plan(5, 3, tmp_path).rng_name(4) == Plan(2, 3, tmp_path, first=4).rng_name(4)
