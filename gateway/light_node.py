"""The gateway's light node: follows the chain from genesis, believes what it verified itself.

await node.follow()                       # newest header, verified
value, height = await node.prove(key)     # a key of the state, or its proven absence
"""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

from gateway.ledger_link import (
    Included,
    LedgerBehind,
    LedgerLied,
    LedgerLink,
    LedgerUnreachable,
    LightStoreFailed,
    TrustExpired,
)
from ledger.clock import Clock
from ledger.genesis import Genesis
from ledger.light import LightBlock, LightClient, LightError, LightParams, SqliteStore
from ledger.light.errors import BlockNotFound, HeaderExpired, ProviderError, StoreError
from ledger.state.proof import StateProof, StateProofError, verify_proof
from ledger.tx import tx_id

KEPT_HEADERS = 1000
_PRUNE_EVERY = 256
_NS = 1_000_000_000


class LightNode:
    """One chain, followed through one node. `height` is the newest verified header's."""

    def __init__(
        self,
        link: LedgerLink,
        genesis: Genesis,
        path: Path,
        clock: Clock,
        trusting_period_s: int,
    ) -> None:
        self._link = link
        self._genesis = genesis
        self._clock = clock
        self._store = SqliteStore(path)
        params = LightParams(chain_id=genesis.chain_id, trusting_period_ns=trusting_period_s * _NS)
        self._client = LightClient(link.blocks, self._store, params)
        self._lock = asyncio.Lock()
        latest = self._store.latest()
        self.height = latest.height if latest else 0
        self.lies = 0

    def close(self) -> None:
        """Close the store of headers."""
        self._store.close()

    async def follow(self) -> int:
        """Verify up to the node's newest header; returns its height. Raises `LedgerError`."""
        async with self._lock:
            if not self.height:
                await self._verified(self._start())
            block = await self._verified(self._client.sync(self._clock.unix_ns()))
        if block.height > self.height:
            self.height = block.height
            if block.height % _PRUNE_EVERY == 0:
                self._store.prune(KEPT_HEADERS)
        return self.height

    async def header(self, height: int) -> LightBlock:
        """The verified block header of `height`."""
        async with self._lock:
            return await self._verified(self._client.block_at(height, self._clock.unix_ns()))

    async def prove(self, key: bytes) -> tuple[bytes | None, int]:
        """(value, height of the state) of a key; None for an absence that is proven too."""
        answer = await self._link.query("/store", key, prove=True)
        # The state after block H is in the header of H + 1 (CometBFT data structures, AppHash).
        block = await self.header(answer.height + 1)
        try:
            proof = StateProof.decode(answer.proof)
            verify_proof(block.header.app_hash, key, answer.value, proof)
        except StateProofError as error:
            raise self.lie(f"key {key[:40]!r} after block {answer.height}: {error}") from error
        return answer.value, answer.height

    async def included(self, identifier: bytes) -> Included | None:
        """A transaction that a verified block holds, or None if the node knows none."""
        found = await self._link.transaction(identifier)
        if found is None:
            return None
        verified = await self.header(found.height)
        block = await self._link.block(found.height)
        # `block` fits its own header, so it is the true one if that header is.
        if block.header.hash() != verified.hash:
            raise self.lie(f"block {found.height} is another than its validators signed")
        if identifier not in (tx_id(data) for data in block.txs):
            raise self.lie(f"block {found.height} lacks transaction {identifier.hex()}")
        return found

    async def _start(self) -> LightBlock:
        """Trust block 1 because the genesis' validators signed it."""
        first = await self._link.blocks.light_block(1)
        if first.validators.hash() != self._genesis.validators.hash():
            raise self.lie("block 1 has other validators than the genesis")
        return await self._client.trust(1, first.hash)

    async def _verified(self, work: Awaitable[LightBlock]) -> LightBlock:
        try:
            return await work
        except BlockNotFound as error:
            raise LedgerBehind(str(error)) from error
        except ProviderError as error:
            raise LedgerUnreachable(str(error)) from error
        except StoreError as error:
            raise LightStoreFailed(str(error)) from error
        except HeaderExpired as error:
            raise TrustExpired(str(error)) from error
        except LightError as error:
            raise self.lie(f"{type(error).__name__}: {error}") from error

    def lie(self, what: str) -> LedgerLied:
        """The named error for an answer that doesn't verify; counted."""
        self.lies += 1
        return LedgerLied(what)
