"""The chain in memory: makes the next block, and adopts it once the database has it.

    chain = Chain.open(home)                          # refuses a state that is not the blocks'
    draft = chain.draft(txs, now_ns)                  # computes and signs; changes nothing
    chain.store(draft)                                # one transaction, on disk
    chain.adopt(draft)                                # now it is the tip

A draft that was never stored may be thrown away: its signature never left the process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from nacl.signing import SigningKey

from ledger import keys
from ledger.blocks import (
    EMPTY_COMMIT,
    ZERO_BLOCK_ID,
    Block,
    last_results_hash,
    make_block,
    median_time_ns,
    sign_commit,
)
from ledger.contracts.app import BlockInput, Finalized, finalize, next_due_ms
from ledger.contracts.context import Event
from ledger.contracts.control import INTENT_EVENT
from ledger.engine.commands import may_command, sign_commands
from ledger.engine.db import ChainDb, SignedCommand, StoredBlock
from ledger.engine.errors import StateMismatch, StoreCorrupt
from ledger.engine.home import Home
from ledger.engine.results_codec import hashed_part
from ledger.genesis import Genesis
from ledger.state import MemoryState, StateTree
from ledger.state.store import Changes
from wireformat import identity

NS_PER_MS, NS_PER_S = 1_000_000, 1_000_000_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state after block `height`, never changed once made; its root is in the next header."""

    height: int
    state: MemoryState
    tree: StateTree

    def after(self, height: int, changes: Changes) -> Snapshot:
        """The state after block `height`, which made `changes`."""
        if not changes:
            return Snapshot(height, self.state, self.tree)
        state, tree = self.state.copy(), self.tree.copy()
        state.apply(changes)
        tree.update(changes)
        return Snapshot(height, state, tree)


@dataclass(frozen=True, slots=True)
class Draft:
    """A block that is made and signed but not on disk yet."""

    stored: StoredBlock
    commands: list[SignedCommand]
    changes: Changes
    undo: Changes
    current: Snapshot


def genesis_id(genesis: Genesis) -> bytes:
    """What ties a database to its genesis: root of the first state, chain, time, validators."""
    parts = (
        genesis.chain_id.encode(),
        str(genesis.time_ns).encode(),
        genesis.validators.hash(),
        genesis.consensus_params.hash(),
        StateTree(_puts(genesis.initial_changes()).items()).root,
    )
    return hashlib.sha256(b"\0".join(parts)).digest()


