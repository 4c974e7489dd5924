"""The ledger as a process: killed at any instant, it loses nothing that was in a block."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ledger import keys, setup
from ledger.clock import ENV, Clock
from ledger.engine.home import Home
from ledger.engine.verify import verify
from ledger.rpc.client import RpcClient, RpcError
from ledger.tests.contracts.kit import CHAIN, START_MS, seed_of
from ledger.tests.engine.chain_kit import new_home

KILLS = 5
READY_S = 20.0


class Process:
    def __init__(self, home: Home, clock: Clock) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ledger.cli", "run", "--home", str(home.path), "--port", "0"],
            env={**os.environ, ENV: clock.to_env()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def url(self) -> str:
        line = self.process.stdout.readline()
        assert line.startswith("ledger ready: http://127.0.0.1:"), self.process.stderr.read()
        return line.split()[2]

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        code = self.process.wait(READY_S)
        self.process.stdout.close()
        self.process.stderr.close()
        return code


@pytest.fixture
def clock():
    return Clock.starting_at(START_MS + 60_000, 60)


async def _feed(url: str, made: set[bytes], clock: Clock, until: float) -> None:
    """Send transactions and note those that the node showed in a block."""
    sent: list[bytes] = []
    async with RpcClient(url, timeout_s=2.0) as client:
        while time.monotonic() < until:
            # The nonce is the time: it rises over restarts without any memory.
            body = setup.AccountBody(public_key=os.urandom(32), devices=[])
            tx = setup.build_tx(seed_of("operator"), CHAIN, clock.unix_ms(), body)
            with suppress(RpcError):
                sent.append((await client.broadcast_tx_sync(tx)).id)
                for identifier in sent[-3:]:
                    if await client.tx(identifier) is not None:
                        made.add(identifier)
            # A flood would only lengthen the replays that follow each kill.
            await asyncio.sleep(0.04)


def test_sigkill_at_seeded_instants_loses_nothing_that_was_shown_in_a_block(tmp_path, clock):
    home, chance = new_home(tmp_path / "home"), random.Random(7)
    made: set[bytes] = set()
    for _ in range(KILLS):
        node = Process(home, clock)
        try:
            url = node.url()
            until = time.monotonic() + chance.uniform(0.1, 0.9)

            async def feed_until_killed(url=url, until=until, node=node) -> None:
                feeding = asyncio.create_task(_feed(url, made, clock, until + 1.0))
                await asyncio.sleep(max(until - time.monotonic(), 0))
                node.process.send_signal(signal.SIGKILL)
                feeding.cancel()
                with suppress(asyncio.CancelledError):
                    await feeding

            asyncio.run(feed_until_killed())
        finally:
            node.end(signal.SIGKILL)
        found = verify(home)
    assert len(made) >= KILLS, "too few transactions to prove anything"
    node = Process(home, clock)
    try:
        asyncio.run(_all_there(node.url(), made))
    finally:
        assert node.end(signal.SIGTERM) == 0
    assert verify(home).height > found.height - 1


async def _all_there(url: str, made: set[bytes]) -> None:
    async with RpcClient(url) as client:
        for identifier in made:
            assert await client.tx(identifier) is not None, identifier.hex()


def test_a_kill_while_the_home_is_made_or_first_opened_leaves_a_usable_home(tmp_path, clock):
    home, chance = new_home(tmp_path / "a home? 100%"), random.Random(11)
    for _ in range(3):
        node = Process(home, clock)
        time.sleep(chance.uniform(0.2, 0.6))
        node.end(signal.SIGKILL)
    node = Process(home, clock)
    try:
        assert node.url()
        assert json.loads((home.path / "rpc.json").read_text())["chain_id"] == CHAIN
    finally:
        assert node.end(signal.SIGTERM) == 0
    assert not (home.path / "rpc.json").exists()
    verify(home)


def test_a_home_that_can_not_run_ends_with_one_named_line(tmp_path):
    run = [sys.executable, "-m", "ledger.cli", "run", "--home", str(tmp_path), "--port", "0"]
    done = subprocess.run(run, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr.startswith("HomeMissing: ")
    assert "Traceback" not in done.stderr
    home = new_home(Path(tmp_path) / "home")
    (home.path / setup.VALIDATOR_KEY).unlink()
    keys.save_seed(home.path / setup.VALIDATOR_KEY, seed_of("stranger"))
    done = subprocess.run([*run[:5], str(home.path), *run[6:]], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("KeyMismatch: ")
