"""A real home on disk with a chain that holds a bit of everything."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ledger import keys, setup
from ledger.contracts import control, registry
from ledger.engine.chain import Chain
from ledger.engine.home import Home
from ledger.tests.contracts.kit import CHAIN, START_MS, Board, genesis, seed_of
from wireformat import codes


def new_home(path: Path) -> Home:
    setup.make_home(path, genesis(), seed_of("validator"), seed_of("control"))
    return Home(path)


class Driver:
    """Makes blocks without an event loop; each is signed `step_s` after the one before."""

    def __init__(self, home: Home) -> None:
        self.home, self.chain = home, Chain.open(home)
        self.now_ms = max(START_MS, self.chain.last_vote_ns // 1_000_000)
        self.nonces: dict[str, int] = {}

    def block(self, *txs: bytes, step_s: int = 1):
        self.now_ms += step_s * 1000
        draft = self.chain.draft(txs, self.now_ms * 1_000_000)
        self.chain.store(draft)
        self.chain.adopt(draft)
        return draft

    def tx(self, signer: str, body) -> bytes:
        address = keys.address(seed_of(signer))
        used = registry.last_nonce(self.chain.current.state, address)
        self.nonces[signer] = max(self.nonces.get(signer, 0), used) + 1
        return setup.build_tx(seed_of(signer), CHAIN, self.nonces[signer], body)


def filled(home: Home) -> Driver:
    """Enrolment, an account, preferences, commands, readings, an outcome, a refused transaction."""
    d, board = Driver(home), Board("m1")
    d.block()
    enrol = setup.EnrolBody(enrolment=board.enrolment(), area=1, section=b"")
    d.block(d.tx("installer", enrol))
    account = setup.AccountBody(
        public_key=keys.public_key(seed_of("anna")), devices=[board.address]
    )
    d.block(d.tx("operator", account))
    wishes = setup.PreferencesBody(
        device=board.address, asset=0, price_limit=245_000, energy=codes.GRID, priority=1,
        run_s=0, deadline_s=0, period_s=86_400, min_on_s=0, min_off_s=0, rated_w=0,
    )  # fmt: skip
    d.block(d.tx("anna", wishes), d.tx("anna", enrol))
    (intent,) = control.open_intents(d.chain.current.state, 1)
    readings = [board.reading(load_wh=60) for _ in range(4)]
    records = [*readings, board.outcome(intent)]
    d.block(d.tx("gateway", setup.RecordsBody(records=records)), step_s=60)
    d.block(step_s=300)
    d.block(step_s=300)
    d.block()
    return d


def tamper(home: Home, statement: str, *values: object) -> None:
    connection = sqlite3.connect(home.database)
    with connection:
        changed = connection.execute(statement, values).rowcount
    connection.close()
    assert changed, "the tampering changed nothing"
