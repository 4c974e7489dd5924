"""JSON of results, events and new blocks, as CometBFT v0.38 writes them."""

from __future__ import annotations

from typing import Any

from ledger.blocks.json_fields import base64_text
from ledger.blocks.jsonrpc import block_id_to_json, block_to_json
from ledger.contracts.app import TxResult
from ledger.contracts.context import Attribute, Event
from ledger.engine.db import StoredBlock

Json = dict[str, Any]
NEW_BLOCK_QUERY = "tm.event='NewBlock'"


def event_to_json(event: Event) -> Json:
    """An event; bytes become lower-case hex, `event_index` is its number in the block."""
    attributes = {"event_index": event.index, **event.attributes}
    return {
        "type": event.kind,
        "attributes": [
            {"key": key, "value": _text(value), "index": True} for key, value in attributes.items()
        ],
    }


def _text(value: Attribute) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def tx_result_to_json(result: TxResult) -> Json:
    """`ExecTxResult`."""
    return {
        "code": result.code,
        "data": base64_text(result.data) if result.data else None,
        "log": result.log,
        "info": "",
        "gas_wanted": "0",
        "gas_used": "0",
        "events": [event_to_json(event) for event in result.events],
        "codespace": "truewatt" if result.code else "",
    }


def block_results_to_json(stored: StoredBlock, app_hash: bytes) -> Json:
    """`/block_results`; `app_hash` is the state root after the block."""
    done = stored.done
    return {
        "height": str(stored.block.header.height),
        "txs_results": [tx_result_to_json(result) for result in done.results] or None,
        "finalize_block_events": [event_to_json(event) for event in done.events],
        "validator_updates": None,
        "consensus_param_updates": None,
        "app_hash": base64_text(app_hash),
    }


def new_block_to_json(stored: StoredBlock) -> Json:
    """The result that a subscriber of `NEW_BLOCK_QUERY` gets for one block."""
    events: dict[str, list[str]] = {"tm.event": ["NewBlock"]}
    for event in stored.done.events:
        for attribute in event_to_json(event)["attributes"]:
            events.setdefault(f"{event.kind}.{attribute['key']}", []).append(attribute["value"])
    value = {
        "block": block_to_json(stored.block),
        "block_id": block_id_to_json(stored.commit.block_id),
        "result_finalize_block": {
            "events": [event_to_json(event) for event in stored.done.events],
            "tx_results": [tx_result_to_json(result) for result in stored.done.results],
        },
    }
    data = {"type": "tendermint/event/NewBlock", "value": value}
    return {"query": NEW_BLOCK_QUERY, "data": data, "events": events}
