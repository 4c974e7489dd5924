"""Which block may come next: each block of real chains, and none that a rule speaks against."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.blocks import (
    EMPTY_COMMIT,
    BlockID,
    ConsensusParams,
    InvalidField,
    Tip,
    check_next,
    jsonrpc,
    last_results_hash,
)
from ledger.blocks import errors as e
from ledger.tests.chain_builder import ChainBuilder, validator_set
from ledger.tests.golden import (
    RECORDINGS,
    recorded_blocks,
    recorded_chain,
    recorded_results,
    recording,
)


def tip_before(name: str, index: int) -> Tip:
    """End of a recorded chain before block ``index``, made of everything but that block's header.

    The application's own values (app hash and version) are the exception: it isn't here to ask.
    """
    blocks, light = recorded_blocks(name), recorded_chain(name)
    params = recording(name)["consensus_params"][0]["consensus_params"]
    first = Tip(
        chain_id=recording(name)["genesis"][0]["genesis"]["chain_id"],
        height=0,
        time_ns=blocks[0].header.time_ns,
        validators=light[index].validators,
        next_validators=light[index + 1].validators,
        consensus_params=jsonrpc.consensus_params_from_json(params),
        app_version=1,
        app_hash=blocks[index].header.app_hash,
        last_results_hash=last_results_hash([]),
    )
    if not index:
        return first
    return replace(
        first,
        height=index,
        time_ns=blocks[index - 1].header.time_ns,
        block_id=blocks[index - 1].block_id(),
        last_validators=light[index - 1].validators,
        last_results_hash=last_results_hash(recorded_results(name, index - 1)),
    )


@pytest.mark.parametrize("name", RECORDINGS)
def test_real_chains_follow_the_rules(name: str) -> None:
    for index, block in enumerate(recorded_blocks(name)[:-1]):
        check_next(tip_before(name, index), block)


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": "other"},
        {"height": 4},
        {"app_version": 2},
        {"block_id": BlockID()},
        {"app_hash": b""},
        {"last_results_hash": bytes(32)},
        {"consensus_params": ConsensusParams(block_max_gas=1)},
        {"validators": validator_set([1])},
        {"next_validators": validator_set([1])},
        {"last_validators": validator_set([1])},
        {"last_validators": None},
        {"time_ns": 1 << 62},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_block_must_agree_with_all_of_the_chain(change: dict[str, object]) -> None:
    block, tip = recorded_blocks("four_validators")[3], tip_before("four_validators", 3)
    check_next(tip, block)
    with pytest.raises(InvalidField):
        check_next(replace(tip, **change), block)  # type: ignore[arg-type]


def test_time_proposer_and_commit_have_rules_of_their_own() -> None:
    builder = ChainBuilder([[1]])
    builder.grow()
    builder.grow()
    first, second = builder.blocks
    validators = validator_set([1])
    tip = Tip(
        chain_id="truewatt-test",
        height=1,
        time_ns=first.header.time_ns,
        block_id=first.block_id(),
        last_validators=validators,
        validators=validators,
        next_validators=validators,
        consensus_params=ConsensusParams(),
        app_version=0,
        app_hash=bytes(32),
        last_results_hash=last_results_hash([]),
    )
    check_next(tip, second)
    late = replace(second.header, time_ns=second.header.time_ns + 1)
    with pytest.raises(e.InvalidTime, match="by the votes"):
        check_next(tip, replace(second, header=late))
    stranger = replace(second.header, proposer_address=bytes(20))
    with pytest.raises(e.InvalidBlock, match="proposer"):
        check_next(tip, replace(second, header=stranger))
    other = replace(second.header, last_commit_hash=EMPTY_COMMIT.hash())
    with pytest.raises(e.InvalidBlock, match="last_commit"):
        check_next(tip, replace(second, header=other, last_commit=EMPTY_COMMIT))
