"""`truewatt ledger status|block|tx`, from a home's database (read only) or from a running node."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ledger.blocks.json_fields import base64_text, hex_text
from ledger.blocks.jsonrpc import block_id_to_json, block_to_json
from ledger.blocks.times import format_rfc3339
from ledger.contracts import control, metering, registry
from ledger.contracts.objects import INTENT_STATUS, Intent, unpack
from ledger.engine.chain import genesis_id
from ledger.engine.db import ChainDb, StoredBlock
from ledger.engine.home import Home
from ledger.rpc.client import RpcClient, RpcRefused
from ledger.rpc.shapes import block_results_to_json, tx_result_to_json
from ledger.state import MemoryState, StateTree

_Json = dict[str, Any]
_ID = re.compile(r"[0-9a-fA-F]{64}")


class NothingToShow(LookupError):
    """What was asked for is not on the chain."""


def status(home: Path | None, rpc: str | None) -> int:
    """Print the tip of the chain; offline also what the state holds."""
    if home is None:
        return _print(_remote(rpc, lambda client: client.call("status")))
    genesis = Home(home).genesis()
    db = _open(home)
    try:
        with db.frozen():
            stored, state, counts = db.block(db.height()), MemoryState(db.state()), db.counts()
    finally:
        db.close()
    return _print(
        {
            "chain_id": genesis.chain_id,
            "operator_root": genesis.params.operator_root.hex(),
            **_tip(stored),
            "state_root": StateTree.of(state).root.hex(),
            **counts,
            "boards": _count(state, registry.DEVICE),
            "frozen_boards": _count(state, metering.EVIDENCE),
            "intents": _intents(state),
        }
    )


def _tip(stored: StoredBlock | None) -> _Json:
    if stored is None:
        return {"height": 0}
    header = stored.block.header
    return {
        "height": header.height,
        "block_hash": header.hash().hex(),
        "app_hash": header.app_hash.hex(),
        "time": format_rfc3339(header.time_ns),
    }


def _count(state: MemoryState, prefix: bytes) -> int:
    return sum(1 for _ in state.iterate(prefix))


def _intents(state: MemoryState) -> dict[str, int]:
    ends = [unpack(Intent, data).status for _, data in state.iterate(control.INTENT)]
    return {name: ends.count(number) for number, name in INTENT_STATUS.items()}


def block(home: Path | None, rpc: str | None, height: int | None) -> int:
    """Print one block with results and events."""
    if home is None:
        asked = {} if height is None else {"height": str(height)}

        async def ask(client: RpcClient) -> _Json:
            found = await client.call("block", **asked)
            return {**found, "results": await client.call("block_results", **asked)}

        return _print(_remote(rpc, ask))
    db = _open(home)
    try:
        with db.frozen():
            number = db.height() if height is None else height
            stored, following = db.block(number), db.block(number + 1)
            root = following.block.header.app_hash if following else _root(db)
    finally:
        db.close()
    if stored is None:
        raise NothingToShow(f"there is no block {number}")
    return _print(
        {
            "block_id": block_id_to_json(stored.commit.block_id),
            "block": block_to_json(stored.block),
            "results": block_results_to_json(stored, root),
        }
    )


def _root(db: ChainDb) -> bytes:
    return StateTree.of(MemoryState(db.state())).root


def tx(home: Path | None, rpc: str | None, identifier: str) -> int:
    """Print one transaction with its result."""
    if not _ID.fullmatch(identifier):
        raise NothingToShow(f"{identifier!r}: a transaction's id has 64 hex digits")
    raw = bytes.fromhex(identifier)
    if home is None:
        return _print(_remote(rpc, lambda client: client.call("tx", hash=base64_text(raw))))
    db = _open(home)
    try:
        place = db.tx_place(raw)
        stored = db.block(place[0]) if place else None
    finally:
        db.close()
    if place is None or stored is None:
        raise NothingToShow(f"transaction {identifier} is in no block")
    return _print(
        {
            "hash": hex_text(raw),
            "height": str(place[0]),
            "index": place[1],
            "tx_result": tx_result_to_json(stored.done.results[place[1]]),
            "tx": base64_text(stored.block.txs[place[1]]),
        }
    )


def _open(home: Path) -> ChainDb:
    folder = Home(home)
    return ChainDb.open(folder.database, genesis_id(folder.genesis()), readonly=True)


def _remote(rpc: str | None, ask: Callable[[RpcClient], Awaitable[_Json]]) -> _Json:
    async def run() -> _Json:
        async with RpcClient(rpc or "") as client:
            return await ask(client)

    try:
        return asyncio.run(run())
    except RpcRefused as error:
        raise NothingToShow(str(error)) from error


def _print(document: _Json) -> int:
    print(json.dumps(document, indent=2))
    return 0
