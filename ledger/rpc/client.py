"""A client of CometBFT's RPC, for either engine.

    async with RpcClient(url) as client:
        await client.block(5); await client.broadcast_tx_sync(tx); await client.abci_query(...)
        async for height in client.new_blocks(): ...

It trusts nothing: what comes back is parsed strictly, and proving it is the light client's
business; `RpcClient` is also its `Provider`. Answers are bounded in size and time.

RpcError
+- RpcUnreachable      no answer: refused, timed out, cut off
+- RpcMalformed        an answer that is not CometBFT's JSON
+- RpcRefused          the node answered with an error (`code`, `data`)
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import aiohttp

from ledger.blocks import Block, BlockError, Commit, Header, Validator, ValidatorSet
from ledger.blocks.json_fields import Object, base64_text
from ledger.blocks.jsonrpc import (
    block_from_json,
    commit_from_json,
    header_from_json,
    validators_from_json,
)
from ledger.light.errors import BlockNotFound, ProviderError
from ledger.light.light_block import LightBlock
from ledger.rpc.shapes import NEW_BLOCK_QUERY
from ledger.state import StateProof, StateProofError
from ledger.state.proof import MalformedStateProof

MAX_ANSWER_BYTES = 8 << 20
"""Several times a full block's JSON; a gateway's memory must hold what is parsed of it."""

DEFAULT_TIMEOUT_S = 10.0
MAX_VALIDATOR_PAGES = 100
_PER_PAGE = 100
_Json = dict[str, Any]


class RpcError(ProviderError):
    """A call that brought no usable answer."""


class RpcUnreachable(RpcError):
    """The node does not answer; try again later or ask another."""


class RpcMalformed(RpcError):
    """The node's answer is not what the method returns."""


class RpcRefused(RpcError):
    """The node answered with an error."""

    def __init__(self, method: str, code: int, data: str) -> None:
        super().__init__(f"{method}: error {code}: {data}")
        self.code, self.data = code, data


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Answer to a transaction: `code` 0 means that it waits for a block; `id` is its SHA-256."""

    code: int
    log: str
    id: bytes


@dataclass(frozen=True, slots=True)
class TxFound:
    """A transaction in a block with its result."""

    height: int
    index: int
    tx: bytes
    code: int
    data: bytes
    log: str


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """Answer to `abci_query`: state after block `height`, to be proven by header `height` + 1."""

    code: int
    log: str
    value: bytes
    height: int
    proof: StateProof | None


class RpcClient:
    """One node at `url`; use it as an async context manager."""

    def __init__(self, url: str, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self._url = url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None
        self._known: tuple[bytes, ValidatorSet] | None = None

    async def __aenter__(self) -> RpcClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(self, method: str, **params: object) -> _Json:
        """Any method with JSON-RPC arguments; returns `result`."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        try:
            async with self._open().post(self._url + "/", json=request) as response:
                body = await _read(response)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise RpcUnreachable(
                f"{self._url}: {method}: {error or type(error).__name__}"
            ) from error
        return _result(method, body)

    async def status(self) -> _Json:
        """`/status`, as it is."""
        return await self.call("status")

    async def genesis(self) -> _Json:
        """The genesis document; compare it with one that a person vouches for."""
        document = (await self.call("genesis")).get("genesis")
        if not isinstance(document, dict):
            raise RpcMalformed("genesis: no document")
        return document

    async def latest_height(self) -> int:
        """Height of the newest block, 0 before the first."""
        return (await self.latest())[0]

    async def latest(self) -> tuple[int, str]:
        """Height and time of the newest block."""
        sync = (await self.status()).get("sync_info")
        try:
            if not isinstance(sync, dict):
                raise TypeError
            return int(sync["latest_block_height"]), str(sync["latest_block_time"])
        except (LookupError, TypeError, ValueError):
            raise RpcMalformed("status: no sync_info") from None

    async def block(self, height: int | None = None) -> Block:
        """A block; the newest without a height."""
        result = await self.call("block", **_height(height))
        with _parsing("block"):
            block = block_from_json(result.get("block"))
            block.check()
            return block

    async def commit(self, height: int | None = None) -> tuple[Header, Commit]:
        """Header and votes of a height."""
        result = await self.call("commit", **_height(height))
        with _parsing("commit"):
            signed = Object(result.get("signed_header"), "signed_header", ("header", "commit"))
            header = header_from_json(signed.value("header"))
            return header, commit_from_json(signed.value("commit"))

    async def validators(self, height: int | None = None) -> ValidatorSet:
        """All validators of a height."""
        found: list[Validator] = []
        for page in range(1, MAX_VALIDATOR_PAGES + 1):
            result = await self.call(
                "validators", **_height(height), page=str(page), per_page=str(_PER_PAGE)
            )
            with _parsing("validators"):
                found += validators_from_json(result.get("validators"))
                total = int(str(result.get("total")))
                if len(found) >= total:
                    return ValidatorSet(tuple(found))
        raise RpcMalformed("validators: more than a set can hold")

    async def light_block(self, height: int) -> LightBlock:
        """What a light client verifies; raises `BlockNotFound` for heights that are not there."""
        try:
            header, commit = await self.commit(height)
            return LightBlock(header, commit, await self._validators_of(header, height))
        except RpcRefused as error:
            raise BlockNotFound(str(error)) from error

    async def _validators_of(self, header: Header, height: int) -> ValidatorSet:
        """The set that the header names by its hash; asked for if it is not the last one again."""
        if self._known is None or self._known[0] != header.validators_hash:
            found = await self.validators(height)
            self._known = (found.hash(), found)
        return self._known[1]

    async def block_results(self, height: int | None = None) -> _Json:
        """`/block_results`, as it is: unproven, for display."""
        return await self.call("block_results", **_height(height))

    async def tx(self, identifier: bytes) -> TxFound | None:
        """A transaction by its SHA-256, or None if it is in no block."""
        try:
            result = await self.call("tx", hash=base64_text(identifier))
        except RpcRefused as error:
            if "not found" in error.data:
                return None
            raise
        names = ("hash", "height", "index", "tx_result", "tx")
        with _parsing("tx"):
            fields = Object(result, "tx", names, ("proof",))
            outcome = fields.value("tx_result")
            if not isinstance(outcome, dict):
                raise ValueError("no tx_result")
            shown = {key: outcome[key] for key in ("code", "data", "log")}
            ended = Object(shown, "tx_result", ("code", "data", "log"))
            return TxFound(
                height=fields.int64("height"),
                index=fields.number("index", 1 << 32),
                tx=fields.base64("tx"),
                code=ended.number("code", 1 << 32),
                data=ended.base64("data"),
                log=ended.text("log"),
            )

    async def broadcast_tx_sync(self, tx: bytes) -> Broadcast:
        """Hand a transaction in."""
        result = await self.call("broadcast_tx_sync", tx=base64_text(tx))
        names = ("code", "data", "log", "codespace", "hash")
        with _parsing("broadcast_tx_sync"):
            fields = Object(result, "broadcast_tx_sync", names)
            return Broadcast(fields.number("code", 1 << 32), fields.text("log"), fields.hex("hash"))

    async def abci_query(self, path: str, data: bytes = b"", prove: bool = False) -> QueryAnswer:
        """A query of the state (`ledger.engine.query`)."""
        result = await self.call("abci_query", path=path, data=data.hex(), prove=prove)
        with _parsing("abci_query"):
            return _query_answer(result.get("response"))

    async def new_blocks(self) -> AsyncIterator[int]:
        """Heights of new blocks as they come; ends with `RpcUnreachable`. Heights may be missed."""
        request = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "subscribe",
            "params": {"query": NEW_BLOCK_QUERY},
        }
        try:
            async with self._open().ws_connect(
                self._url + "/websocket", max_msg_size=MAX_ANSWER_BYTES, heartbeat=30.0
            ) as socket:
                await socket.send_json(request)
                async for message in socket:
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        break
                    result = _result("subscribe", message.data)
                    if result:
                        yield _announced(result)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise RpcUnreachable(f"{self._url}: events: {error}") from error
        raise RpcUnreachable(f"{self._url}: the stream of events ended")

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self._session


