"""What each RPC method answers. Errors are `RpcFault` with JSON-RPC's code and a plain text."""

from __future__ import annotations

from collections.abc import Callable

from ledger.blocks import tx_hash, tx_proofs
from ledger.blocks.json_fields import base64_text, hex_text
from ledger.blocks.jsonrpc import (
    block_id_to_json,
    block_to_json,
    commit_to_json,
    consensus_params_to_json,
    header_to_json,
    proof_to_json,
    validator_to_json,
    validators_to_json,
)
from ledger.blocks.times import format_rfc3339
from ledger.engine.db import ChainDb, StoredBlock
from ledger.engine.engine import Engine
from ledger.engine.errors import StoreFailed
from ledger.engine.query import query
from ledger.rpc.params import BadParams, Params
from ledger.rpc.shapes import Json, block_results_to_json, tx_result_to_json
from wireformat import VERSION

PARSE_ERROR, INVALID_REQUEST, UNKNOWN_METHOD, BAD_PARAMS, INTERNAL = (
    -32700,
    -32600,
    -32601,
    -32602,
    -32603,
)
STATE_PROOF_TYPE = "truewatt:state"
MAX_PER_PAGE = 100


class RpcFault(Exception):
    """An error for the caller: JSON-RPC `code`, `message`, and what it is about in `data`."""

    def __init__(self, code: int, message: str, data: str) -> None:
        super().__init__(f"{message}: {data}")
        self.code, self.message, self.data = code, message, data


