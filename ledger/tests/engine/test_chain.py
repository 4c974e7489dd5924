"""The chain on disk: what it proves, what it survives, what it refuses at start and on replay."""

from __future__ import annotations

import os
import shutil
import sqlite3

import pytest

from ledger import keys, setup
from ledger.contracts import control
from ledger.contracts.objects import Intent, unpack
from ledger.engine import errors as e
from ledger.engine.chain import Chain
from ledger.engine.db import ChainDb
from ledger.engine.home import Home
from ledger.engine.query import CODE_BAD_DATA, CODE_NOT_FOUND, CODE_UNKNOWN_PATH, query
from ledger.engine.verify import verify
from ledger.state import StateProof, verify_proof
from ledger.tests.contracts.kit import CHAIN, genesis, seed_of
from ledger.tests.engine.chain_kit import Driver, filled, new_home, tamper
from ledger.tx import signature_holds
from wireformat import cbor
from wireformat.control import Certificate, Command
from wireformat.registry import open_signed


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    home = new_home(tmp_path_factory.mktemp("chain") / "home")
    driver = filled(home)
    height, root = driver.chain.height, driver.chain.current.tree.root
    driver.chain.close()
    return home, height, root


@pytest.fixture
def home(template, tmp_path):
    shutil.copytree(template[0].path, tmp_path / "home")
    return Home(tmp_path / "home")


def test_the_chain_holds_and_has_signed_commands(template):
    home, height, root = template
    found = verify(home)
    assert (found.height, found.app_hash) == (height, root)
    assert found.txs == 5
    assert found.commands >= 2


def test_a_restart_goes_on_where_it_was(home, template):
    driver = Driver(home)
    assert (driver.chain.height, driver.chain.current.tree.root) == template[1:]
    driver.block()
    driver.chain.close()
    assert verify(home).height == template[1] + 1


def test_the_first_start_needs_no_block(tmp_path):
    home = new_home(tmp_path / "home")
    for _ in range(2):
        chain = Chain.open(home)
        assert chain.height == 0
        assert chain.needs_proof
        chain.close()
    assert verify(home).height == 0


def _opened(home: Home) -> tuple[Chain, ChainDb]:
    chain = Chain.open(home)
    return chain, chain._db


def test_a_gateway_can_prove_each_command_against_a_header(home):
    driver = Driver(home)
    driver.block()  # puts the last state under a header
    chain, db = driver.chain, driver.chain._db
    commands = cbor.decode(query(chain, db, "/commands", cbor.encode({0: 1}), False).value)
    assert commands
    certificate = query(chain, db, "/certificate", cbor.encode({0: 1}), False).value
    control_key = open_signed(Certificate.CODE, certificate, CHAIN).record.public_key
    for data in commands:
        opened = open_signed(Command.CODE, data, CHAIN)
        assert signature_holds(control_key, opened.to_be_signed, opened.signature)
        command = opened.record
        answer = query(chain, db, "/store", control.INTENT + command.id, True)
        header = db.block(answer.height + 1).block.header
        proof = StateProof.decode(answer.proof)
        verify_proof(header.app_hash, control.INTENT + command.id, answer.value, proof)
        intent = unpack(Intent, answer.value)
        for name, *_ in ((f[1],) for f in Command.FIELDS):
            assert getattr(intent, name) == getattr(command, name)
    chain.close()


def test_absence_is_proven_too_and_bad_queries_have_names(home):
    chain, db = _opened(home)
    answer = query(chain, db, "/store", b"no such key", True)
    root = db.block(answer.height + 1).block.header.app_hash
    verify_proof(root, b"no such key", None, StateProof.decode(answer.proof))
    assert answer.code == CODE_NOT_FOUND
    cases = [
        ("/nothing", b"", CODE_UNKNOWN_PATH),
        ("/commands", b"", CODE_BAD_DATA),
        ("/commands", b"\xa1\x00\x20", CODE_BAD_DATA),
        ("/certificate", cbor.encode([1]), CODE_BAD_DATA),
        ("/list", cbor.encode({0: 1}), CODE_BAD_DATA),
        ("/store", bytes(2000), CODE_BAD_DATA),
    ]
    for path, data, code in cases:
        assert query(chain, db, path, data, True).code == code, path
    rows = cbor.decode(query(chain, db, "/list", cbor.encode({0: b"registry/"}), False).value)
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    after = cbor.encode({0: b"registry/", 1: rows[2][0]})
    assert cbor.decode(query(chain, db, "/list", after, False).value) == rows[3:]
    chain.close()


