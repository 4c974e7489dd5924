"""Blocks and what belongs to them as CometBFT v0.38's RPC writes them, in both directions.

    X_to_json(x) -> dict      X_from_json(document) -> x      raises JsonError, InvalidField

for X in ``block_id``, ``header``, ``commit``, ``validator``, ``block``, ``consensus_params`` and
``proof``; and ``validators_to_json`` / ``validators_from_json`` for a list. Key order is CometBFT's
too. The results of the RPC are made of these:

    /block             {block_id, block}
    /commit            {signed_header: {header, commit}, canonical}
    /validators        {block_height, validators, count, total}
    /consensus_params  {block_height, consensus_params}
    /tx?prove=true     {..., proof: {root_hash, data, proof}}
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ledger.blocks.block import Block
from ledger.blocks.commit import BlockIDFlag, Commit, CommitSig
from ledger.blocks.errors import JsonError
from ledger.blocks.header import Header
from ledger.blocks.ids import BlockID, PartSetHeader
from ledger.blocks.json_fields import Object, base64_text, hex_text, read_base64
from ledger.blocks.params import ConsensusParams
from ledger.blocks.times import format_rfc3339
from ledger.blocks.validators import Validator
from ledger.merkle import Proof

ED25519_JSON_TYPE = "tendermint/PubKeyEd25519"

# Hash fields of a header, in the order of the format.
_HASHES = (
    "last_commit_hash",
    "data_hash",
    "validators_hash",
    "next_validators_hash",
    "consensus_hash",
    "app_hash",
    "last_results_hash",
    "evidence_hash",
    "proposer_address",
)
_Json = dict[str, Any]


def block_id_to_json(block_id: BlockID) -> _Json:
    """``{hash, parts: {total, hash}}``."""
    parts = {"total": block_id.parts.total, "hash": hex_text(block_id.parts.hash)}
    return {"hash": hex_text(block_id.hash), "parts": parts}


def block_id_from_json(document: object, path: str = "block_id") -> BlockID:
    """Inverse of :func:`block_id_to_json`."""
    fields = Object(document, path, ("hash", "parts"))
    parts = Object(fields.value("parts"), fields.path("parts"), ("total", "hash"))
    return BlockID(
        fields.hex("hash"),
        PartSetHeader(parts.number("total", 1 << 32), parts.hex("hash")),
    )


def header_to_json(header: Header) -> _Json:
    """Fields of a header; ``version.app`` is left out when 0."""
    version = {"block": str(header.block_version)}
    if header.app_version:
        version["app"] = str(header.app_version)
    return {
        "version": version,
        "chain_id": header.chain_id,
        "height": str(header.height),
        "time": format_rfc3339(header.time_ns),
        "last_block_id": block_id_to_json(header.last_block_id),
        **{name: hex_text(getattr(header, name)) for name in _HASHES},
    }


def header_from_json(document: object, path: str = "header") -> Header:
    """Inverse of :func:`header_to_json`."""
    names = ("version", "chain_id", "height", "time", "last_block_id", *_HASHES)
    fields = Object(document, path, names)
    version = Object(fields.value("version"), fields.path("version"), ("block",), ("app",))
    return Header(
        block_version=version.uint64("block"),
        app_version=version.uint64("app") if version.value("app") is not None else 0,
        chain_id=fields.text("chain_id"),
        height=fields.int64("height"),
        time_ns=fields.time_ns("time"),
        last_block_id=block_id_from_json(
            fields.value("last_block_id"), fields.path("last_block_id")
        ),
        **{name: fields.hex(name) for name in _HASHES},
    )


def commit_to_json(commit: Commit) -> _Json:
    """``{height, round, block_id, signatures}``."""
    return {
        "height": str(commit.height),
        "round": commit.round,
        "block_id": block_id_to_json(commit.block_id),
        "signatures": [_sig_to_json(sig) for sig in commit.signatures],
    }


def commit_from_json(document: object, path: str = "commit") -> Commit:
    """Inverse of :func:`commit_to_json`."""
    fields = Object(document, path, ("height", "round", "block_id", "signatures"))
    where = fields.path("signatures")
    return Commit(
        fields.int64("height"),
        fields.number("round", 1 << 31),
        block_id_from_json(fields.value("block_id"), fields.path("block_id")),
        tuple(_sig_from_json(x, f"{where}[{i}]") for i, x in enumerate(fields.items("signatures"))),
    )


def _sig_to_json(sig: CommitSig) -> _Json:
    return {
        "block_id_flag": int(sig.flag),
        "validator_address": hex_text(sig.validator_address),
        "timestamp": format_rfc3339(sig.time_ns),
        "signature": base64_text(sig.signature) if sig.signature else None,
    }


def _sig_from_json(document: object, path: str) -> CommitSig:
    names = ("block_id_flag", "validator_address", "timestamp", "signature")
    fields = Object(document, path, names)
    flag = fields.number("block_id_flag", 4)
    if not flag:
        raise JsonError(f"{fields.path('block_id_flag')}: expected 1, 2 or 3, found 0")
    return CommitSig(
        BlockIDFlag(flag),
        fields.hex("validator_address"),
        fields.time_ns("timestamp"),
        fields.base64("signature"),
    )


def validator_to_json(validator: Validator) -> _Json:
    """``{address, pub_key, voting_power, proposer_priority}``."""
    return {
        "address": hex_text(validator.address),
        "pub_key": {
            "type": ED25519_JSON_TYPE,
            "value": base64_text(validator.public_key),
        },
        "voting_power": str(validator.power),
        "proposer_priority": str(validator.priority),
    }


def validator_from_json(document: object, path: str = "validator") -> Validator:
    """Inverse of :func:`validator_to_json`; the address must be that of the key."""
    names = ("address", "pub_key", "voting_power", "proposer_priority")
    fields = Object(document, path, names)
    key = Object(fields.value("pub_key"), fields.path("pub_key"), ("type", "value"))
    if key.text("type") != ED25519_JSON_TYPE:
        raise JsonError(f"{key.path('type')}: only {ED25519_JSON_TYPE} is supported")
    power, priority = fields.int64("voting_power"), fields.int64("proposer_priority")
    validator = Validator(key.base64("value"), power, priority)
    if validator.address != fields.hex("address"):
        raise JsonError(f"{fields.path('address')}: is not the address of pub_key")
    return validator


def validators_to_json(validators: Iterable[Validator]) -> list[_Json]:
    """The ``validators`` array of ``/validators``."""
    return [validator_to_json(validator) for validator in validators]


def validators_from_json(documents: object, path: str = "validators") -> tuple[Validator, ...]:
    """Inverse of :func:`validators_to_json`; join all pages before making the set."""
    if not isinstance(documents, list):
        raise JsonError(f"{path}: expected an array")
    return tuple(validator_from_json(x, f"{path}[{i}]") for i, x in enumerate(documents))


def block_to_json(block: Block) -> _Json:
    """``{header, data, evidence, last_commit}``."""
    return {
        "header": header_to_json(block.header),
        "data": {"txs": [base64_text(tx) for tx in block.txs]},
        "evidence": {"evidence": []},
        "last_commit": commit_to_json(block.last_commit),
    }


def block_from_json(document: object, path: str = "block") -> Block:
    """Inverse of :func:`block_to_json`; a block with evidence is refused."""
    fields = Object(document, path, ("header", "data", "evidence", "last_commit"))
    data = Object(fields.value("data"), fields.path("data"), ("txs",))
    evidence = Object(fields.value("evidence"), fields.path("evidence"), ("evidence",))
    if evidence.items("evidence"):
        raise JsonError(f"{fields.path('evidence')}: evidence is not supported")
    where = data.path("txs")
    return Block(
        header_from_json(fields.value("header"), fields.path("header")),
        tuple(read_base64(tx, f"{where}[{i}]") for i, tx in enumerate(data.items("txs"))),
        commit_from_json(fields.value("last_commit"), fields.path("last_commit")),
    )


def consensus_params_to_json(params: ConsensusParams) -> _Json:
    """``{block, evidence, validator, version, abci}`` as in ``/consensus_params`` and genesis."""
    return {
        "block": {
            "max_bytes": str(params.block_max_bytes),
            "max_gas": str(params.block_max_gas),
        },
        "evidence": {
            "max_age_num_blocks": str(params.evidence_max_age_blocks),
            "max_age_duration": str(params.evidence_max_age_ns),
            "max_bytes": str(params.evidence_max_bytes),
        },
        "validator": {"pub_key_types": list(params.key_types)},
        "version": {"app": str(params.app_version)},
        "abci": {"vote_extensions_enable_height": str(params.vote_extensions_height)},
    }


def consensus_params_from_json(document: object, path: str = "params") -> ConsensusParams:
    """Inverse of :func:`consensus_params_to_json`."""
    fields = Object(document, path, ("block", "evidence", "validator", "version", "abci"))

    def part(name: str, *keys: str) -> Object:
        return Object(fields.value(name), fields.path(name), keys)

    block = part("block", "max_bytes", "max_gas")
    evidence = part("evidence", "max_age_num_blocks", "max_age_duration", "max_bytes")
    return ConsensusParams(
        block_max_bytes=block.int64("max_bytes"),
        block_max_gas=block.int64("max_gas"),
        evidence_max_age_blocks=evidence.int64("max_age_num_blocks"),
        evidence_max_age_ns=evidence.int64("max_age_duration"),
        evidence_max_bytes=evidence.int64("max_bytes"),
        key_types=tuple(map(str, part("validator", "pub_key_types").items("pub_key_types"))),
        app_version=part("version", "app").int64("app"),
        vote_extensions_height=part("abci", "vote_extensions_enable_height").int64(
            "vote_extensions_enable_height"
        ),
    )


def proof_to_json(proof: Proof) -> _Json:
    """``{total, index, leaf_hash, aunts}``."""
    return {
        "total": str(proof.total),
        "index": str(proof.index),
        "leaf_hash": base64_text(proof.leaf_hash),
        "aunts": [base64_text(aunt) for aunt in proof.aunts],
    }


def proof_from_json(document: object, path: str = "proof") -> Proof:
    """Inverse of :func:`proof_to_json`."""
    fields = Object(document, path, ("total", "index", "leaf_hash", "aunts"))
    where = fields.path("aunts")
    return Proof(
        fields.int64("total"),
        fields.int64("index"),
        fields.base64("leaf_hash"),
        tuple(read_base64(x, f"{where}[{i}]") for i, x in enumerate(fields.items("aunts"))),
    )
