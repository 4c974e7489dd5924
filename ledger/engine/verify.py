"""Replays a whole chain from its genesis and holds everything in the database against it.

    verify(home, progress) -> Verified         # raises the first `VerifyError`, by height

For each block: it follows the one before; body, app hash and results hash are those of the header;
the authority signed it; stored results, signed commands and index are those of the replay. At the
end: the state table, the undo log, and that no row is left over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ledger.blocks import (
    ZERO_BLOCK_ID,
    Block,
    BlockError,
    Tip,
    check_next,
    last_results_hash,
)
from ledger.contracts import registry
from ledger.contracts.app import Finalized, finalize
from ledger.contracts.context import iterate
from ledger.contracts.control import INTENT_EVENT
from ledger.contracts.objects import KeyCertificate, unpack
from ledger.engine.chain import Snapshot, block_input, genesis_id
from ledger.engine.commands import command_of, may_command
from ledger.engine.db import ChainDb, SignedCommand, StoredBlock
from ledger.engine.errors import (
    BrokenChain,
    StoreCorrupt,
    WrongAppHash,
    WrongBody,
    WrongCommand,
    WrongIndex,
    WrongResults,
    WrongState,
    WrongVotes,
)
from ledger.engine.home import Home
from ledger.engine.results_codec import hashed_part
from ledger.genesis import Genesis
from ledger.light.commits import verify_commit
from ledger.light.errors import LightError
from ledger.state import MemoryState, StateTree
from ledger.tx import signature_holds, tx_id
from wireformat import codes, identity
from wireformat.control import Command
from wireformat.errors import WireError
from wireformat.registry import open_signed

Progress = Callable[[int, int], None]
"""Called with (height done, last height)."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a chain that holds consists of."""

    height: int
    block_hash: bytes
    app_hash: bytes
    txs: int
    commands: int


class _Replay:
    """The chain so far: `before` is the state without the last block, `state` with it."""

    def __init__(self, genesis: Genesis, db: ChainDb) -> None:
        self.genesis, self.db = genesis, db
        pairs = {k: v for k, v in genesis.initial_changes().items() if v is not None}
        state = MemoryState(pairs)
        self.state = Snapshot(0, state, StateTree.of(state))
        self.before = self.state
        self.last: StoredBlock | None = None
        self.places: dict[bytes, tuple[int, int]] = {}
        self.commands = 0
        self._time_s = 0

    def step(self, height: int) -> None:
        """Check the block of `height` and run it."""
        try:
            stored = self.db.block(height)
        except StoreCorrupt as error:
            raise BrokenChain(height, str(error)) from error
        if stored is None:
            raise BrokenChain(height, "the block is missing")
        _check_header(self, stored.block, height)
        _check_votes(self, stored)
        done = finalize(self.state.state, self.genesis.params, block_input(stored.block))
        if (done.results, done.events) != (stored.done.results, stored.done.events):
            raise WrongResults(height, "stored results or events are not those of the replay")
        self.before, self.state = self.state, self.state.after(height, done.changes)
        self._check_commands(height, stored.block, done)
        for position, tx in enumerate(stored.block.txs):
            self.places[tx_id(tx)] = (height, position)
        if self.db.block_hash(height) != stored.block.header.hash():
            raise WrongIndex(height, "the hash column is not the block's hash")
        self.last = stored

    def _has_lapsed_control(self, now_s: int) -> bool:
        """True if a control key is past its certificate: the authority then signs nothing."""
        certs = iterate(self.state.state, KeyCertificate, registry.CERT)
        return any(
            cert.role == codes.CONTROL and (cert.revoked_height or cert.expires_s <= now_s)
            for _, cert in certs
        )

    def _check_commands(self, height: int, block: Block, done: Finalized) -> None:
        intents = [event for event in done.all_events() if event.kind == INTENT_EVENT]
        stored = self.db.commands_at(height)
        self._time_s = block_input(block).time_ms // 1000
        if not stored and self._has_lapsed_control(self._time_s):
            return
        if [c.position for c in stored] != [event.index for event in intents]:
            raise WrongCommand(height, f"{len(stored)} commands for {len(intents)} intents")
        for event, signed in zip(intents, stored, strict=True):
            self._check_command(height, command_of(event, height), signed)
        self.commands += len(stored)

    def _check_command(self, height: int, expected: Command, signed: SignedCommand) -> None:
        try:
            opened = open_signed(Command.CODE, signed.command, self.genesis.chain_id)
        except WireError as error:
            raise WrongCommand(height, f"event {signed.position}: {error}") from error
        if opened.record != expected or signed.id != expected.id:
            raise WrongCommand(height, f"event {signed.position}: not the command of its intent")
        state = self.state.state
        data = state.get(registry.CERT + (state.get(registry.KID + opened.kid) or b""))
        cert = unpack(KeyCertificate, data) if data else None
        if cert is None or cert.role != codes.CONTROL:
            raise WrongCommand(height, f"event {signed.position}: not signed by a control key")
        if not may_command(state, identity.address(cert.public_key), self._time_s):
            raise WrongCommand(height, f"event {signed.position}: the control key had lapsed")
        if not signature_holds(cert.public_key, opened.to_be_signed, opened.signature):
            raise WrongCommand(height, f"event {signed.position}: the signature is wrong")

    def finish(self, height: int) -> None:
        """Check what the database holds beside the blocks."""
        for identifier, place in self.places.items():
            if self.db.tx_place(identifier) != place:
                raise WrongIndex(place[0], f"transaction {identifier.hex()} is not indexed there")
        counts = self.db.counts()
        if counts["txs"] != len(self.places) or counts["blocks"] != height:
            raise WrongIndex(height, "the index holds transactions or blocks that are not there")
        if counts["commands"] != self.commands:
            raise WrongCommand(height, "commands are stored for blocks that do not exist")
        if self.db.state() != dict(self.state.state.iterate(b"")):
            raise WrongState(height, "the state table is not the replayed state")
        undone = self.state.state.copy()
        undone.apply(self.db.undo())
        if dict(undone.iterate(b"")) != dict(self.before.state.iterate(b"")):
            raise WrongState(height, "the undo log does not lead to the state before")


