"""A node that lies: a proxy before a ledger's RPC, and the lies that it can tell."""

import base64
import json
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp import web

from wireformat import cbor

Json = dict[str, Any]
Lie = Callable[[str, Json, Json], None]
"""`lie(method, params, result)` changes a result in place."""


class Withheld(Exception):
    """Raised by a lie that denies to have what was asked for."""


def truth(method: str, params: Json, result: Json) -> None:
    """Change nothing."""


class LyingNode:
    """A proxy before the real node; `lie` may change each result, `body` the bytes themselves."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.url = ""
        self.honest()

    def honest(self) -> None:
        """Pass everything on."""
        self.lie: Lie = truth
        self.body: Callable[[str, bytes], bytes] = lambda method, body: body

    async def __aenter__(self) -> "LyingNode":
        app = web.Application()
        app.router.add_post("/", self._pass_on)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._session = aiohttp.ClientSession()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _pass_on(self, request: web.Request) -> web.Response:
        asked = await request.json()
        try:
            async with self._session.post(self._url, json=asked) as response:
                answer = json.loads(await response.read())
        except aiohttp.ClientError as error:
            raise web.HTTPBadGateway(text=str(error)) from error
        if "result" in answer:
            try:
                self.lie(asked["method"], asked["params"], answer["result"])
            except Withheld as error:
                refused = {"code": -32603, "message": "Internal error", "data": str(error)}
                answer = {"jsonrpc": "2.0", "id": asked["id"], "error": refused}
        body = self.body(asked["method"], json.dumps(answer).encode())
        return web.Response(body=body, content_type="application/json")


# ---- lies about headers ----------------------------------------------------------------------


def header_lie(field: str, value: str) -> Lie:
    """Another value in each header."""

    def lie(method: str, params: Json, result: Json) -> None:
        if method == "commit":
            result["signed_header"]["header"][field] = value

    return lie


def vote_lie(method: str, params: Json, result: Json) -> None:
    """A vote that nobody signed."""
    if method == "commit":
        votes = result["signed_header"]["commit"]["signatures"]
        votes[0]["signature"] = base64.b64encode(bytes(64)).decode()


HEADER_LIES: dict[str, Lie] = {
    "app_hash": header_lie("app_hash", "AA" * 32),
    "chain_id": header_lie("chain_id", "another"),
    "time": header_lie("time", "2099-01-01T00:00:00Z"),
    "signature": vote_lie,
}


# ---- lies about values -----------------------------------------------------------------------


def value_lie(method: str, params: Json, result: Json) -> None:
    """Another value under the true proof."""
    if method == "abci_query" and result["response"]["value"]:
        raw = bytearray(base64.b64decode(result["response"]["value"]))
        raw[10] ^= 1
        result["response"]["value"] = base64.b64encode(raw).decode()


def absence_lie(method: str, params: Json, result: Json) -> None:
    """What is there, denied."""
    if method == "abci_query":
        result["response"].update(code=3, value=None)


def proof_lie(method: str, params: Json, result: Json) -> None:
    """The true value without its proof."""
    if method == "abci_query":
        result["response"]["proofOps"] = None


def height_lie(method: str, params: Json, result: Json) -> None:
    """A proof dated to another block, whose state had another root."""
    if method == "abci_query":
        result["response"]["height"] = "1"


def end_of_chain(height: int) -> Lie:
    """As if `height` were the newest block, no state were at hand and no command were open."""
    nothing = listed_commands(cbor.encode([]))

    def lie(method: str, params: Json, result: Json) -> None:
        nothing(method, params, result)
        if method == "status":
            result["sync_info"]["latest_block_height"] = str(height)
        elif method == "tx":
            raise Withheld("tx not found")
        elif int(params.get("height", 0)) > height or params.get("prove"):
            raise Withheld(f"height must be less than or equal to {height}")

    return lie


def listed_commands(rows: bytes) -> Lie:
    """`rows` (CBOR) as the open commands of every area."""

    def lie(method: str, params: Json, result: Json) -> None:
        if method == "abci_query" and params["path"] == "/commands":
            result["response"]["value"] = base64.b64encode(rows).decode()

    return lie