TAMPERINGS = [
    (
        e.WrongState,
        "UPDATE state SET value = CAST(value || x'00' AS BLOB)"
        " WHERE CAST(key AS TEXT) LIKE 'registry/device/%'",
    ),
    (e.WrongState, "DELETE FROM state WHERE CAST(key AS TEXT) LIKE 'metering/last/%'"),
    (e.WrongState, "INSERT INTO state VALUES (x'6161', x'6161')"),
    (e.WrongState, "INSERT INTO undo VALUES (x'6161', x'6161')"),
    (e.WrongCommand, "UPDATE commands SET command = CAST(substr(command, 1, 80) || x'00' AS BLOB)"),
    (e.WrongCommand, "DELETE FROM commands WHERE height = (SELECT min(height) FROM commands)"),
    (e.WrongCommand, "INSERT INTO commands VALUES (x'0102030405060708', 99, 0, x'00')"),
    (e.WrongCommand, "UPDATE commands SET id = x'0102030405060708' WHERE height = 4"),
    (e.WrongIndex, "UPDATE txs SET height = height + 1"),
    (e.WrongIndex, "DELETE FROM txs"),
    (e.WrongIndex, "INSERT INTO txs VALUES (x'00', 1, 0)"),
    (e.WrongIndex, "UPDATE blocks SET hash = x'00' WHERE height = 3"),
    (e.BrokenChain, "DELETE FROM blocks WHERE height = 3"),
    (e.BrokenChain, "UPDATE blocks SET block = x'00' WHERE height = 3"),
    (e.BrokenChain, "UPDATE blocks SET results = x'80' WHERE height = 3"),
    (e.WrongResults, "UPDATE blocks SET results = x'828080' WHERE height = 3"),
    (
        e.BrokenChain,
        "UPDATE blocks SET block = (SELECT b.block FROM blocks b WHERE b.height = 2)"
        " WHERE height = 3",
    ),
    (
        e.WrongVotes,
        'UPDATE blocks SET "commit" = (SELECT b."commit" FROM blocks b WHERE b.height = 2)'
        " WHERE height = 3",
    ),
]


@pytest.mark.parametrize(("expected", "statement"), TAMPERINGS)
def test_verify_finds_tampering_of_every_table(home, expected, statement):
    tamper(home, statement)
    with pytest.raises((expected, e.WrongAppHash)):
        verify(home)


