"""Parsers of the ledger's side: blocks, proofs, genesis, queries, calls, what a node lists."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from yarl import URL

from gateway.directory import Directory
from gateway.enforce import Enforcer
from gateway.ledger_link import LedgerError, LedgerLied
from gateway.signer import open_certificate
from ledger import keys, merkle
from ledger.blocks import Block, BlockError
from ledger.blocks.jsonrpc import block_from_json
from ledger.clock import Clock
from ledger.engine.chain import Chain
from ledger.engine.engine import Engine
from ledger.engine.home import Home
from ledger.engine.query import query
from ledger.genesis import Genesis, GenesisError
from ledger.light.errors import LightError
from ledger.record_proof import ProofRefused, RecordProof, check
from ledger.rpc.client import _announced, _result
from ledger.rpc.methods import INTERNAL, Methods
from ledger.rpc.server import RpcServer
from ledger.rpc.shapes import NEW_BLOCK_QUERY
from ledger.setup import make_home, seal
from ledger.state import StateProof, StateProofError, verify_proof
from ledger.tx import tx_id
from truewatt.bench import _mutant_samples as samples
from truewatt.bench._mutant_target import Taken, Target
from wireformat import cbor, codes
from wireformat.control import Command
from wireformat.errors import WireError

ROOT = keys.public_key(samples.seed("operator"))


def targets(folder: Path) -> list[Target]:
    """All of them; a ledger's home is made in `folder` when it is first asked."""

    @cache
    def server() -> RpcServer:
        return _server(folder / "home")

    return [
        Target("state proofs", [samples.proven()[3]], _state_proof(), (StateProofError,), 6),
        Target("record proofs", _proofs(), _record_proof(), (ProofRefused,), 4, is_text=True),
        Target("genesis", _geneses(), _genesis, (GenesisError,), 3, is_text=True),
        Target("blocks", _blocks(), _block, (BlockError,), 6),
        Target("ledger queries", _queries(), _query(server), (), 4),
        Target("RPC by GET", _gets(), _get(server), (), 4, is_text=True),
        Target("RPC messages", _socket_messages(), _socket(server), (), 2, is_text=True),
        Target("RPC events", _events(), _event, (LightError,), 3, is_text=True),
        Target("open commands", _commands(), _command(), (LedgerError,), 6),
        Target("certificates", samples.certificates(), _certificate, (WireError,), 4),
    ]


# ---- proofs --------------------------------------------------------------------------------------


def _state_proof() -> Callable[[bytes], Taken]:
    root, key, value, _ = samples.proven()

    def feed(data: bytes) -> Taken:
        proof = StateProof.decode(data)
        for wrong in (value + b"\0", None):
            try:
                verify_proof(root, key, wrong, proof)
            except StateProofError:
                continue
            raise AssertionError("it proves what is not so")
        # Another encoding of the same path proves the same.
        verify_proof(root, key, value, proof)
        return "proven", False

    return feed


def _proofs() -> list[bytes]:
    """Of a record that stands in a transaction, and of one that its batch's root stands for."""
    tx = samples.transactions()[0]
    (code, data), *_ = samples.chained()
    whole = RecordProof(samples.BOARD, code, data, tx_id(tx))
    _, paths = merkle.prove([data, b"another", b"and one more"])
    batched = RecordProof(samples.BOARD, code, data, tx_id(tx), paths[0])
    return [json.dumps(proof.to_json()).encode() for proof in (whole, batched)]


def _record_proof() -> Callable[[bytes], Taken]:
    tx = samples.transactions()[0]
    genuine = {data for _, data in samples.chained()}
    answer = cbor.encode([0] * len(genuine))

    def feed(data: bytes) -> Taken:
        proof = RecordProof.from_json(_json(data, ProofRefused))
        check(proof, tx, 0, answer, samples.CHAIN)
        return "proven", proof.record not in genuine

    return feed


def _json(data: bytes, refused: type[Exception]) -> object:
    """As the command line reads a file."""
    try:
        found: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise refused(f"no JSON: {type(error).__name__}") from error
    return found


# ---- genesis and blocks --------------------------------------------------------------------------


def _geneses() -> list[bytes]:
    return [json.dumps(samples.genesis().to_json()).encode()]


def _genesis(data: bytes) -> Taken:
    Genesis.from_json(_json(data, GenesisError)).initial_changes()
    return "a genesis", False


def _blocks() -> list[bytes]:
    """Blocks of the real CometBFT."""
    recorded = json.loads((files("ledger") / "tests/golden/one_validator.json").read_text())
    return [block_from_json(one["block"]).encode() for one in recorded["blocks"][:4]]


def _block(data: bytes) -> Taken:
    block = Block.decode(data)
    if block.encode() != data:
        raise AssertionError("another encoding of the same block was taken")
    block.check()
    block.block_id()
    return "a block", False


# ---- a node's own side ---------------------------------------------------------------------------

_PATHS = ("/store", "/list", "/commands", "/certificate", "/due", "/nonesuch")
_WRONG = "see the log"


def _server(path: Path) -> RpcServer:
    make_home(path, samples.genesis(), samples.seed("validator"), samples.seed("control"))
    chain = Chain.open(Home(path))
    draft = chain.draft((), samples.NOW_MS * 1_000_000)
    chain.store(draft)
    chain.adopt(draft)
    engine = Engine(chain, Clock.starting_at(samples.NOW_MS, 1.0))
    return RpcServer(Methods(engine, chain._db), engine, "127.0.0.1", 0)


