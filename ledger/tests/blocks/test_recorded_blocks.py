"""Every block that a real CometBFT v0.38.25 network made, taken apart and put together again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ledger.blocks import (
    Block,
    ValidatorSet,
    address,
    jsonrpc,
    last_results_hash,
    make_block,
    median_time_ns,
    tx_hash,
)
from ledger.blocks.block import part_set
from ledger.blocks.json_fields import read_base64
from ledger.tests.golden import (
    RECORDINGS,
    recorded_blocks,
    recorded_chain,
    recorded_results,
    recording,
)


@pytest.fixture(params=RECORDINGS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_recordings_are_of_the_version_we_claim_and_varied(name: str) -> None:
    (status,) = recording(name)["status"]
    assert status["node_info"]["version"] == "0.38.25"
    flags = {s.flag for block in recorded_chain(name) for s in block.commit.signatures}
    assert len(flags) > 1, "a recording without absent votes proves less than it should"
    assert len({block.header.validators_hash for block in recorded_chain(name)}) > 1


def test_json_and_protobuf_round_trip(name: str) -> None:
    for document, block in zip(recording(name)["blocks"], recorded_blocks(name), strict=True):
        assert json.dumps(jsonrpc.block_to_json(block)) == json.dumps(document["block"])
        assert Block.decode(block.encode()) == block


def test_block_ids_are_recomputed(name: str) -> None:
    for document, block in zip(recording(name)["blocks"], recorded_blocks(name), strict=True):
        block.check()
        assert jsonrpc.block_id_to_json(block.block_id()) == document["block_id"]
        assert part_set(block.encode())[0] == block.block_id().parts


def test_our_builder_makes_the_same_blocks(name: str) -> None:
    genuine, light = recorded_blocks(name), recorded_chain(name)
    params = jsonrpc.consensus_params_from_json(
        recording(name)["consensus_params"][0]["consensus_params"]
    )
    for i in range(1, len(genuine) - 1):
        header = genuine[i].header
        built = make_block(
            chain_id=header.chain_id,
            height=header.height,
            time_ns=median_time_ns(genuine[i].last_commit, light[i - 1].validators),
            txs=genuine[i].txs,
            last_commit=genuine[i].last_commit,
            last_block_id=genuine[i - 1].block_id(),
            validators=light[i].validators,
            next_validators=light[i + 1].validators,
            consensus_params=params,
            app_version=header.app_version,
            app_hash=header.app_hash,
            last_results_hash=last_results_hash(recorded_results(name, i - 1)),
            proposer_address=header.proposer_address,
        )
        assert built == genuine[i]


def test_genesis_and_validators(name: str) -> None:
    (document,) = recording(name)["genesis"]
    genesis: Any = document["genesis"]
    first = recorded_blocks(name)[0].header
    assert jsonrpc.header_to_json(first)["time"] == genesis["genesis_time"]
    assert first.chain_id == genesis["chain_id"]
    for validator in genesis["validators"]:
        key = read_base64(validator["pub_key"]["value"], "value")
        assert address(key).hex().upper() == validator["address"]
    for document, block in zip(recording(name)["blocks"], recorded_blocks(name), strict=True):
        listed = jsonrpc.validators_from_json(document["validators"]["validators"])
        assert ValidatorSet(listed).hash() == block.header.validators_hash
        assert jsonrpc.validators_to_json(listed) == document["validators"]["validators"]


def test_consensus_hash(name: str) -> None:
    (document,) = recording(name)["consensus_params"]
    params = jsonrpc.consensus_params_from_json(document["consensus_params"])
    assert {block.header.consensus_hash for block in recorded_blocks(name)} == {params.hash()}


def test_proofs_of_transactions_lead_to_the_header(name: str) -> None:
    chain = recorded_blocks(name)
    assert recording(name)["proved_txs"]
    for document in recording(name)["proved_txs"]:
        header = chain[int(document["height"]) - 1].header
        proof = jsonrpc.proof_from_json(document["proof"]["proof"])
        tx = read_base64(document["tx"], "tx")
        assert tx_hash(tx).hex().upper() == document["hash"]
        proof.verify(header.data_hash, tx_hash(tx))
        assert jsonrpc.proof_to_json(proof) == document["proof"]["proof"]
