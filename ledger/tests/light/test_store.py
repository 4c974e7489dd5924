"""The light store: durable, refuses contradictions, notices damage."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ledger.blocks import BlockError
from ledger.light import SqliteStore, errors
from ledger.tests.chain_builder import ChainBuilder, grown_chain
from ledger.tests.golden import RECORDINGS, recorded_chain


@pytest.mark.parametrize("name", RECORDINGS)
def test_blocks_come_back_as_they_were(tmp_path: Path, name: str) -> None:
    chain = recorded_chain(name)
    with SqliteStore(tmp_path / "light.db") as store:
        assert store.latest() is None
        for block in reversed(chain):
            store.save(block)
            store.save(block)
    with SqliteStore(tmp_path / "light.db") as store:
        assert [store.at(block.height) for block in chain] == chain
        assert store.latest() == chain[-1]
        assert store.lowest_above(3) == chain[3]
        assert store.lowest_above(len(chain)) is None
        assert store.at(99) is None


def test_a_second_block_of_one_height_is_a_conflict(tmp_path: Path) -> None:
    fork = ChainBuilder([[1]], app_hash=b"\x01" * 32)
    with SqliteStore(tmp_path / "light.db") as store:
        store.save(grown_chain(1)[0])
        with pytest.raises(errors.ConflictingHeaders):
            store.save(fork.grow())
        assert store.latest() == grown_chain(1)[0]


def test_pruning_keeps_the_newest(tmp_path: Path) -> None:
    chain = recorded_chain("one_validator")
    with SqliteStore(tmp_path / "light.db") as store:
        for block in chain:
            store.save(block)
        store.prune(keep=2)
        assert store.lowest_above(0) == chain[-2]
        assert store.latest() == chain[-1]
        with pytest.raises(ValueError, match="keep"):
            store.prune(keep=0)
    with sqlite3.connect(tmp_path / "light.db") as db:
        used = {block.header.validators_hash for block in chain[-2:]}
        assert {row[0] for row in db.execute("SELECT hash FROM validator_sets")} == used


@pytest.mark.parametrize("column", ["hash", "header", "votes", "validators"])
def test_damage_is_noticed(tmp_path: Path, column: str) -> None:
    path = tmp_path / "light.db"
    with SqliteStore(path) as store:
        store.save(grown_chain(1)[0])
    table, name = ("validator_sets", "body") if column == "validators" else ("light_blocks", column)
    with sqlite3.connect(path) as db:
        (value,) = db.execute(f"SELECT {name} FROM {table}").fetchone()
        damaged = value[:10] + bytes([value[10] ^ 1]) + value[11:]
        db.execute(f"UPDATE {table} SET {name} = ?", (damaged,))
    with SqliteStore(path) as store, pytest.raises(errors.StoreError, match=r"light\.db: height 1"):
        store.latest()


def test_unusable_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("this is no database at all, whatever its name says" * 9)
    for path in (tmp_path / "notes.txt", tmp_path / "missing" / "light.db"):
        with pytest.raises(errors.StoreError, match=path.name):
            SqliteStore(path)


def test_a_locked_file_is_a_named_error_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "light.db"
    chain = grown_chain(2)
    with SqliteStore(path, busy_timeout_s=0.05) as store:
        store.save(chain[0])
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(errors.StoreError, match="locked"):
            store.save(chain[1])
        other.execute("ROLLBACK")
        other.close()
        store.save(chain[1])
        assert store.latest() == chain[1]


def test_error_trees_do_not_mix() -> None:
    assert not issubclass(errors.LightError, BlockError)
