"""Following a chain: trust, sync, skip and bisect, go back, witnesses; all over a real store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ledger.light import LightBlock, LightClient, LightParams, SqliteStore, errors
from ledger.light import client as client_module
from ledger.tests.chain_builder import GENESIS_NS, SECOND_NS, ChainBuilder, grown_chain
from ledger.tests.golden import recorded_chain

NOW_NS = GENESIS_NS + 100 * SECOND_NS
PARAMS = LightParams(chain_id="truewatt-test", trusting_period_ns=3600 * SECOND_NS)
# One validator changes at each height: at most two heights can be skipped at a time.
ROLLING = [[n, n + 1, n + 2] for n in range(1, 20)]


@dataclass
class ListProvider:
    """Serves the blocks of a list and notes which heights it was asked for."""

    chain: list[LightBlock]
    asked: list[int] = field(default_factory=list)

    async def light_block(self, height: int) -> LightBlock:
        self.asked.append(height)
        if not 0 < height <= len(self.chain):
            raise errors.BlockNotFound(f"no height {height}")
        return self.chain[height - 1]

    async def latest_height(self) -> int:
        return len(self.chain)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path / "light.db") as opened:
        yield opened


def heights(store: SqliteStore) -> list[int]:
    found, at = [], 0
    while (block := store.lowest_above(at)) is not None:
        at = block.height
        found.append(at)
    return found


def started(
    provider: ListProvider, store: SqliteStore, params: LightParams = PARAMS
) -> LightClient:
    client = LightClient(provider, store, params)
    asyncio.run(client.trust(1, provider.chain[0].hash))
    provider.asked.clear()
    return client


def test_nothing_is_trusted_without_a_start(store: SqliteStore) -> None:
    client = LightClient(ListProvider(grown_chain(2)), store, PARAMS)
    with pytest.raises(errors.NoTrustedBlock):
        asyncio.run(client.sync(NOW_NS))


def test_start_must_have_the_hash_that_a_person_gave(store: SqliteStore) -> None:
    chain = grown_chain(2)
    client = LightClient(ListProvider(chain), store, PARAMS)
    with pytest.raises(errors.HashMismatch):
        asyncio.run(client.trust(1, chain[1].hash))
    unsigned = replace(chain[0], commit=replace(chain[0].commit, round=1))
    client = LightClient(ListProvider([unsigned]), store, PARAMS)
    with pytest.raises(errors.NotEnoughPower):
        asyncio.run(client.trust(1, chain[0].hash))
    assert store.latest() is None


def test_one_authority_is_followed_in_one_step(store: SqliteStore) -> None:
    provider = ListProvider(grown_chain(9))
    client = started(provider, store)
    assert asyncio.run(client.sync(NOW_NS)) == provider.chain[8]
    assert provider.asked == [9, 1]
    assert asyncio.run(client.sync(NOW_NS)) == provider.chain[8]
    assert provider.asked == [9, 1], "nothing new, nothing fetched"


def restored(own: list[LightBlock], at: int, length: int) -> list[LightBlock]:
    """What one authority signs after it went back to a backup of height ``at``."""
    builder = ChainBuilder(((1,),))
    for number in range(at):
        builder.grow([f"tx {number}".encode()])
    return own[:at] + [builder.grow([b"again"]) for _ in range(length - at)]


@pytest.mark.parametrize("length", [6, 8, 12])
def test_an_authority_that_went_back_to_a_backup_is_not_followed(
    store: SqliteStore, length: int
) -> None:
    provider = ListProvider(grown_chain(8))
    client = started(provider, store)
    asyncio.run(client.sync(NOW_NS))
    asyncio.run(client.block_at(6, NOW_NS))
    provider.chain = restored(provider.chain, 5, length)
    if length == 8:
        assert asyncio.run(client.sync(NOW_NS)).height == 8, "nothing new, nothing asked"
        return
    with pytest.raises(errors.ConflictingHeaders):
        asyncio.run(client.sync(NOW_NS))


def test_an_old_height_is_reached_from_below_if_that_is_shorter(store: SqliteStore) -> None:
    provider = ListProvider(grown_chain(200))
    client = started(provider, store)
    now_ns = NOW_NS + 300 * SECOND_NS
    asyncio.run(client.sync(now_ns))
    provider.asked.clear()
    assert asyncio.run(client.block_at(100, now_ns)) == provider.chain[99]
    assert provider.asked == [100]
    expired_ns = now_ns + PARAMS.trusting_period_ns
    assert asyncio.run(client.block_at(130, expired_ns)) == provider.chain[129]


def test_no_provider_makes_the_walk_back_long(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MOST_STEPS", 20)
    provider = ListProvider(grown_chain(100))
    client = LightClient(provider, store, PARAMS)
    asyncio.run(client.trust(90, provider.chain[89].hash))
    provider.asked.clear()
    with pytest.raises(errors.NoTrustedBlock, match="within 20"):
        asyncio.run(client.block_at(2, NOW_NS))
    assert provider.asked == []


def test_sequential_mode_keeps_every_header(store: SqliteStore) -> None:
    provider = ListProvider(grown_chain(6))
    client = started(provider, store, replace(PARAMS, sequential=True))
    asyncio.run(client.sync(NOW_NS))
    assert heights(store) == [1, 2, 3, 4, 5, 6]


def test_changing_validators_are_bisected(store: SqliteStore) -> None:
    provider = ListProvider(grown_chain(12, ROLLING))
    client = started(provider, store)
    assert asyncio.run(client.sync(NOW_NS)) == provider.chain[11]
    assert provider.asked[0] == 12
    assert 12 in heights(store)
    assert len(heights(store)) > 3


def test_real_network_is_followed(store: SqliteStore) -> None:
    chain = recorded_chain("four_validators")
    params = replace(PARAMS, chain_id=chain[0].header.chain_id)
    client = started(ListProvider(chain), store, params)
    assert asyncio.run(client.sync(chain[-1].header.time_ns)) == chain[-1]


def test_older_heights_come_back_along_the_hashes(store: SqliteStore) -> None:
    provider = ListProvider(grown_chain(9))
    client = started(provider, store)
    asyncio.run(client.sync(NOW_NS))
    provider.asked.clear()
    assert asyncio.run(client.block_at(7, NOW_NS)) == provider.chain[6]
    assert provider.asked == [8, 7]
    provider.asked.clear()
    assert asyncio.run(client.block_at(7, NOW_NS)) == provider.chain[6]
    assert provider.asked == []
    provider.chain[4] = grown_chain(9, [[2]])[4]
    with pytest.raises(errors.InvalidLightBlock):
        asyncio.run(client.block_at(5, NOW_NS))
    assert heights(store) == [1, 7, 9]


def test_block_at_reaches_forward(store: SqliteStore) -> None:
    provider = ListProvider(grown_chain(9))
    client = started(provider, store)
    assert asyncio.run(client.block_at(4, NOW_NS)) == provider.chain[3]
    with pytest.raises(errors.BlockNotFound):
        asyncio.run(client.block_at(10, NOW_NS))


def test_a_lying_provider_moves_nothing(store: SqliteStore) -> None:
    provider = ListProvider(grown_chain(5))
    client = started(provider, store)
    stranger = ChainBuilder([[9]])
    provider.chain = [stranger.grow() for _ in range(5)]
    with pytest.raises(errors.LightError):
        asyncio.run(client.sync(NOW_NS))
    provider.chain = [*grown_chain(4), grown_chain(4)[3]]
    with pytest.raises(errors.WrongHeight):
        asyncio.run(client.sync(NOW_NS))
    assert heights(store) == [1]


def test_a_lying_provider_cannot_make_bisection_run_for_ever(store: SqliteStore) -> None:
    provider = ListProvider(grown_chain(8))
    client = started(provider, store)
    stranger = ChainBuilder([[9]])
    provider.chain[1:] = [stranger.grow() for _ in range(1000)][1:]
    with pytest.raises(errors.HashMismatch):
        asyncio.run(client.sync(GENESIS_NS + 2000 * SECOND_NS))
    assert len(provider.asked) < 15


def test_witnesses_must_agree(store: SqliteStore) -> None:
    chain = grown_chain(5)
    fork = ChainBuilder([[1]], app_hash=b"\x01" * 32)
    forked = [fork.grow() for _ in range(5)]
    lagging = ListProvider(chain[:2])
    for witness, agrees in ((ListProvider(chain), True), (ListProvider(forked), False)):
        client = LightClient(ListProvider(chain), store, PARAMS, [lagging, witness])
        if agrees:
            asyncio.run(client.trust(1, chain[0].hash))
            assert asyncio.run(client.block_at(3, NOW_NS)) == chain[2]
        else:
            with pytest.raises(errors.ConflictingHeaders) as caught:
                asyncio.run(client.sync(NOW_NS))
            assert (caught.value.height, caught.value.theirs) == (5, forked[4].hash)
    assert heights(store) == [1, 3]