def _check_header(replay: _Replay, block: Block, height: int) -> None:
    genesis, last, header = replay.genesis, replay.last, block.header
    root = replay.state.tree.root
    results_hash = last_results_hash(hashed_part(last.done) if last else [])
    if header.app_hash != root:
        raise WrongAppHash(height, f"app_hash is {header.app_hash.hex()}, replay {root.hex()}")
    if header.last_results_hash != results_hash:
        raise WrongResults(height, "last_results_hash is not that of the results before")
    try:
        block.check()
    except BlockError as error:
        raise WrongBody(height, str(error)) from error
    tip = Tip(
        chain_id=genesis.chain_id,
        height=height - 1,
        time_ns=last.block.header.time_ns if last else genesis.time_ns,
        block_id=last.commit.block_id if last else ZERO_BLOCK_ID,
        last_validators=genesis.validators if last else None,
        validators=genesis.validators,
        next_validators=genesis.validators,
        consensus_params=genesis.consensus_params,
        app_version=genesis.consensus_params.app_version,
        app_hash=root,
        last_results_hash=results_hash,
    )
    try:
        check_next(tip, block)
    except BlockError as error:
        raise BrokenChain(height, str(error)) from error
    if last is not None and block.last_commit != last.commit:
        raise BrokenChain(height, "last_commit is not the commit stored with the block before")


def _check_votes(replay: _Replay, stored: StoredBlock) -> None:
    header, commit = stored.block.header, stored.commit
    try:
        commit.check()
        verify_commit(
            header.chain_id,
            replay.genesis.validators,
            stored.block.block_id(),
            header.height,
            commit,
        )
    except (BlockError, LightError) as error:
        raise WrongVotes(header.height, str(error)) from error


def verify(home: Home, progress: Progress = lambda done, last: None) -> Verified:
    """Check everything; raises `VerifyError`, `StoreFailed`, `HomeError` or `GenesisError`."""
    genesis = home.genesis()
    db = ChainDb.open(home.database, genesis_id(genesis), readonly=True)
    try:
        with db.frozen():
            replay, height = _Replay(genesis, db), db.height()
            for number in range(1, height + 1):
                replay.step(number)
                progress(number, height)
            replay.finish(height)
    finally:
        db.close()
    last = replay.last
    return Verified(
        height,
        last.block.header.hash() if last else b"",
        replay.state.tree.root,
        len(replay.places),
        replay.commands,
    )
