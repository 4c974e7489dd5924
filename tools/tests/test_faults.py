"""The fault campaign in its short form; and that its accounts would show what it looks for."""

import random
import struct

import pytest

from gateway.attest.keys import device_signer
from gateway.store import Store
from gateway.store.database import Database
from ledger.engine.db import ChainDb
from ledger.light.store import SqliteStore
from truewatt.bench._ingest_load import START_S
from truewatt.bench.faults.cli import FAULTS, campaign
from truewatt.bench.faults.disk import Disk, Op, Recorder
from truewatt.bench.faults.life import Life, check
from truewatt.bench.faults.metered import undetected
from truewatt.bench.faults.oracle import CHAIN, Device, Verdict, compare
from truewatt.bench.faults.orders import Charger, Orders
from truewatt.bench.faults.panel import crc
from truewatt.bench.faults.tally import Plan, Tally, row
from wireformat.chained import Reading

SEED = 1

TRIED = {
    "sigkill": {"misattributed", "unsigned", "expired"},
    "power": {"misattributed"},
    "broker": {"misattributed", "unsigned"},
    "unplug": {"misattributed", "unsigned", "expired"},
    "bits": {"misattributed", "unsigned"},
    "clock": {"misattributed", "unsigned", "expired"},
    "full": {"misattributed"},
}
"""What each fault offers, so that a 0 in its column says something."""


@pytest.mark.slow
@pytest.mark.parametrize("name", list(FAULTS))
def test_nothing_acked_is_lost(name):
    tally = campaign(name, FAULTS[name].short, SEED, told=lambda _: None)
    assert tally.passed, (tally.verdict, tally.examples, tally.recoveries_ms)
    assert tally.count >= FAULTS[name].short
    assert tally.tried == TRIED[name]
    assert (tally.wrong is None) == (name != "bits")


def test_a_store_that_does_not_wait_for_its_medium_is_found_out(monkeypatch):
    prepare = Database._prepare

    def lazily(self, connection):
        prepare(self, connection)
        connection.execute("PRAGMA synchronous = NORMAL")

    monkeypatch.setattr(Database, "_prepare", lazily)
    tally = campaign("power", 60, SEED, told=lambda _: None)
    assert tally.verdict.lost
    assert not tally.passed


@pytest.mark.parametrize(
    "opened",
    [
        lambda path: Store.open(path).close(),
        lambda path: ChainDb.create(path, bytes(32), {}),
        lambda path: SqliteStore(path).close(),
    ],
    ids=["gateway", "ledger", "light node"],
)
def test_a_files_rollback_journal_is_gone_for_good_before_its_log_begins(tmp_path, opened):
    """Else a power cut may bring it back, and it takes back what was in the log since."""
    ops = []

    def note(op):
        ops.append(op)
        return 0

    with Recorder(tmp_path, note).active():
        opened(tmp_path / "a.db")
    ends = [at for at, op in enumerate(ops) if op.kind == "delete" and "-journal" in op.name]
    log = [at for at, op in enumerate(ops) if op.kind == "write" and "-wal" in op.name]
    assert ends
    assert max(ends) < min(log)
    assert all(ops[at].offset for at in ends), "the folder is not synced"


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


def test_a_fault_that_offered_nothing_shows_a_dash_and_what_it_found_all_the_same():
    tally = Tally("power", count=1, acked=1, tried={"unsigned"})
    line = tally.to_json()
    assert (line["unsigned"], line["expired"], line["misattributed"]) == (0, None, None)
    assert " - " in row(line)
    tally.found(Verdict(expired=1), "here")
    assert tally.to_json()["expired"] == 1


@pytest.fixture
def ordered(tmp_path):
    """Commands, their charger, a store to keep them in, and the time, ms."""
    now_ms = [(START_S + 10**6) * 1000]
    charger = Charger(lambda: now_ms[0])
    orders = Orders(charger, device_signer(tmp_path, "c1", CHAIN), b"c" * 32, lambda: now_ms[0], 1)
    store = Store.open(tmp_path / "gateway.db")
    yield orders, store, now_ms
    store.close()


def set_limit(charger, tenths):
    request = struct.pack(">BHHBH", 16, 261, 1, 2, tenths)
    assert charger.answer(request, 1e9) == request[:5]


def test_a_limit_that_is_set_after_its_commands_time_is_found(ordered):
    orders, store, now_ms = ordered
    good_for_a_while = next(seed for seed in range(99) if random.Random(seed).random() > 0.7)
    command = orders.keep(store, random.Random(good_for_a_while))
    tenths = command.value * 10 // 230
    now_ms[0] = 1000 * (command.expires_s + orders.grace_s)
    set_limit(orders.charger, tenths)
    assert orders.look(store, Tally("unplug")) == Verdict(broken=1), "it has not ended"
    store.commands.expire(command.id, now_ms[0])
    assert orders.look(store, Tally("unplug")).clean
    now_ms[0] += 1000
    assert orders.held() == Verdict(expired=1)
    set_limit(orders.charger, 160)
    assert orders.held().clean
    assert orders.look(store, Tally("unplug")).clean, "the default may be set at any time"
    set_limit(orders.charger, tenths)
    assert orders.look(store, Tally("unplug")) == Verdict(expired=1)


def test_crc_16_finds_what_the_expected_figure_takes_for_granted():
    rng, frame = random.Random(SEED), bytes(range(100))
    for errors in (1, 2, 3, 5, 7):
        for _ in range(500):
            spoiled = int.from_bytes(frame, "big")
            for bit in rng.sample(range(800), errors):
                spoiled ^= 1 << bit
            assert crc(spoiled.to_bytes(100, "big")) != crc(frame)
    assert undetected(165, 1e-3) == pytest.approx(1.1e-6, rel=0.05)
    assert undetected(165, 0.0) == 0
