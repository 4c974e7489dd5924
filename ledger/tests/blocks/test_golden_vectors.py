"""Our format against edge cases that CometBFT v0.38.25 computed (``tools/golden``)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ledger import merkle
from ledger.blocks import (
    Block,
    BlockID,
    Commit,
    ExecTxResult,
    Header,
    Validator,
    ValidatorSet,
    jsonrpc,
    last_results_hash,
    median_time_ns,
)
from ledger.blocks.commit import VoteType, vote_sign_bytes
from ledger.blocks.ids import sha256
from ledger.blocks.times import (
    decode_timestamp,
    encode_timestamp,
    format_rfc3339,
    parse_rfc3339,
)
from ledger.tests.golden import vectors


def same_json(ours: object, theirs: object) -> bool:
    """Equal with the same order of keys."""
    return json.dumps(ours) == json.dumps(theirs)


@pytest.mark.parametrize("vector", vectors("merkle"), ids=lambda v: f"{v['total']} leaves")
def test_merkle(vector: Any) -> None:
    leaves = [f"leaf {i}".encode() for i in range(vector["total"])]
    root, proofs = merkle.prove(leaves)
    assert root == merkle.root(leaves) == bytes.fromhex(vector["root"])
    for document in vector["proofs"]:
        proof = jsonrpc.proof_from_json(document)
        assert proof == proofs[proof.index]
        assert same_json(jsonrpc.proof_to_json(proof), document)
    for proof, leaf in zip(proofs, leaves, strict=True):
        proof.verify(root, leaf)


@pytest.mark.parametrize("vector", vectors("times"), ids=lambda v: v["rfc3339"])
def test_times(vector: Any) -> None:
    time_ns = vector["seconds"] * 10**9 + vector["nanos"]
    assert encode_timestamp(time_ns).hex() == vector["proto"]
    assert decode_timestamp(bytes.fromhex(vector["proto"]), "time") == time_ns
    assert format_rfc3339(time_ns) == vector["rfc3339"]
    assert parse_rfc3339(vector["rfc3339"]) == time_ns


@pytest.mark.parametrize("vector", vectors("headers"))
def test_headers(vector: Any) -> None:
    header = jsonrpc.header_from_json(vector["header"])
    assert header.hash().hex() == vector["hash"]
    assert header.encode().hex() == vector["proto"]
    assert Header.decode(bytes.fromhex(vector["proto"])) == header
    assert same_json(jsonrpc.header_to_json(header), vector["header"])


@pytest.mark.parametrize("vector", vectors("votes"))
def test_vote_sign_bytes(vector: Any) -> None:
    signed = vote_sign_bytes(
        vector["chain_id"],
        vector["height"],
        vector["round"],
        jsonrpc.block_id_from_json(vector["block_id"]),
        parse_rfc3339(vector["time"]),
        VoteType(vector["type"]),
    )
    assert signed.hex() == vector["signbytes"]


@pytest.mark.parametrize("vector", vectors("commits"))
def test_commits(vector: Any) -> None:
    commit = jsonrpc.commit_from_json(vector["commit"])
    commit.check()
    assert commit.hash().hex() == vector["hash"]
    assert commit.encode().hex() == vector["proto"]
    assert Commit.decode(bytes.fromhex(vector["proto"])) == commit
    assert same_json(jsonrpc.commit_to_json(commit), vector["commit"])
    signed = [commit.vote_sign_bytes("truewatt-1", i).hex() for i in range(len(commit.signatures))]
    # An absent vote has no sign-bytes that anybody would check; Go's are those of a NIL vote.
    assert signed == vector["signbytes"]
    voters = ValidatorSet(jsonrpc.validators_from_json(vector["validators"]))
    assert median_time_ns(commit, voters) == parse_rfc3339(vector["median"])


@pytest.mark.parametrize("vector", vectors("validator_sets"))
def test_validator_sets(vector: Any) -> None:
    given = jsonrpc.validators_from_json(vector["given"])
    ordered = ValidatorSet(jsonrpc.validators_from_json(vector["validators"]))
    assert ValidatorSet.of(given) == ordered
    assert ordered.hash().hex() == vector["hash"]
    assert same_json(jsonrpc.validators_to_json(ordered.validators), vector["validators"])
    assert ValidatorSet.decode(ordered.encode()) == ordered
    if len(given) == 1:
        assert ordered.proposer.address.hex() == vector["proposer"]
        assert sha256(ordered.encode()).hex() == vector["proto_hash"]


@pytest.mark.parametrize("vector", vectors("validator_moves"))
def test_validator_changes(vector: Any) -> None:
    def members(name: str) -> tuple[Validator, ...]:
        return jsonrpc.validators_from_json(vector[name])

    after = ValidatorSet(members("before")).with_changes(members("changes"))
    assert after == ValidatorSet(members("after"))
    assert after.hash().hex() == vector["hash"]


@pytest.mark.parametrize("vector", vectors("blocks"), ids=lambda v: f"{v['size']} bytes")
def test_blocks_and_their_parts(vector: Any) -> None:
    header = jsonrpc.header_from_json(vector["header"])
    txs = tuple(bytes([fill]) * length for fill, length in vector["txs"])
    block = Block(header, txs, jsonrpc.commit_from_json(vector["last_commit"]))
    block.check()
    encoded = block.encode()
    assert (len(encoded), sha256(encoded).hex()) == (vector["size"], vector["proto_hash"])
    assert jsonrpc.block_id_to_json(block.block_id()) == vector["block_id"]
    assert Block.decode(encoded) == block
    assert jsonrpc.block_from_json(jsonrpc.block_to_json(block)) == block


@pytest.mark.parametrize("vector", vectors("results"), ids=lambda v: f"{len(v['results'])} results")
def test_last_results_hash(vector: Any) -> None:
    results = [
        ExecTxResult(r["code"], bytes.fromhex(r["data"]), r["gas_wanted"], r["gas_used"])
        for r in vector["results"]
    ]
    assert last_results_hash(results).hex() == vector["hash"]


@pytest.mark.parametrize("vector", vectors("params"))
def test_consensus_params(vector: Any) -> None:
    params = jsonrpc.consensus_params_from_json(vector["params"])
    assert params.hash().hex() == vector["hash"]
    assert same_json(jsonrpc.consensus_params_to_json(params), vector["params"])


def test_vectors_are_of_the_version_we_claim() -> None:
    assert vectors("cometbft") == "0.38.25"
    assert BlockID() == jsonrpc.block_id_from_json(vectors("votes")[-2]["block_id"])
