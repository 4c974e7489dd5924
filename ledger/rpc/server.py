"""The RPC server: JSON-RPC by POST /, the same methods by GET /<method>, events by /websocket.

    server = RpcServer(methods, engine, host, port)
    await server.start(); server.url; await server.stop()

Everything a caller can make grow is bounded: body, batch, nesting, calls and listeners at a time.
It has no authentication, so it listens on loopback unless told otherwise.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import WSMsgType, web

from ledger.engine.engine import Engine, TooManySubscribers
from ledger.rpc.methods import (
    INTERNAL,
    INVALID_REQUEST,
    PARSE_ERROR,
    UNKNOWN_METHOD,
    Methods,
    RpcFault,
)
from ledger.rpc.params import BadParams, Params
from ledger.rpc.shapes import NEW_BLOCK_QUERY, Json, new_block_to_json

_log = logging.getLogger("truewatt.ledger.rpc")

MAX_BODY_BYTES = 256 << 10
MAX_BATCH = 16
MAX_CALLS = 256
MAX_MESSAGE_BYTES = 16 << 10
SEND_TIMEOUT_S = 10.0
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RpcServer:
    """One listening socket; port 0 takes any free one, `url` then names it."""

    def __init__(self, methods: Methods, engine: Engine, host: str, port: int) -> None:
        self._methods, self._engine = methods, engine
        self._host, self._port = host, port
        self._calls = 0
        self._sockets: set[web.WebSocketResponse] = set()
        app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[self._bounded])
        app.router.add_post("/", self._post)
        app.router.add_get("/", self._index)
        app.router.add_get("/websocket", self._websocket)
        app.router.add_get("/{method}", self._get)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        self.url = ""

    async def start(self) -> None:
        """Listen; raises `OSError` if the address is taken."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port, backlog=128)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def stop(self) -> None:
        """Close all connections."""
        for socket in list(self._sockets):
            with suppress(Exception):
                await asyncio.wait_for(socket.close(), 1.0)
        await self._runner.cleanup()

    @web.middleware
    async def _bounded(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if self._calls >= MAX_CALLS:
            return web.json_response(
                _failure(None, RpcFault(INTERNAL, "Busy", "too many calls at a time")), status=503
            )
        self._calls += 1
        try:
            return await handler(request)
        finally:
            self._calls -= 1

    async def _index(self, request: web.Request) -> web.Response:
        return web.json_response({"methods": self._methods.names(), "events": "/websocket"})

    async def _get(self, request: web.Request) -> web.Response:
        params = dict(request.query)
        return web.json_response(self._answer(-1, request.match_info["method"], params, True))

    async def _post(self, request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.read())
        except (ValueError, RecursionError):
            fault = RpcFault(PARSE_ERROR, "Parse error", "the body is no JSON")
            return web.json_response(_failure(None, fault), status=400)
        if not isinstance(body, list):
            return web.json_response(self._request(body))
        if not 0 < len(body) <= MAX_BATCH:
            fault = RpcFault(
                INVALID_REQUEST, "Invalid request", f"a batch has 1..{MAX_BATCH} calls"
            )
            return web.json_response(_failure(None, fault), status=400)
        return web.json_response([self._request(item) for item in body])

    def _request(self, item: object) -> Json:
        identifier = item.get("id") if isinstance(item, dict) else None
        if not isinstance(identifier, int | str | None) or len(str(identifier)) > 64:
            identifier = None
        if not isinstance(item, dict) or not isinstance(item.get("method"), str):
            fault = RpcFault(INVALID_REQUEST, "Invalid request", "expected an object with a method")
            return _failure(identifier, fault)
        return self._answer(identifier, item["method"], item.get("params"), False)

    def _answer(self, identifier: object, method: str, params: object, is_uri: bool) -> Json:
        try:
            result = self._methods.call(method, Params(params, is_uri))
        except RpcFault as fault:
            return _failure(identifier, fault)
        except BadParams as error:
            return _failure(identifier, RpcFault(-32602, "Invalid params", str(error)))
        except Exception:
            _log.exception("method %.40r failed", method)
            return _failure(identifier, RpcFault(INTERNAL, "Internal error", "see the log"))
        return {"jsonrpc": "2.0", "id": identifier, "result": result}

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(
            max_msg_size=MAX_MESSAGE_BYTES, heartbeat=30.0, autoping=True, compress=False
        )
        await socket.prepare(request)
        self._sockets.add(socket)
        listener: asyncio.Task[None] | None = None
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    break
                listener = await self._message(socket, message.data, listener)
        finally:
            self._sockets.discard(socket)
            if listener is not None:
                listener.cancel()
        return socket

    async def _message(
        self, socket: web.WebSocketResponse, text: str, listener: asyncio.Task[None] | None
    ) -> asyncio.Task[None] | None:
        """Serve one message; subscribing starts the one task that sends new blocks."""
        try:
            item = json.loads(text)
        except (ValueError, RecursionError):
            await _send(socket, _failure(None, RpcFault(PARSE_ERROR, "Parse error", "no JSON")))
            return listener
        method = item.get("method") if isinstance(item, dict) else None
        if method in ("unsubscribe", "unsubscribe_all"):
            if listener is not None:
                listener.cancel()
            await _send(socket, {"jsonrpc": "2.0", "id": item.get("id"), "result": {}})
            return None
        if method != "subscribe":
            await _send(socket, self._request(item))
            return listener
        fault = _subscribe_fault(item.get("params"), listener)
        if fault is not None:
            await _send(socket, _failure(item.get("id"), fault))
            return listener
        return asyncio.create_task(self._send_blocks(socket, item.get("id")))

    async def _send_blocks(self, socket: web.WebSocketResponse, identifier: object) -> None:
        try:
            with self._engine.subscribed() as queue:
                await _send(socket, {"jsonrpc": "2.0", "id": identifier, "result": {}})
                while (stored := await queue.get()) is not None:
                    result = new_block_to_json(stored)
                    await _send(socket, {"jsonrpc": "2.0", "id": identifier, "result": result})
        except TooManySubscribers as error:
            await _send(socket, _failure(identifier, RpcFault(INTERNAL, "Busy", str(error))))
        except (TimeoutError, ConnectionError):
            pass
        # A listener that lags is cut off: it must ask for what it missed anyway.
        with suppress(Exception):
            await asyncio.wait_for(socket.close(), SEND_TIMEOUT_S)


def _subscribe_fault(params: object, listener: asyncio.Task[None] | None) -> RpcFault | None:
    asked = params.get("query") if isinstance(params, dict) else None
    if asked is None or str(asked).replace(" ", "") != NEW_BLOCK_QUERY:
        return RpcFault(UNKNOWN_METHOD, "Unknown query", f"only {NEW_BLOCK_QUERY} is served")
    if listener is not None and not listener.done():
        return RpcFault(INVALID_REQUEST, "Invalid request", "subscribed already")
    return None


async def _send(socket: web.WebSocketResponse, document: Json) -> None:
    await asyncio.wait_for(socket.send_str(json.dumps(document)), SEND_TIMEOUT_S)


def _failure(identifier: object, fault: RpcFault) -> Json:
    error = {"code": fault.code, "message": fault.message, "data": fault.data}
    return {"jsonrpc": "2.0", "id": identifier, "error": error}