def block_input(block: Block) -> BlockInput:
    """What the contracts see of a block."""
    header = block.header
    return BlockInput(header.chain_id, header.height, header.time_ns // NS_PER_MS, block.txs)


class Chain:
    """Tip of one chain: `last` block (None before the first), `current` and `provable` state.

    `current` is the state after the last block; `provable` the one before it, whose root the last
    header carries. Before the first block both are the genesis state.
    """

    def __init__(
        self,
        home: Home,
        genesis: Genesis,
        db: ChainDb,
        last: StoredBlock | None,
        snapshots: tuple[Snapshot, Snapshot],
    ) -> None:
        self.genesis = genesis
        self.last = last
        self.provable, self.current = snapshots
        self._due_ms: int | None = None
        self._db = db
        self._validator = SigningKey(home.validator_seed(genesis))
        self._control_seed = home.control_seed(self.current.state)
        self._control = identity.address(keys.public_key(self._control_seed))

    @classmethod
    def open(cls, home: Home) -> Chain:
        """Open the chain of a home whose lock the caller holds; makes the database at first."""
        genesis = home.genesis()
        identifier = genesis_id(genesis)
        ChainDb.create(home.database, identifier, genesis.initial_changes())
        db = ChainDb.open(home.database, identifier)
        last, provable, current = load_tip(genesis, db)
        return cls(home, genesis, db, last, (provable, current))

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    @property
    def height(self) -> int:
        """Height of the last block, 0 before the first."""
        return self.current.height

    @property
    def last_vote_ns(self) -> int:
        """When the last block was signed, which dates the next; the genesis time before any."""
        if self.last is None:
            return self.genesis.time_ns
        return median_time_ns(self.last.commit, self.genesis.validators)

    @property
    def needs_proof(self) -> bool:
        """True if the state after the last block is in no header yet."""
        return self.last is None or self.last.block.header.app_hash != self.current.tree.root

    @property
    def has_orders(self) -> bool:
        """True if the last block holds orders, proven only under the next header."""
        return self.last is not None and any(_intents(self.last.done))

    @property
    def control_notice(self) -> str:
        """Why no command is signed, or an empty string."""
        if may_command(self.current.state, self._control, self.last_vote_ns // NS_PER_S):
            return ""
        return (
            f"ControlKeyLapsed: the certificate of control key {self._control.hex()} has expired or"
            " is revoked: no command is signed. Send a certificate with a higher serial, and if it"
            " is of another key, put that into the home and restart"
        )

    def due_ms(self) -> int:
        """Block time from which the contracts have work without a transaction."""
        if self._due_ms is None:
            genesis = self.genesis
            self._due_ms = next_due_ms(self.current.state, genesis.params, genesis.chain_id)
        return self._due_ms

    def draft(self, txs: Sequence[bytes], now_ns: int) -> Draft:
        """The next block over `txs`, executed and signed."""
        genesis, last = self.genesis, self.last
        block = make_block(
            chain_id=genesis.chain_id,
            height=self.height + 1,
            time_ns=self.last_vote_ns,
            txs=txs,
            last_commit=last.commit if last else EMPTY_COMMIT,
            last_block_id=last.commit.block_id if last else ZERO_BLOCK_ID,
            validators=genesis.validators,
            next_validators=genesis.validators,
            consensus_params=genesis.consensus_params,
            app_hash=self.current.tree.root,
            last_results_hash=last_results_hash(hashed_part(last.done) if last else []),
            proposer_address=keys.address(bytes(self._validator)),
        )
        done = finalize(self.current.state, genesis.params, block_input(block))
        commit = sign_commit(block, genesis.validators, [self._validator], now_ns)
        intents = _intents(done)
        undo = {key: self.current.state.get(key) for key in done.changes}
        current = self.current.after(self.height + 1, done.changes)
        commands = []
        if may_command(current.state, self._control, block.header.time_ns // NS_PER_S):
            commands = sign_commands(intents, self._control_seed, genesis.chain_id, self.height + 1)
        return Draft(StoredBlock(block, commit, done), commands, done.changes, undo, current)

    def store(self, draft: Draft) -> None:
        """Put a draft on disk; raises `StoreFailed`, and then it is not there."""
        if self._db.block_hash(draft.current.height) == draft.stored.block.header.hash():
            return  # an earlier try was committed although SQLite reported a failure
        self._db.save(draft.stored, draft.commands, draft.changes, draft.undo)

    def adopt(self, draft: Draft) -> None:
        """Make a stored draft the tip."""
        self.last = draft.stored
        self.provable, self.current = self.current, draft.current
        self._due_ms = None


def load_tip(genesis: Genesis, db: ChainDb) -> tuple[StoredBlock | None, Snapshot, Snapshot]:
    """Last block, the state before and after it; raises `StateMismatch` if they don't fit.

    The state before must have the root that the last header carries, and running the last block
    on it must lead to the state after: so one changed byte in either is found at start.
    """
    height, state = db.height(), MemoryState(db.state())
    if not height:
        if dict(state.iterate(b"")) != _puts(genesis.initial_changes()):
            raise StateMismatch("before the first block the state must be that of the genesis")
        start = Snapshot(0, state, StateTree.of(state))
        return None, start, start
    last = db.block(height)
    if last is None:
        raise StoreCorrupt(f"block {height} cannot be found")
    before = state.copy()
    before.apply(db.undo())
    provable = Snapshot(height - 1, before, StateTree.of(before))
    app_hash = last.block.header.app_hash
    if provable.tree.root != app_hash:
        raise StateMismatch(
            f"the state before block {height} has root {provable.tree.root.hex()}, but the header"
            f" says {app_hash.hex()}: the database was changed; restore it from a backup"
        )
    done = finalize(before, genesis.params, block_input(last.block))
    current = provable.after(height, done.changes)
    if dict(current.state.iterate(b"")) != dict(state.iterate(b"")):
        raise StateMismatch(f"block {height} does not lead to the stored state: restore a backup")
    if (done.results, done.events) != (last.done.results, last.done.events):
        raise StateMismatch(f"block {height} does not give the stored results: restore a backup")
    return last, provable, current


def _intents(done: Finalized) -> list[Event]:
    return [event for event in done.all_events() if event.kind == INTENT_EVENT]


def _puts(changes: Changes) -> dict[bytes, bytes]:
    return {key: value for key, value in changes.items() if value is not None}