class Methods:
    """All methods of one engine; `db` is a connection for reading, used on the event loop."""

    def __init__(self, engine: Engine, db: ChainDb) -> None:
        self._engine, self._db = engine, db
        self._methods: dict[str, Callable[[Params], Json]] = {
            "health": self.health,
            "status": self.status,
            "genesis": self.genesis,
            "block": self.block,
            "commit": self.commit,
            "validators": self.validators,
            "consensus_params": self.consensus_params,
            "block_results": self.block_results,
            "tx": self.tx,
            "broadcast_tx_sync": self.broadcast_tx_sync,
            "num_unconfirmed_txs": self.num_unconfirmed_txs,
            "abci_info": self.abci_info,
            "abci_query": self.abci_query,
        }

    def names(self) -> list[str]:
        """Names of all methods."""
        return sorted(self._methods)

    def call(self, name: str, params: Params) -> Json:
        """Run a method; raises `RpcFault`."""
        method = self._methods.get(name)
        if method is None:
            raise RpcFault(UNKNOWN_METHOD, "Method not found", f"known: {', '.join(self.names())}")
        try:
            return method(params)
        except BadParams as error:
            raise RpcFault(BAD_PARAMS, "Invalid params", str(error)) from error
        except StoreFailed as error:
            raise RpcFault(INTERNAL, "Internal error", f"database: {error}") from error

    def health(self, params: Params) -> Json:
        """Nothing, if the process lives."""
        params.allow()
        return {}

    def status(self, params: Params) -> Json:
        """Node, tip of the chain, validator."""
        params.allow()
        chain = self._engine.chain
        last = chain.last
        proposer = chain.genesis.validators.proposer
        first = self._db.block(1)
        return {
            "node_info": {
                "network": chain.genesis.chain_id,
                "version": "0.38",
                "moniker": "truewatt-embedded",
                "other": {
                    "wireformat": str(VERSION),
                    "clock": self._engine.guard.notice or "ok",
                    "control_key": chain.control_notice or "ok",
                },
            },
            "sync_info": {
                **_tip("latest", last),
                **_tip("earliest", first),
                "catching_up": False,
            },
            "validator_info": {
                key: value
                for key, value in validator_to_json(proposer).items()
                if key != "proposer_priority"
            },
        }

    def genesis(self, params: Params) -> Json:
        """The genesis document."""
        params.allow()
        return {"genesis": self._engine.chain.genesis.to_json()}

    def block(self, params: Params) -> Json:
        """A block with its id; the last if no height is given."""
        params.allow("height")
        stored = self._stored(params)
        return {
            "block_id": block_id_to_json(stored.commit.block_id),
            "block": block_to_json(stored.block),
        }

    def commit(self, params: Params) -> Json:
        """Header and votes."""
        params.allow("height")
        stored = self._stored(params)
        signed = {
            "header": header_to_json(stored.block.header),
            "commit": commit_to_json(stored.commit),
        }
        return {"signed_header": signed, "canonical": True}

    def validators(self, params: Params) -> Json:
        """Validators of a height, in pages."""
        params.allow("height", "page", "per_page")
        height = self._height(params)
        page, size = params.integer("page", 1) or 1, params.integer("per_page", 30) or 30
        size = min(size, MAX_PER_PAGE)
        everyone = self._engine.chain.genesis.validators.validators
        shown = everyone[(page - 1) * size : page * size]
        if not shown:
            raise BadParams(f"page: there is no page {page}")
        return {
            "block_height": str(height),
            "validators": validators_to_json(shown),
            "count": str(len(shown)),
            "total": str(len(everyone)),
        }

    def consensus_params(self, params: Params) -> Json:
        """Consensus parameters of a height."""
        params.allow("height")
        height = self._height(params)
        document = consensus_params_to_json(self._engine.chain.genesis.consensus_params)
        return {"block_height": str(height), "consensus_params": document}

    def block_results(self, params: Params) -> Json:
        """Results and events of a block."""
        params.allow("height")
        stored = self._stored(params)
        height, chain = stored.block.header.height, self._engine.chain
        following = self._db.block(height + 1) if height < chain.height else None
        root = following.block.header.app_hash if following else chain.current.tree.root
        return block_results_to_json(stored, root)

    def tx(self, params: Params) -> Json:
        """A transaction by its SHA-256, with result and, if asked, proof under data_hash."""
        params.allow("hash", "prove")
        identifier = params.data("hash", json_form="base64")
        place = self._db.tx_place(identifier)
        stored = self._db.block(place[0]) if place else None
        if place is None or stored is None:
            raise RpcFault(INTERNAL, "Internal error", f"tx ({hex_text(identifier)}) not found")
        height, index = place
        data = stored.block.txs[index]
        document: Json = {
            "hash": hex_text(tx_hash(data)),
            "height": str(height),
            "index": index,
            "tx_result": tx_result_to_json(stored.done.results[index]),
            "tx": base64_text(data),
        }
        if params.flag("prove"):
            document["proof"] = {
                "root_hash": hex_text(stored.block.header.data_hash),
                "data": base64_text(data),
                "proof": proof_to_json(tx_proofs(stored.block.txs)[index]),
            }
        return document

    def broadcast_tx_sync(self, params: Params) -> Json:
        """Check a transaction and let it wait for a block."""
        params.allow("tx")
        answer = self._engine.submit(params.data("tx", json_form="base64"))
        return {
            "code": answer.code,
            "data": "",
            "log": answer.log,
            "codespace": "truewatt" if answer.code else "",
            "hash": hex_text(answer.id),
        }

    def num_unconfirmed_txs(self, params: Params) -> Json:
        """How many transactions wait."""
        params.allow()
        count = str(len(self._engine.mempool))
        return {"n_txs": count, "total": count, "total_bytes": "0", "txs": None}

    def abci_info(self, params: Params) -> Json:
        """The application and its last state."""
        params.allow()
        chain = self._engine.chain
        response = {
            "data": "truewatt",
            "version": str(VERSION),
            "last_block_height": str(chain.height),
            "last_block_app_hash": base64_text(chain.current.tree.root),
        }
        return {"response": response}

    def abci_query(self, params: Params) -> Json:
        """A query of the state (`ledger.engine.query`); `height` may only be the newest."""
        params.allow("path", "data", "height", "prove")
        data = params.data("data", json_form="hex") if params.has("data") else b""
        answer = query(
            self._engine.chain, self._db, params.text("path"), data, params.flag("prove")
        )
        asked = params.integer("height", 0)
        if asked and asked != answer.height:
            raise BadParams(f"height: only {answer.height} can be answered now")
        op = {"type": STATE_PROOF_TYPE, "key": base64_text(answer.key)}
        proof = {"ops": [{**op, "data": base64_text(answer.proof)}]} if answer.proof else None
        response = {
            "code": answer.code,
            "log": answer.log,
            "info": "",
            "index": "0",
            "key": base64_text(answer.key) if answer.key else None,
            "value": base64_text(answer.value) if answer.value else None,
            "proofOps": proof,
            "height": str(answer.height),
            "codespace": "truewatt" if answer.code else "",
        }
        return {"response": response}

    def _height(self, params: Params) -> int:
        last = self._engine.chain.height
        height = params.integer("height", 0) or last
        if not 0 < height <= last:
            raise BadParams(f"height {height} must be in 1..{last}")
        return height

    def _stored(self, params: Params) -> StoredBlock:
        height = self._height(params)
        last = self._engine.chain.last
        if last is not None and last.block.header.height == height:
            # What followers ask for: no need to read back what has just been written.
            return last
        stored = self._db.block(height)
        if stored is None:
            raise RpcFault(INTERNAL, "Internal error", f"block {height} cannot be found")
        return stored


def _tip(prefix: str, stored: StoredBlock | None) -> Json:
    header = stored.block.header if stored else None
    return {
        f"{prefix}_block_hash": hex_text(header.hash()) if header else "",
        f"{prefix}_app_hash": hex_text(header.app_hash) if header else "",
        f"{prefix}_block_height": str(header.height) if header else "0",
        f"{prefix}_block_time": format_rfc3339(header.time_ns if header else 0),
    }
