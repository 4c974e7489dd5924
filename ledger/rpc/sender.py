"""Sends one signer's transactions and waits until each is in a block.

    sender = TxSender(client, seed, chain_id)
    found = await sender.send(EnrolBody(...))          # raises TxRefused, RpcError

One sender per key and process: nonces are taken from the chain and counted up here.
"""

from __future__ import annotations

import asyncio

from ledger import keys
from ledger.contracts import registry
from ledger.contracts.bodies import Body
from ledger.contracts.errors import UsedNonce
from ledger.rpc.client import RpcClient, RpcUnreachable, TxFound
from ledger.setup import build_tx

POLL_S, TRIES = 0.05, 600


class TxRefused(Exception):
    """The ledger refused a transaction: `code` of `ledger.contracts.errors`, and its text."""

    def __init__(self, code: int, log: str) -> None:
        super().__init__(f"code {code}: {log}")
        self.code, self.log = code, log


class TxSender:
    """The transactions of one key, in order."""

    def __init__(self, client: RpcClient, seed: bytes, chain_id: str) -> None:
        self._client, self._seed, self._chain_id = client, seed, chain_id
        self._nonce = 0

    async def send(self, body: Body, *, poll_s: float = POLL_S, tries: int = TRIES) -> TxFound:
        """Send `body` and return its inclusion; `poll_s` is real time."""
        identifier = await self._broadcast(body)
        for _ in range(tries):
            found = await self._client.tx(identifier)
            if found is not None:
                if found.code:
                    raise TxRefused(found.code, found.log)
                return found
            await asyncio.sleep(poll_s)
        raise RpcUnreachable(f"transaction {identifier.hex()} is in no block after {tries} tries")

    async def _broadcast(self, body: Body) -> bytes:
        if not self._nonce:
            await self._read_nonce()
        for _ in range(2):
            self._nonce += 1
            tx = build_tx(self._seed, self._chain_id, self._nonce, body)
            answer = await self._client.broadcast_tx_sync(tx)
            if answer.code != UsedNonce.code:
                break
            await self._read_nonce()
        if answer.code:
            raise TxRefused(answer.code, answer.log)
        return answer.id

    async def _read_nonce(self) -> None:
        key = registry.NONCE + keys.address(self._seed)
        self._nonce = int.from_bytes((await self._client.abci_query("/store", key)).value, "big")