class _parsing:  # noqa: N801 - reads as a word in `with`
    """Turns what strict parsing raises into `RpcMalformed`."""

    def __init__(self, method: str) -> None:
        self._method = method

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        expected = (BlockError, StateProofError, ValueError, TypeError, LookupError)
        if isinstance(error, expected):
            raise RpcMalformed(f"{self._method}: {error}") from error


def _height(height: int | None) -> dict[str, str]:
    return {} if height is None else {"height": str(height)}


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise RpcMalformed(f"answer above {MAX_ANSWER_BYTES} bytes")
    return bytes(body)


def _result(method: str, body: bytes | str) -> _Json:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RpcMalformed(f"{method}: no JSON: {error}") from error
    if not isinstance(document, dict):
        raise RpcMalformed(f"{method}: no object")
    fault = document.get("error")
    if isinstance(fault, dict):
        code = fault.get("code")
        text = f"{fault.get('message')}: {fault.get('data')}"[:500]
        raise RpcRefused(method, code if isinstance(code, int) else 0, text)
    result = document.get("result")
    if not isinstance(result, dict):
        raise RpcMalformed(f"{method}: no result")
    return result


def _query_answer(response: object) -> QueryAnswer:
    names = ("code", "log", "value", "height", "proofOps")
    if not isinstance(response, dict):
        raise ValueError("no response")
    shown = {key: response.get(key) for key in names}
    fields = Object(shown, "response", names)
    return QueryAnswer(
        code=fields.number("code", 1 << 32),
        log=fields.text("log"),
        value=fields.base64("value"),
        height=fields.int64("height"),
        proof=_proof(fields.value("proofOps")),
    )


def _proof(ops: object) -> StateProof | None:
    if ops is None:
        return None
    listed = Object(ops, "proofOps", ("ops",)).items("ops")
    if len(listed) != 1:
        raise MalformedStateProof("expected one proof operation")
    op = Object(listed[0], "proofOps.ops[0]", ("type", "key", "data"))
    return StateProof.decode(op.base64("data"))


def _announced(result: _Json) -> int:
    with _parsing("NewBlock"):
        header = result["data"]["value"]["block"]["header"]
        return header_from_json(header).height
    raise AssertionError("unreachable")


async def wait_for_tx(client: RpcClient, identifier: bytes, poll_s: float, tries: int) -> TxFound:
    """Ask for a transaction until it is in a block; raises `RpcUnreachable` when `tries` are up."""
    for _ in range(tries):
        found = await client.tx(identifier)
        if found is not None:
            return found
        await asyncio.sleep(poll_s)
    raise RpcUnreachable(f"transaction {identifier.hex()} is in no block after {tries} tries")
