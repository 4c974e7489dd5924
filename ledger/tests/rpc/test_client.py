"""The client against a node that lies, stalls or talks nonsense: always a named error, in time."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web

from ledger.rpc.client import RpcClient, RpcError, RpcMalformed, RpcRefused, RpcUnreachable


async def _serve(answer) -> tuple[web.AppRunner, str]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    return runner, f"http://{host}:{port}"


def ask(answer, question) -> None:
    async def main() -> None:
        runner, url = await _serve(answer)
        try:
            async with RpcClient(url, timeout_s=0.5) as client:
                await question(client)
        finally:
            await runner.cleanup()

    asyncio.run(main())


def _text(body: str):
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=body)

    return answer


CALLS = [
    lambda c: c.latest(),
    lambda c: c.genesis(),
    lambda c: c.block(1),
    lambda c: c.commit(1),
    lambda c: c.validators(1),
    lambda c: c.light_block(1),
    lambda c: c.tx(bytes(32)),
    lambda c: c.broadcast_tx_sync(b"x"),
    lambda c: c.abci_query("/store", b"k", prove=True),
]
RESULTS = [
    None,
    {},
    {"sync_info": {"latest_block_height": "x"}},
    {"block": {"header": {}}},
    {"signed_header": [], "validators": 7, "total": "1"},
    {"validators": [], "total": "1"},
    {"validators": [], "total": None},
    {"response": {"code": "0"}},
    {
        "response": {
            "code": 0,
            "log": "",
            "value": None,
            "height": "1",
            "proofOps": {"ops": [{"type": "t", "key": "", "data": "/w=="}]},
        }
    },
    {"hash": "zz", "height": 1, "index": 0, "tx_result": {}, "tx": ""},
]


@pytest.mark.parametrize("call", CALLS)
def test_answers_of_any_other_shape_are_malformed(call):
    async def question(client: RpcClient) -> None:
        with pytest.raises(RpcMalformed):
            await call(client)

    bodies = ["", "7", "[]", "{}", "[" * 50_000, *(json.dumps({"result": r}) for r in RESULTS)]
    for body in bodies:
        ask(_text(body), question)


def test_an_error_is_the_nodes_refusal():
    async def question(client: RpcClient) -> None:
        with pytest.raises(RpcRefused, match="no such thing"):
            await client.status()

    ask(_text('{"error": {"code": "x", "message": "no such thing", "data": 7}}'), question)


def test_a_node_that_stalls_or_hangs_up_is_unreachable_in_time():
    async def stall(request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    async def hang_up(request: web.Request) -> web.Response:
        request.transport.close()
        return web.Response()

    async def question(client: RpcClient) -> None:
        with pytest.raises(RpcUnreachable):
            await client.status()
        with pytest.raises(RpcError):
            await anext(client.new_blocks())

    for answer in (stall, hang_up):
        ask(answer, question)


def test_events_that_are_none_end_the_stream_and_quiet_is_no_error():
    async def quiet(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        await asyncio.sleep(1.2)  # longer than the client's time-out of a call
        await socket.send_str('{"result": {}}')
        await socket.send_str('{"result": {"data": {"value": 7}}}')
        await socket.receive()
        return socket

    async def question(client: RpcClient) -> None:
        with pytest.raises(RpcMalformed):
            await anext(client.new_blocks())

    ask(quiet, question)
