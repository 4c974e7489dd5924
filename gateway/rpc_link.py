"""`LedgerLink` over CometBFT's RPC, for either engine."""

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import TypeVar

from gateway.ledger_link import (
    Answer,
    Checked,
    Included,
    LedgerRefused,
    LedgerUnreachable,
)
from ledger.blocks import Block
from ledger.light import Provider
from ledger.rpc.client import RpcClient, RpcError, RpcUnreachable

T = TypeVar("T")

_CODE_NOT_FOUND = 3
RESUBSCRIBE_WALL_S = 1.0


class RpcLink:
    """One node. New blocks are heard of by its event stream while that holds."""

    def __init__(self, url: str, timeout_s: float = 10.0) -> None:
        self._url = url
        self._client = RpcClient(url, timeout_s)
        self._news = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None

    @property
    def blocks(self) -> Provider:
        """Light blocks."""
        return self._client

    async def query(self, path: str, data: bytes, prove: bool = False) -> Answer:
        """`abci_query`; an absent key has the value None."""
        found = await self._asked(self._client.abci_query(path, data, prove))
        if found.code not in (0, _CODE_NOT_FOUND):
            raise LedgerRefused(f"{path}: code {found.code}: {found.log}", self._url)
        value = None if found.code == _CODE_NOT_FOUND else found.value
        return Answer(value, found.height, found.proof.encode() if found.proof else b"")

    async def transaction(self, identifier: bytes) -> Included | None:
        """A transaction by its SHA-256."""
        found = await self._asked(self._client.tx(identifier))
        return Included(found.height, found.code, found.data, found.log) if found else None

    async def block(self, height: int) -> Block:
        """A block."""
        return await self._asked(self._client.block(height))

    async def broadcast(self, data: bytes) -> Checked:
        """`broadcast_tx_sync`."""
        taken = await self._asked(self._client.broadcast_tx_sync(data))
        return Checked(taken.code, taken.log)

    async def new_block(self, wall_timeout_s: float) -> None:
        """Return at the next announced block, at the latest after the time-out."""
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen(), name="new blocks")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wall_timeout_s):
                await self._news.wait()
        self._news.clear()

    async def close(self) -> None:
        """Close connections."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        await self._client.close()

    async def _listen(self) -> None:
        try:
            async for _ in self._client.new_blocks():
                self._news.set()
        except RpcError:
            # Polling goes on meanwhile; whoever asks next hears what is wrong.
            await asyncio.sleep(RESUBSCRIBE_WALL_S)

    async def _asked(self, call: Awaitable[T]) -> T:
        try:
            return await call
        except RpcUnreachable as error:
            raise LedgerUnreachable(str(error), self._url) from error
        except RpcError as error:
            raise LedgerRefused(str(error), self._url) from error
