"""A clock that is years ahead must not date a block; one that a person vouches for may."""

import asyncio

import pytest

from ledger.clock import Clock
from ledger.engine.chain import Chain
from ledger.engine.clock_guard import MAX_STANDSTILL_S, check_clock
from ledger.engine.errors import ClockFarAhead
from ledger.rpc.node import run_node
from ledger.tests.contracts.kit import START_MS
from ledger.tests.engine.chain_kit import new_home

NS_PER_S = 1_000_000_000
YEARS_MS = 14 * 365 * 86_400_000


def test_a_standstill_of_up_to_thirty_days_needs_nobody():
    check_clock(0, MAX_STANDSTILL_S * NS_PER_S)
    with pytest.raises(ClockFarAhead, match="--accept-clock"):
        check_clock(0, (MAX_STANDSTILL_S + 1) * NS_PER_S)


def test_a_clock_that_is_behind_is_let_pass():
    check_clock(NS_PER_S * 1_000_000, 0)


def one_block(home, now_ms):
    chain = Chain.open(home)
    draft = chain.draft([], now_ms * 1_000_000)
    chain.store(draft)
    chain.close()


def test_a_node_whose_clock_is_years_ahead_makes_no_block_and_says_why(tmp_path):
    home = new_home(tmp_path / "home")
    one_block(home, START_MS + 1000)
    clock = Clock.starting_at(START_MS + YEARS_MS, 60)
    with pytest.raises(ClockFarAhead, match="5109 days after the last block"):
        asyncio.run(run_node(home, "127.0.0.1", 0, clock))
    chain = Chain.open(home)
    assert chain.height == 1
    chain.close()


def test_a_person_can_vouch_for_the_clock(tmp_path):
    home = new_home(tmp_path / "home")
    one_block(home, START_MS + 1000)
    clock = Clock.starting_at(START_MS + YEARS_MS, 60)

    async def run_for_a_while():
        node = asyncio.create_task(run_node(home, "127.0.0.1", 0, clock, accept_clock=True))
        for _ in range(100):
            await asyncio.sleep(0.05)
            if home.rpc_file.exists():
                break
        await asyncio.sleep(0.3)
        node.cancel()
        with pytest.raises(asyncio.CancelledError):
            await node

    asyncio.run(run_for_a_while())
    chain = Chain.open(home)
    assert chain.height > 1
    chain.close()