def _queries() -> list[bytes]:
    """A byte for path and proof, and the data."""
    asked = [samples.proven()[1], cbor.encode({0: b"", 1: b"\x01"}), cbor.encode({0: 1})]
    asked += [cbor.encode({0: 1}), b"", b""]
    return [
        bytes((2 * number + proof,)) + one for number, one in enumerate(asked) for proof in (0, 1)
    ]


def _query(server: Callable[[], RpcServer]) -> Callable[[bytes], Taken]:
    """It answers whatever is asked."""

    def feed(data: bytes) -> Taken:
        chain = server()._engine.chain
        head = data[0] if data else 0
        path = _PATHS[head // 2 % len(_PATHS)]
        return f"code {query(chain, chain._db, path, data[1:], bool(head & 1)).code}", False

    return feed


def _gets() -> list[bytes]:
    """Method and arguments, as in a URL."""
    tx = samples.transactions()[1].hex()
    asked = [
        "block?height=1",
        'commit?height="1"',
        "validators?height=1&page=1&per_page=30",
        'abci_query?path="/list"&data=0xa100420000&prove=false',
        'abci_query?path="/store"&data="k"&prove=true&height=0',
        f"tx?hash=0x{'ab' * 32}&prove=true",
        f"broadcast_tx_sync?tx=0x{tx}",
        "num_unconfirmed_txs?limit=1",
        "status",
    ]
    return [one.encode() for one in asked]


def _get(server: Callable[[], RpcServer]) -> Callable[[bytes], Taken]:
    def feed(data: bytes) -> Taken:
        method, _, asked = data.decode("utf-8", "replace").partition("?")
        params = dict(URL.build(path="/", query_string=asked, encoded=True).query)
        return _ended(server()._answer(-1, method, params, True)), False

    return feed


def _ended(answer: Any) -> str:
    error = answer.get("error")
    if error is None:
        return "an answer"
    if error["code"] == INTERNAL and error["data"] == _WRONG:
        raise AssertionError("a method failed")
    return f"error {error['code']}"


class _Socket:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send_str(self, text: str) -> None:
        self.sent.append(text)

    async def close(self) -> None:
        """The listener lags."""


def _socket_messages() -> list[bytes]:
    calls = [
        ("subscribe", {"query": NEW_BLOCK_QUERY}),
        ("unsubscribe", {}),
        ("block", {"height": "1"}),
        ("abci_query", {"path": "/list", "data": "a100420000", "prove": False}),
        ("broadcast_tx_sync", {"tx": "AAAA"}),
    ]
    return [
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": name, "params": params}).encode()
        for name, params in calls
    ]


def _socket(server: Callable[[], RpcServer]) -> Callable[[bytes], Taken]:
    async def one(text: str) -> list[str]:
        socket = _Socket()
        link: Any = socket
        listener = await server()._message(link, text, None)
        # One cancel is lost if it comes as a message has just gone out (`wait_for` of Python 3.11).
        while listener is not None and not listener.done():
            await asyncio.sleep(0)
            listener.cancel()
        return socket.sent

    def feed(data: bytes) -> Taken:
        sent = asyncio.run(one(data.decode("utf-8", "replace")))
        return (_ended(json.loads(sent[0])) if sent else "nothing"), False

    return feed


# ---- what a node tells ---------------------------------------------------------------------------


def _events() -> list[bytes]:
    recorded = json.loads((files("ledger") / "tests/golden/one_validator.json").read_text())
    block = recorded["blocks"][1]["block"]
    data = {"type": "tendermint/event/NewBlock", "value": {"block": block}}
    result = {"query": NEW_BLOCK_QUERY, "data": data, "events": {}}
    return [json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()]


def _event(data: bytes) -> Taken:
    return f"height {_announced(_result('subscribe', data)) > 0}", False


class _Node:
    """Names a lie."""

    def lie(self, what: str) -> LedgerLied:
        return LedgerLied(what)


def _orders() -> list[bytes]:
    """Commands under the control key."""
    orders = [
        Command(
            id=bytes((counter,)) * 8,
            counter=counter,
            target=samples.BOARD,
            asset=0,
            action=codes.CLOSE,
            value=0,
            not_before_s=samples.NOW_MS // 1000,
            expires_s=samples.NOW_MS // 1000 + 900,
            height=2,
            index=0,
        )
        for counter in (1, 2)
    ]
    return [seal(order, samples.seed("control"), samples.CHAIN) for order in orders]


def _commands() -> list[bytes]:
    """Lists of none, one and two."""
    return [cbor.encode(_orders()[:count]) for count in range(3)]


def _command() -> Callable[[bytes], Taken]:
    directory, genuine = Directory(), set(_orders())
    directory.set_control(1, samples.certificates()[0])
    none: Any = None
    node: Any = _Node()
    enforcer = Enforcer(
        node, none, none, none, directory, none, none, 1, samples.CHAIN, ROOT
    )  # fmt: skip

    def feed(data: bytes) -> Taken:
        rows = enforcer._rows(data)
        for row in rows:
            enforcer._verified(row)
        return f"{len(rows)} commands", not genuine.issuperset(rows)

    return feed


def _certificate(data: bytes) -> Taken:
    found = open_certificate(data, samples.CHAIN, ROOT)
    return f"role {found.role}", True
