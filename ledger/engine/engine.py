"""The engine at work: takes transactions, makes blocks when `schedule` says so, tells subscribers.

    engine = Engine(Chain.open(home), clock)
    await engine.run()                    # until `engine.stop()`
    engine.submit(tx) -> Submitted        # from the same event loop

Blocks are computed and written in one worker thread; what others see changes on the loop alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from ledger.clock import Clock
from ledger.contracts.errors import ContractError
from ledger.engine.chain import Chain, Draft
from ledger.engine.clock_guard import ClockGuard
from ledger.engine.db import StoredBlock
from ledger.engine.errors import StoreFailed
from ledger.engine.mempool import Mempool
from ledger.engine.schedule import (
    MIN_STEP_MS,
    MIN_STEP_WALL_S,
    PROOF_STEP_MS,
    Situation,
    plan,
)
from ledger.tx import tx_id

_log = logging.getLogger("truewatt.ledger")

MAX_QUEUED_BLOCKS = 64
MAX_SUBSCRIBERS = 64
RETRY_S = 1.0
_MAX_WAIT_S = 3600.0
_NS_PER_MS, _NS_PER_S = 1_000_000, 1_000_000_000


@dataclass(frozen=True, slots=True)
class Submitted:
    """Answer to a transaction: `code` 0 means that it waits for a block."""

    code: int
    log: str
    id: bytes


class TooManySubscribers(Exception):
    """No more listeners for new blocks are taken."""


class Engine:
    """One chain, run by one event loop."""

    def __init__(self, chain: Chain, clock: Clock) -> None:
        self.chain = chain
        self.clock = clock
        self.guard = ClockGuard(clock)
        self.mempool = Mempool(chain.genesis.chain_id)
        self._wake = asyncio.Event()
        self._stopping = False
        self._is_refreshed = False
        floor_ms = int(1000 * MIN_STEP_WALL_S / clock.wall(1.0))
        self._step_ms = max(MIN_STEP_MS, floor_ms)
        self._proof_step_ms = PROOF_STEP_MS if floor_ms <= MIN_STEP_MS else floor_ms
        self._unstored: Draft | None = None
        self._last_made_ms = min(chain.last_vote_ns // _NS_PER_MS, self._now_ns() // _NS_PER_MS)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="blocks")
        self._subscribers: set[asyncio.Queue[StoredBlock | None]] = set()

    def submit(self, data: bytes) -> Submitted:
        """Check a transaction and let it wait for a block."""
        try:
            now_s = self.chain.last_vote_ns // _NS_PER_S
            is_new = self.mempool.add(self.chain.current.state, data, now_s)
        except ContractError as error:
            return Submitted(error.code, f"{type(error).__name__}: {error}", tx_id(data))
        self._wake.set()
        return Submitted(0, "" if is_new else "waits already", tx_id(data))

    def stop(self) -> None:
        """Let `run` return after the block at hand."""
        self._stopping = True
        self._wake.set()

    @contextmanager
    def subscribed(self) -> Iterator[asyncio.Queue[StoredBlock | None]]:
        """A queue of new blocks; None ends it, also for a reader that lags too far behind."""
        if len(self._subscribers) >= MAX_SUBSCRIBERS:
            raise TooManySubscribers(f"{MAX_SUBSCRIBERS} listeners are there already")
        queue: asyncio.Queue[StoredBlock | None] = asyncio.Queue(MAX_QUEUED_BLOCKS)
        self._subscribers.add(queue)
        try:
            yield queue
        finally:
            self._subscribers.discard(queue)

    async def run(self) -> None:
        """Make blocks until `stop`."""
        try:
            while not self._stopping:
                self._wake.clear()
                now = self._situation()
                next_block = plan(now)
                if next_block.at_ms > now.now_ms:
                    await self._wait(next_block.at_ms - now.now_ms)
                else:
                    await self._make_block(next_block.with_txs)
        finally:
            self._worker.shutdown(wait=True)
            for queue in self._subscribers:
                _end(queue)

    def _situation(self) -> Situation:
        chain, now_ms = self.chain, self._now_ns() // _NS_PER_MS
        # A clock that was set back must not hold the next block up until it has caught up.
        self._last_made_ms = min(self._last_made_ms, now_ms)
        return Situation(
            now_ms=now_ms,
            last_made_ms=self._last_made_ms if chain.last else 0,
            last_vote_ms=chain.last_vote_ns // _NS_PER_MS if chain.last else 0,
            due_ms=chain.due_ms(),
            needs_proof=chain.needs_proof,
            has_txs=len(self.mempool) > 0,
            is_refreshed=self._is_refreshed,
            has_orders=chain.has_orders,
            step_ms=self._step_ms,
            proof_step_ms=self._proof_step_ms,
        )

    def _now_ns(self) -> int:
        return self.guard.unix_ns(self.chain.last_vote_ns)

    async def _wait(self, sim_ms: int) -> None:
        wall_s = min(self.clock.wall(sim_ms / 1000), _MAX_WAIT_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), wall_s)

    async def _make_block(self, with_txs: bool) -> None:
        txs = self.mempool.peek() if with_txs else []
        loop = asyncio.get_running_loop()
        try:
            draft = await loop.run_in_executor(self._worker, self._draft_and_store, txs)
        except StoreFailed as error:
            _log.error("block %d not stored: %s; trying again", self.chain.height + 1, error)
            await asyncio.sleep(RETRY_S)
            return
        self.chain.adopt(draft)
        self._last_made_ms = self._now_ns() // _NS_PER_MS
        txs = list(draft.stored.block.txs)
        self._is_refreshed = not txs and len(self.mempool) > 0
        self.mempool.remove(txs)
        self._publish(draft.stored)

    def _draft_and_store(self, txs: list[bytes]) -> Draft:
        # After a failure the same draft again: SQLite may have committed what it reported as
        # failed, and another vote for that height must never exist.
        draft = self._unstored or self.chain.draft(txs, self._now_ns())
        self._unstored = draft
        self.chain.store(draft)
        self._unstored = None
        return draft

    def _publish(self, stored: StoredBlock) -> None:
        for queue in list(self._subscribers):
            if queue.full():
                self._subscribers.discard(queue)
                _end(queue)
            else:
                queue.put_nowait(stored)


def _end(queue: asyncio.Queue[StoredBlock | None]) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(None)
