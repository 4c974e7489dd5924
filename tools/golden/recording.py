"""What CometBFT's RPC says of a chain, as one JSON document: the form of the recorded vectors.

{"status": [...], "genesis": [...], "consensus_params": [...],
 "blocks": [{block_id, block, commit, validators, results}, ...], "proved_txs": [...]}
"""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

Rpc = Callable[..., Any]


def rpc_at(url: str) -> Rpc:
    """Calls to the RPC at ``url``; each returns the ``result``."""

    def call(method: str, **parameters: Any) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{url}/{method}?{query}", timeout=10) as response:
            answer = json.load(response)
        if "result" not in answer:
            raise ValueError(f"{method} {parameters}: {answer.get('error')}")
        return answer["result"]

    return call


def record_blocks(rpc: Rpc, first: int, last: int) -> list[Any]:
    """Blocks ``first`` to ``last`` with the commit, validators and results of each."""
    return [_record_block(rpc, height) for height in range(first, last + 1)]


def _record_block(rpc: Rpc, height: int) -> Any:
    block = rpc("block", height=height)
    signed_header = rpc("commit", height=height)["signed_header"]
    if signed_header["header"] != block["block"]["header"]:
        raise ValueError(f"height {height}: /commit and /block give different headers")
    results = rpc("block_results", height=height)["txs_results"]
    return {
        **block,
        "commit": signed_header["commit"],
        "validators": rpc("validators", height=height, per_page=100),
        "results": [without_events(result) for result in results] if results else None,
    }


def record(rpc: Rpc, heights: int) -> Any:
    """Everything of heights 1 to ``heights``."""
    blocks = record_blocks(rpc, 1, heights)
    return {
        "status": [rpc("status")],
        "genesis": [rpc("genesis")],
        "consensus_params": [rpc("consensus_params", height=1)],
        "blocks": blocks,
        "proved_txs": _proved_txs(rpc, blocks),
    }


def _proved_txs(rpc: Rpc, blocks: list[Any]) -> list[Any]:
    """``/tx`` with proof for every transaction of the recorded blocks."""
    found = []
    for block in blocks:
        if block["results"]:
            query = f'"tx.height={block["block"]["header"]["height"]}"'
            found += rpc("tx_search", query=query, prove="true", per_page=100)["txs"]
    return [{**tx, "tx_result": without_events(tx["tx_result"])} for tx in found]


def without_events(result: Any) -> Any:
    """Events are bulky, and nothing in consensus depends on them."""
    return {key: value for key, value in result.items() if key != "events"}


def dump(document: Any) -> str:
    """JSON with one line for each element of the top-level arrays, so that a change shows."""
    lines = []
    for key, value in document.items():
        if isinstance(value, list):
            body = ",\n".join(json.dumps(x, separators=(",", ":")) for x in value)
            lines.append(f"{json.dumps(key)}:[\n{body}\n]")
        else:
            lines.append(f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}")
    return "{" + ",\n".join(lines) + "}\n"
