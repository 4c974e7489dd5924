"""The light node before a scripted source: clocks, forks, vouched starts, stale answers."""

import asyncio
from types import SimpleNamespace

import pytest

from gateway import light_node
from gateway.ledger_link import (
    Answer,
    ClockBehindChain,
    LedgerBehind,
    LedgerForked,
    LedgerLied,
    TrustExpired,
)
from gateway.light_node import LightNode
from ledger.clock import Clock
from ledger.light.errors import BlockNotFound
from ledger.state import StateTree
from ledger.tests.chain_builder import GENESIS_NS, SECOND_NS, ChainBuilder, validator_set

TREE = StateTree([(b"a", b"1"), (b"b", b"2")])


class Source:
    """A node that has the blocks of a list, and answers queries from the state that they carry."""

    def __init__(self, length: int) -> None:
        self.builder = ChainBuilder(((1,),), app_hash=TREE.root)
        self.chain = [self.builder.grow() for _ in range(length)]
        self.answer_height = length - 1

    @property
    def blocks(self) -> "Source":
        return self

    async def latest_height(self) -> int:
        return len(self.chain)

    async def light_block(self, height: int):
        if not 0 < height <= len(self.chain):
            raise BlockNotFound(f"no height {height}")
        return self.chain[height - 1]

    async def query(self, path: str, key: bytes, prove: bool = False) -> Answer:
        return Answer(b"1", self.answer_height, TREE.prove(b"a").encode())


def node_at(tmp_path, source, after_s: float, **more) -> LightNode:
    genesis = SimpleNamespace(chain_id="truewatt-test", validators=validator_set([1]))
    clock = Clock.starting_at((GENESIS_NS + int(after_s * SECOND_NS)) // 10**6, 1.0)
    more = {"trusting_period_s": 3600, **more}
    return LightNode(source, genesis, tmp_path / "light.db", clock, **more)


def test_a_clock_behind_the_chain_is_named_and_not_passed_on(tmp_path):
    source = Source(60)
    node = node_at(tmp_path, source, 5)
    assert node.time_is_sound()
    with pytest.raises(ClockBehindChain, match="NTP"):
        asyncio.run(node.follow())
    assert not node.time_is_sound()
    assert node.lies == 0
    node.close()
    later = node_at(tmp_path, source, 100)
    asyncio.run(later.follow())
    assert later.time_is_sound()
    later.close()
    assert not node_at(tmp_path, source, 5).time_is_sound(), "known without asking anybody"


def test_a_proof_of_what_was_true_once_is_no_answer(tmp_path):
    source = Source(9)
    node = node_at(tmp_path, source, 100)
    asyncio.run(node.follow())
    assert asyncio.run(node.prove(b"a")) == (b"1", 8)
    source.answer_height = 5
    with pytest.raises(LedgerBehind, match="state after block 5"):
        asyncio.run(node.prove(b"a"))


def test_a_ledger_that_went_back_to_a_backup_is_named(tmp_path):
    source = Source(5)
    node = node_at(tmp_path, source, 100)
    asyncio.run(node.follow())
    fork = ChainBuilder(((1,),), app_hash=bytes(32))
    source.chain = [fork.grow() for _ in range(9)]
    with pytest.raises(LedgerForked, match=r"move light\.db away"):
        asyncio.run(node.follow())
    assert (node.height, node.lies) == (5, 1)


def test_a_block_that_a_person_vouches_for_replaces_trust_that_ran_out(tmp_path):
    source = Source(30)
    hour_later = {"after_s": 3600 + 10}
    with pytest.raises(TrustExpired, match="trusted_height"):
        asyncio.run(node_at(tmp_path, source, **hour_later).follow())
    wrong = node_at(tmp_path, source, **hour_later, trusted=(25, bytes(32)))
    with pytest.raises(LedgerLied):
        asyncio.run(wrong.follow())
    trusted = (25, source.chain[24].hash)
    node = node_at(tmp_path, source, **hour_later, trusted=trusted)
    assert asyncio.run(node.follow()) == 30


def test_headers_are_pruned_however_far_each_step_went(tmp_path, monkeypatch):
    monkeypatch.setattr(light_node, "KEPT_HEADERS", 3)
    monkeypatch.setattr(light_node, "_PRUNE_EVERY", 4)
    source = Source(1)
    node = node_at(tmp_path, source, 200)
    for _ in range(12):
        source.chain += [source.builder.grow() for _ in range(3)]
        asyncio.run(node.follow())
    kept = node._store._db.execute("SELECT count(*) FROM light_blocks").fetchone()[0]
    assert kept <= 3 + 4
