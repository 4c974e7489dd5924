"""Server and client over a real socket: the good path, events, and everything hostile."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
import pytest

from ledger import keys, setup
from ledger.blocks.json_fields import base64_text
from ledger.blocks.jsonrpc import block_from_json
from ledger.clock import Clock
from ledger.contracts import errors, registry
from ledger.engine import mempool
from ledger.engine.chain import Chain, genesis_id
from ledger.engine.db import ChainDb
from ledger.engine.engine import Engine
from ledger.engine.errors import StoreFailed
from ledger.engine.mempool import Mempool, MempoolFull
from ledger.engine.query import CODE_NOT_FOUND
from ledger.engine.verify import verify
from ledger.genesis import Genesis
from ledger.light.errors import BlockNotFound
from ledger.rpc.client import RpcClient, RpcRefused, RpcUnreachable, wait_for_tx
from ledger.rpc.methods import Methods
from ledger.rpc.sender import TxRefused, TxSender
from ledger.rpc.server import MAX_BATCH, RpcServer
from ledger.state import verify_proof
from ledger.tests.contracts.kit import CHAIN, START_MS, Board, World, seed_of
from ledger.tests.engine.chain_kit import new_home
from wireformat import cbor

SPEED = 200


@asynccontextmanager
async def running(path):
    home = new_home(path / "home")
    chain = Chain.open(home)
    engine = Engine(chain, Clock.starting_at(START_MS + 60_000, SPEED))
    reader = ChainDb.open(home.database, genesis_id(chain.genesis), readonly=True)
    server = RpcServer(Methods(engine, reader), engine, "127.0.0.1", 0)
    await server.start()
    making = asyncio.create_task(engine.run())
    try:
        async with RpcClient(server.url) as client:
            while await client.latest_height() < 1:
                await asyncio.sleep(0.01)
            yield client, server.url, engine
    finally:
        engine.stop()
        await making
        await server.stop()
        reader.close()
        chain.close()
    verify(home)


def run(path, scenario) -> None:
    async def main() -> None:
        async with running(path) as (client, url, engine):
            await asyncio.wait_for(scenario(client, url, engine), 30)

    asyncio.run(main())


def account(name: str, nonce: int) -> bytes:
    body = setup.AccountBody(public_key=keys.public_key(seed_of(name)), devices=[])
    return setup.build_tx(seed_of("operator"), CHAIN, nonce, body)


def test_a_transaction_goes_in_and_its_effect_is_proven(tmp_path):
    async def scenario(client, url, engine):
        sent = await client.broadcast_tx_sync(account("anna", 1))
        assert (sent.code, sent.log) == (0, "")
        again = await client.broadcast_tx_sync(account("anna", 1))
        assert again.code in (0, errors.UsedNonce.code)
        found = await wait_for_tx(client, sent.id, 0.01, 500)
        assert (found.code, found.tx) == (0, account("anna", 1))
        while await client.latest_height() <= found.height:
            await asyncio.sleep(0.01)
        key = registry.ACCOUNT + keys.address(seed_of("anna"))
        answer = await client.abci_query("/store", key, prove=True)
        light = await client.light_block(answer.height + 1)
        light.check(CHAIN)
        verify_proof(light.header.app_hash, key, answer.value, answer.proof)
        absent = await client.abci_query("/store", b"nothing", prove=True)
        assert absent.code == CODE_NOT_FOUND
        light = await client.light_block(absent.height + 1)
        verify_proof(light.header.app_hash, b"nothing", None, absent.proof)
        block = await client.block(found.height)
        assert block.txs[found.index] == found.tx
        results = await client.block_results(found.height)
        assert results["txs_results"][0]["events"][0]["type"] == "registry/account"
        proven = await client.call("tx", hash=base64_text(sent.id), prove=True)
        assert proven["proof"]["root_hash"] == block.header.data_hash.hex().upper()

    run(tmp_path, scenario)


def test_all_of_genesis_and_validators_can_be_read(tmp_path):
    async def scenario(client, url, engine):
        assert Genesis.from_json(await client.genesis()) == engine.chain.genesis
        assert await client.validators(1) == engine.chain.genesis.validators
        info = (await client.call("abci_info"))["response"]
        assert int(info["last_block_height"]) >= 1
        assert (await client.call("health")) == {}
        with pytest.raises(BlockNotFound):
            await client.light_block(10_000)
        assert await client.tx(bytes(32)) is None

    run(tmp_path, scenario)


def test_new_blocks_are_announced(tmp_path):
    async def scenario(client, url, engine):
        heights: list[int] = []

        async def listen():
            async for height in client.new_blocks():
                heights.append(height)

        listening = asyncio.create_task(listen())
        for nonce in range(1, 4):
            await asyncio.sleep(0.1)
            await client.broadcast_tx_sync(account(f"u{nonce}", nonce))
        while len(heights) < 4:
            await asyncio.sleep(0.01)
        listening.cancel()
        assert heights == list(range(heights[0], heights[0] + len(heights)))

    run(tmp_path, scenario)


def test_a_subscriber_learns_that_the_node_went_away(tmp_path):
    async def main():
        async with running(tmp_path) as (client, url, engine):
            stream = client.new_blocks()
            await anext(stream)
            engine.stop()
            with pytest.raises(RpcUnreachable):
                await _exhaust(stream)
        async with RpcClient(url) as late:
            with pytest.raises(RpcUnreachable):
                await late.status()

    asyncio.run(main())


async def _exhaust(stream) -> None:
    async for _ in stream:
        pass


GETS = [
    ("/status", None),
    ("/block?height=1", None),
    ('/block?height="1"', None),
    ("/commit", None),
    ("/validators?page=1", None),
    ("/", None),
    ('/abci_query?path="/store"&data=0x00ff&prove=true', None),
    ('/abci_query?path="/store"&data="abc"', None),
    ("/nonsense", "Method not found"),
    ("/block?height=-1", "height"),
    ("/block?height=0x1", "height"),
    ("/block?height=99999999999999999999999", "height"),
    ("/block?height=100000", "must be in"),
    ("/block?colour=red", "no argument 'colour'"),
    ("/validators?page=9", "no page 9"),
    ("/tx?hash=0xzz", "hash"),
    ("/tx", "hash"),
    ("/tx?hash=0x00", "not found"),
    ('/abci_query?path="/store"&prove=maybe', "prove"),
    ('/abci_query?path="/store"&data=0x00&height=99', "height: only"),
    ("/abci_query?path=" + "x" * 300, "path"),
    ('/broadcast_tx_sync?tx="junk"', None),
]
POSTS = [
    (b"", 400),
    (b"\xff\xfe", 400),
    (b"{", 400),
    (b"[" * 100_000, 400),
    (b"[]", 400),
    (json.dumps([{"method": "health"}] * (MAX_BATCH + 1)).encode(), 400),
    (b"7", 200),
    (b'{"method": 7}', 200),
    (b'{"method": "block", "params": [1]}', 200),
    (b'{"method": "block", "params": {"height": true}}', 200),
    (b'{"method": "block", "params": {"height": 1e999}}', 200),
    (b'{"method": "block", "params": {"height": {"a": 1}}}', 200),
    (b'{"method": "abci_query", "params": {"path": ["/store"], "data": "zz"}}', 200),
    (b'{"method": "broadcast_tx_sync", "params": {"tx": "!!!"}}', 200),
    (b'{"method": "broadcast_tx_sync", "params": {"tx": 7}}', 200),
    (b'{"id": {"x": []}, "method": "__init__"}', 200),
    (b"x" * 300_000, 413),
]


def test_bad_calls_get_named_errors_and_the_node_lives(tmp_path):
    async def scenario(client, url, engine):
        async with aiohttp.ClientSession() as web:
            for path, expected in GETS:
                async with web.get(url + path) as response:
                    document = await response.json()
                assert response.status == 200, path
                if expected is None:
                    assert "error" not in document, (path, document)
                else:
                    assert expected in json.dumps(document["error"]).replace('\\"', '"'), path
            for body, status in POSTS:
                async with web.post(url + "/", data=body) as response:
                    text = await response.text()
                assert response.status == status, body[:60]
                assert status == 413 or "error" in json.loads(text), body[:60]
            batch = [{"id": n, "method": "health"} for n in range(MAX_BATCH)]
            async with web.post(url + "/", json=batch) as response:
                assert [item["id"] for item in await response.json()] == list(range(MAX_BATCH))
        assert (await client.status())["node_info"]["network"] == CHAIN

    run(tmp_path, scenario)


def test_junk_on_the_websocket_is_answered_and_bounded(tmp_path):
    async def scenario(client, url, engine):
        subscribe = {"id": 1, "method": "subscribe", "params": {"query": "tm.event='NewBlock'"}}
        async with aiohttp.ClientSession() as web, web.ws_connect(url + "/websocket") as socket:
            for text in ("junk", "[" * 5000, "7", json.dumps({"method": "subscribe"})):
                await socket.send_str(text)
                assert "error" in await socket.receive_json()
            await socket.send_json({"id": 5, "method": "status"})
            assert (await socket.receive_json())["result"]["node_info"]
            await socket.send_json(subscribe)
            assert (await socket.receive_json())["result"] == {}
            await socket.send_json(subscribe)
            documents = [await socket.receive_json()]
            while "error" not in documents[-1]:
                documents.append(await socket.receive_json())
            assert "subscribed already" in documents[-1]["error"]["data"]
            await client.broadcast_tx_sync(account("anna", 1))
            event = await socket.receive_json()
            block = block_from_json(event["result"]["data"]["value"]["block"])
            block.check()
            await socket.send_str("x" * 100_000)
            async for _ in socket:
                pass
            assert socket.closed

    run(tmp_path, scenario)


def test_refused_transactions_say_why(tmp_path):
    async def scenario(client, url, engine):
        cases = {
            b"junk": errors.NotATransaction,
            setup.build_tx(seed_of("x"), CHAIN, 1, _body()): errors.UnknownSigner,
            setup.build_tx(seed_of("operator"), "elsewhere", 1, _body()): errors.WrongSignature,
        }
        for data, expected in cases.items():
            answer = await client.broadcast_tx_sync(data)
            assert answer.code == expected.code
            assert answer.log.startswith(expected.__name__)
        with pytest.raises(RpcRefused):
            await client.call("abci_query", path="/store", data="xyz")

    run(tmp_path, scenario)


def _body() -> setup.RevokeBody:
    return setup.RevokeBody(address=bytes(20), why="x")


def test_the_mempool_is_bounded_and_keeps_each_signers_order(monkeypatch):
    world = World()
    pool = Mempool(CHAIN)
    now_s = START_MS // 1000
    txs = [account(f"u{nonce}", nonce) for nonce in range(1, 101)]
    assert all(pool.add(world.state, tx, now_s) for tx in txs)
    assert not pool.add(world.state, txs[0], now_s)
    with pytest.raises(MempoolFull, match="of this signer"):
        pool.add(world.state, account("one more", 101), now_s)
    others = world.tx("gateway", _body())
    assert pool.add(world.state, others, now_s)
    monkeypatch.setattr(mempool, "MAX_TXS", len(pool))
    with pytest.raises(MempoolFull):
        pool.add(world.state, world.tx("installer", _body()), now_s)
    assert pool.peek() == txs
    pool.remove(txs[:30])
    with pytest.raises(errors.UsedNonce, match="which waits"):
        pool.add(world.state, account("late", 5), now_s)
    assert pool.add(world.state, account("one more", 101), now_s)
    assert pool.peek() == [*txs[30:], others, account("one more", 101)]


@pytest.mark.parametrize("was_committed", [False, True])
def test_a_database_that_fails_or_lies_about_it_forks_nothing(tmp_path, monkeypatch, was_committed):
    async def scenario(client, url, engine):
        real, failures = engine.chain._db.save, []

        def failing(*args):
            if was_committed:
                real(*args)
            failures.append(args)
            monkeypatch.setattr(engine.chain._db, "save", real)
            raise StoreFailed("disk full")

        monkeypatch.setattr(engine.chain._db, "save", failing)
        sender = TxSender(client, seed_of("operator"), CHAIN)
        for name in ("anna", "bert"):
            body = setup.AccountBody(public_key=keys.public_key(seed_of(name)), devices=[])
            await sender.send(body, poll_s=0.01)
        assert len(failures) == 1

    run(tmp_path, scenario)


def test_a_sender_finds_its_nonce_and_says_why_it_was_refused(tmp_path):
    async def scenario(client, url, engine):
        for _ in range(2):  # the second one starts anew, as after a restart
            sender = TxSender(client, seed_of("operator"), CHAIN)
            for name in ("anna", "bert"):
                body = setup.AccountBody(public_key=keys.public_key(seed_of(name)), devices=[])
                assert (await sender.send(body, poll_s=0.01)).code == 0
            with pytest.raises(TxRefused, match="UnknownAddress"):
                await sender.send(_body(), poll_s=0.01)

    run(tmp_path, scenario)


def test_many_records_from_a_gateway_go_through_the_whole_stack(tmp_path):
    async def scenario(client, url, engine):
        board = Board("m1")
        enrol = setup.EnrolBody(enrolment=board.enrolment(), area=1, section=b"")
        first = setup.build_tx(seed_of("installer"), CHAIN, 1, enrol)
        await wait_for_tx(client, (await client.broadcast_tx_sync(first)).id, 0.01, 500)
        board.now_s = engine.clock.unix_ms() // 1000 - 3600
        for nonce in range(1, 4):
            batch = setup.RecordsBody(records=[board.reading() for _ in range(20)])
            tx = setup.build_tx(seed_of("gateway"), CHAIN, nonce, batch)
            sent = await client.broadcast_tx_sync(tx)
            found = await wait_for_tx(client, sent.id, 0.01, 500)
            assert (found.code, found.data) == (0, cbor.encode([0] * 20))

    run(tmp_path, scenario)
