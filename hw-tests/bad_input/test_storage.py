"""Disks that are full or held by somebody else, flash that is full, files with gaps and text."""

import contextlib
import sqlite3
import subprocess
import sys
import time
from itertools import pairwise

import pytest
from tapped_street import CHAIN, board_config

from gateway.admit.chain import follows
from truewatt.hostile.intruder import status
from wireformat import codes, registry
from wireformat.chained import Event

FULL = {"store_full", "store_unavailable", "light_store_failed"}


def unacked(street, name: str = "m1") -> int:
    return status(street, name).unacked


def test_a_full_disk_is_named_nothing_is_acked_and_nothing_is_lost(street):
    street.grows("m1")
    with street.file_size_limit(8192):
        street.until(lambda: FULL & set(street.status()["notice_counts"]), "the notice")
        held = street.held("m1")
        street.until(lambda: unacked(street) >= 3, "records to wait on the board")
        assert street.held("m1") == held
    street.until(lambda: unacked(street) <= 1, "the disk to be used again")
    street.grows("m1")
    street.command("m1", closed=True, asset=1)


def test_a_locked_database_is_named_and_waited_for(street):
    before = street.status()["notice_counts"].get("store_locked", 0)
    path = street.folder / "data" / "gateway.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        held = street.held("m1")
        time.sleep(2.5)  # the gateway waits two seconds for a lock
        assert street.held("m1") == held
        assert unacked(street) > 0
        other.execute("ROLLBACK")
    street.until(
        lambda: street.status()["notice_counts"].get("store_locked", 0) > before, "store_locked"
    )
    street.grows("m1")
    street.until(lambda: "store" not in street.notices(), "the notice to go")


def events(street, name: str) -> list[Event]:
    rows = [registry.open_signed(*row, CHAIN).record for row in street.held(name)]
    return [row for row in rows if isinstance(row, Event)]


def test_a_full_flash_evicts_the_oldest_as_a_signed_gap_and_the_chain_goes_on(street):
    """Nobody asked m3 until its journal of 32 KiB had overflowed, its first gap event included."""
    console = street.boards["m3"].log_path
    street.until(
        lambda: console.read_text(errors="replace").count("records evicted") > 7, "evictions", 90
    )
    street.boards["m3"].kill()
    # From here on it records seldom, so that a slow machine under test can catch up with it.
    config = board_config("m3", street.root) | {"interval_s": 20}
    street.boards["m3"].provision(config)
    street.boards["m3"].start()
    with asked_too(street, "m3"):
        street.until(lambda: events(street, "m3"), "the gap", 60)
        street.grows("m3", 5)
        street.until(lambda: status(street, "m3").unacked < 5, "acks")
        found = [registry.open_signed(*row, CHAIN).record for row in street.held("m3")]
        gaps = [row.detail for row in events(street, "m3") if row.kind == codes.EV_JOURNAL_GAP]
        start = (found[0].epoch, found[0].seq)
        assert start > (1, 0)
        assert any(gap[:2] == [1, 0] and gap[2:] == [start[0], start[1] - 1] for gap in gaps), (
            "a signed event names exactly what is gone"
        )
        places = [(row.epoch, row.seq) for row in found]
        assert all(follows(*pair) for pair in pairwise(places)), "nothing else is missing"
        street.until(lambda: street.status()["outbox"] < 20, "the ledger to take them")


@contextlib.contextmanager
def asked_too(street, name: str):
    """The gateway with one more board on its line."""
    street.stop_gateway()
    street.write_config("m1", "m2", name)
    street.start_gateway()
    try:
        yield
    finally:
        street.stop_gateway()
        street.write_config("m1", "m2")
        street.start_gateway()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"area = 1": "area = one"}, ["valid TOML 1.0"]),
        (
            {
                "area = 1": 'area = "one"',
                'chain_id = "tw-test"': "",
                "baud = 115200": "baud = 115200\nbauds = 9600",
            },
            ["gateway.area", "ledger.chain_id", "bus[0].bauds"],
        ),
    ],
    ids=["no TOML", "text, a gap, a word too many"],
)
def test_a_gateway_does_not_start_on_a_file_with_gaps_or_text(street, tmp_path, changes, said):
    text = (street.folder / "gateway.toml").read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    argv = [sys.executable, "-m", "truewatt.cli", "gateway", "run", "--config", str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    for words in (str(path), *said):
        assert words in done.stderr
    assert "Traceback" not in done.stderr