def test_verify_finds_every_flipped_byte_of_a_block(home):
    """A byte of header, transactions or votes: whichever it is, the replay stops at or near it."""
    connection = sqlite3.connect(home.database)
    block, commit = connection.execute(
        'SELECT block, "commit" FROM blocks WHERE height = 4'
    ).fetchone()
    connection.close()
    for column, original in (("block", block), ('"commit"', commit)):
        for at in range(0, len(original), max(1, len(original) // 12)):
            changed = bytearray(original)
            changed[at] ^= 0x01
            tamper(home, f"UPDATE blocks SET {column} = ? WHERE height = 4", bytes(changed))
            with pytest.raises(e.VerifyError) as found:
                verify(home)
            assert found.value.height in (4, 5)
        tamper(home, f"UPDATE blocks SET {column} = ? WHERE height = 4", original)
    verify(home)


def test_verify_finds_a_block_that_the_authority_made_against_the_rules(home):
    """Even the right key cannot hide a state that the contracts do not lead to."""
    driver = Driver(home)
    forged = {b"registry/device/forged": b"\xa0"}
    driver.chain.current = driver.chain.current.after(driver.chain.height, forged)
    driver.block()
    driver.chain.close()
    with pytest.raises(e.VerifyError):
        verify(home)


STARTS = [
    (
        e.StateMismatch,
        "UPDATE state SET value = CAST(value || x'00' AS BLOB)"
        " WHERE CAST(key AS TEXT) LIKE 'registry/kid/%'",
    ),
    (e.StateMismatch, "INSERT INTO undo VALUES (x'6161', x'6161')"),
    (e.StateMismatch, "DELETE FROM undo WHERE 1"),
    (e.StateMismatch, "UPDATE blocks SET results = x'828080' WHERE height = 7"),
    (e.StoreCorrupt, "UPDATE blocks SET block = x'00' WHERE height > 7"),
    (e.GenesisMismatch, "UPDATE meta SET value = x'00'"),
]


@pytest.mark.parametrize(("expected", "statement"), STARTS)
def test_a_home_that_does_not_fit_its_header_is_refused(home, expected, statement):
    if "undo" in statement or "results" in statement:
        driver = Driver(home)
        height = driver.block(driver.tx("operator", _account())).current.height
        driver.chain.close()
        statement = statement.replace("= 7", f"= {height}")
    tamper(home, statement)
    with pytest.raises(expected):
        Chain.open(home)


def _account() -> setup.AccountBody:
    return setup.AccountBody(public_key=keys.public_key(seed_of("bert")), devices=[])


def test_a_foreign_genesis_a_foreign_key_and_a_second_process_are_refused(home, tmp_path):
    with home.locked(), pytest.raises(e.HomeInUse), home.locked():
        pass
    with pytest.raises(e.HomeMissing):
        Home(tmp_path / "nowhere").genesis()
    control_file = home.path / setup.CONTROL_KEY
    control_file.rename(control_file.with_suffix(".old"))
    keys.save_seed(control_file, seed_of("stranger"))
    with pytest.raises(e.KeyMismatch, match="control certificate"):
        Chain.open(home)
    validator_file = home.path / setup.VALIDATOR_KEY
    validator_file.unlink()
    keys.save_seed(validator_file, seed_of("stranger"))
    with pytest.raises(e.KeyMismatch, match="no validator"):
        Chain.open(home)
    genesis(areas=2).save(home.path / setup.GENESIS_FILE)
    with pytest.raises(e.GenesisMismatch):
        Chain.open(home)


def test_key_files_are_private_and_never_overwritten(tmp_path):
    path = tmp_path / "keys" / "a.key"
    seed = keys.create_seed(path)
    assert keys.load_seed(path) == seed
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["a.key"]
    with pytest.raises(keys.KeyFileExists):
        keys.create_seed(path)
    os.chmod(path, 0o640)
    with pytest.raises(keys.KeyFileExposed, match="0640"):
        keys.load_seed(path)
    os.chmod(path, 0o600)
    path.write_text("zz")
    with pytest.raises(keys.KeyFileMalformed):
        keys.load_seed(path)
    with pytest.raises(keys.KeyFileMissing):
        keys.load_seed(tmp_path / "b.key")


def test_a_full_disk_is_named_and_the_chain_goes_on(home):
    driver = Driver(home)
    height = driver.chain.height
    connection = driver.chain._db._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    big = [
        driver.tx("operator", setup.AccountBody(public_key=seed_of(str(n)), devices=[]))
        for n in range(60)
    ]
    draft = driver.chain.draft(big, (driver.now_ms + 1000) * 1_000_000)
    with pytest.raises(e.StoreFailed, match="full"):
        driver.chain.store(draft)
    assert driver.chain.height == height
    connection.execute("PRAGMA max_page_count = 1000000")
    driver.block(*big)
    driver.chain.close()
    assert verify(home).height == height + 1


def test_a_locked_database_is_named(home, monkeypatch):
    driver = Driver(home)
    driver.chain._db._connection.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(home.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    draft = driver.chain.draft([], (driver.now_ms + 1000) * 1_000_000)
    with pytest.raises(e.StoreFailed, match="locked"):
        driver.chain.store(draft)
    other.execute("ROLLBACK")
    driver.chain.store(draft)
    driver.chain.store(draft)  # the same one again: it is there already
    driver.chain.adopt(draft)
    driver.chain.close()
    verify(home)
