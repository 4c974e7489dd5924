"""The gateway's light node: follows the chain from genesis, believes what it verified itself.

await node.follow()                       # newest header, verified
value, height = await node.prove(key)     # a key of the state, or its proven absence
"""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

from gateway.ledger_link import (
    ClockBehindChain,
    Included,
    LedgerBehind,
    LedgerError,
    LedgerForked,
    LedgerLied,
    LedgerLink,
    LedgerUnreachable,
    LightStoreFailed,
    TrustExpired,
)
from ledger.clock import Clock
from ledger.genesis import Genesis
from ledger.light import LightBlock, LightClient, LightError, LightParams, SqliteStore
from ledger.light.errors import (
    BlockNotFound,
    ConflictingHeaders,
    HeaderExpired,
    HeaderFromFuture,
    NoTrustedBlock,
    ProviderError,
    StoreError,
)
from ledger.state.proof import StateProof, StateProofError, verify_proof
from ledger.tx import tx_id

KEPT_HEADERS = 1000
_PRUNE_EVERY = 256
_NS, _NS_PER_MS = 1_000_000_000, 1_000_000
CLOCK_SLACK_MS = 10_000


class LightNode:
    """One chain, followed through one node.

    `height` and `time_ms` are the newest verified header's. `trusted`: a height and block hash to
    begin at, for which a person vouches, instead of the genesis or of headers that are too old.
    """

    def __init__(
        self,
        link: LedgerLink,
        genesis: Genesis,
        path: Path,
        clock: Clock,
        trusting_period_s: int,
        trusted: tuple[int, bytes] | None = None,
    ) -> None:
        self._link = link
        self._genesis = genesis
        self._clock = clock
        self._store = SqliteStore(path)
        params = LightParams(chain_id=genesis.chain_id, trusting_period_ns=trusting_period_s * _NS)
        self._client = LightClient(link.blocks, self._store, params)
        self._lock = asyncio.Lock()
        self._trusted = trusted
        self._saved = 0
        self._is_behind = False
        latest = self._store.latest()
        self.height = latest.height if latest else 0
        self.time_ms = latest.header.time_ns // _NS_PER_MS if latest else 0
        self.lies = 0

    def close(self) -> None:
        """Close the store of headers."""
        self._store.close()

    async def follow(self) -> int:
        """Verify up to the node's newest header; returns its height. Raises `LedgerError`."""
        async with self._lock:
            if self._trusted is not None and self._trusted[0] > self.height:
                await self._verified(self._client.trust(*self._trusted))
            elif not self.height:
                await self._verified(self._start())
            self._note(await self._verified(self._client.sync(self._clock.unix_ns())))
        return self.height

    async def header(self, height: int) -> LightBlock:
        """The verified block header of `height`."""
        async with self._lock:
            block = await self._verified(self._client.block_at(height, self._clock.unix_ns()))
            self._note(block)
        return block

    def time_is_sound(self) -> bool:
        """False if verified blocks, or those on offer, are dated after this machine's time."""
        return not self._is_behind and self._clock.unix_ms() >= self.time_ms - CLOCK_SLACK_MS

    def seen(self) -> tuple[int, bool]:
        """(ms of the newest verified header or 0, whether those on offer are from later)."""
        return self.time_ms, self._is_behind

    def _note(self, block: LightBlock) -> None:
        self._saved += 1
        if block.height > self.height:
            self.height, self._is_behind = block.height, False
            self.time_ms = block.header.time_ns // _NS_PER_MS
        if self._saved >= _PRUNE_EVERY:
            self._saved = 0
            self._store.prune(KEPT_HEADERS)

    async def prove(self, key: bytes) -> tuple[bytes | None, int]:
        """(value, height of the state) of a key; None for an absence that is proven too."""
        least = self.height - 1
        answer = await self._link.query("/store", key, prove=True)
        # Provable, but old: a node must not bring back a board's or a key's better days.
        if answer.height < least:
            raise LedgerBehind(f"state after block {answer.height}, header {least + 1} is verified")
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
        except HeaderFromFuture as error:
            self._is_behind = True
            raise ClockBehindChain(str(error)) from error
        except NoTrustedBlock as error:
            raise LedgerError(str(error)) from error
        except ConflictingHeaders as error:
            self.lies += 1
            raise LedgerForked(str(error)) from error
        except LightError as error:
            raise self.lie(f"{type(error).__name__}: {error}") from error

    def lie(self, what: str) -> LedgerLied:
        """The named error for an answer that doesn't verify; counted."""
        self.lies += 1
        return LedgerLied(what)
