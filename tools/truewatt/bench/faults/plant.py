"""The charger's bus while adapters are pulled: its commands end when it can't be reached."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from nacl.signing import SigningKey

from gateway.attest.devices import make_bus, places
from gateway.attest.keys import device_signer
from gateway.attest.obey import Trust
from gateway.collect.collector import Collector
from gateway.collect.tools import Tools
from gateway.config import BusConfig, MeterConfig
from gateway.enforce import Enforcer
from truewatt.bench.faults import orders
from truewatt.bench.faults.oracle import CHAIN, Verdict
from truewatt.bench.faults.orders import ChargerLine, Orders
from truewatt.bench.faults.tally import Plan, Progress, Tally
from wireformat.control import Command

PLUGGED_S, PATIENCE_S = 0.3, 20.0
_GONE_S, _LONG_GONE_S, _LONG_SHARE = (0.0, 0.5), (4.0, 9.0), 0.05
"""Mostly pulled for a moment; now and then so long that the gateway looks but seldom."""

_ROOT, _CONTROL, _AREA = b"r" * 32, b"c" * 32, 1
_TRY_EVERY_S, _LOOK_EVERY_S = 0.05, 0.005
_SEE_IT_END = 2
"""Every so many times it stays plugged in until the gateway is through with its command."""


def gone_s(rng: random.Random, tally: Tally) -> float:
    """How long an adapter stays away."""
    long = rng.random() < _LONG_SHARE
    tally.note("gone for seconds", int(long))
    return rng.uniform(*(_LONG_GONE_S if long else _GONE_S))


class Plant:
    """The charger, its line, and the gateway's half: collector, enforcer, and what it obeys."""

    def __init__(self, folder: Path, its: Tools) -> None:
        # Boards here have no clock to be told; the charger's commands need one.
        its = replace(its, time_is_sound=lambda: True)
        self._store = its.store
        signer = device_signer(folder, orders.NAME, CHAIN)
        orders.trusted(its.directory, signer, _ROOT, _CONTROL, _AREA)
        root = bytes(SigningKey(_ROOT).verify_key)
        charger = orders.Charger(its.clock.unix_ms)
        speed = its.clock.speed
        self.orders = Orders(charger, signer, _CONTROL, its.clock.unix_ms, speed)
        self.line = ChargerLine(folder / "plant", charger)
        meter = MeterConfig(orders.ADDRESS, orders.NAME, orders.PROFILE, phases=orders.PHASES)
        config = BusConfig("plant", str(self.line.path), 115200, "N", 200, 0, (), (meter,))
        self._collector = Collector(
            its,
            (config,),
            lambda tools, bus, what: places(tools, folder, Trust(CHAIN, _AREA, root), bus, what),
            make_bus,
        )
        # Node and link are where commands come from; here they are in the store already.
        nowhere = cast(Any, None)
        self._enforcer = Enforcer(
            nowhere, nowhere, its.store, self._collector, its.directory, its.notices, its.clock,
            _AREA, CHAIN, root,
        )  # fmt: skip

    def start(self) -> list[asyncio.Task[None]]:
        """Collecting and delivering, until they are cancelled."""
        self.line.plug()
        return [
            asyncio.create_task(self._collector.run()),
            asyncio.create_task(self._deliver()),
        ]

    async def _deliver(self) -> None:
        while True:
            self._enforcer.work.clear()
            await self._enforcer.deliver()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._enforcer.work.wait(), _TRY_EVERY_S)

    async def faults(
        self, plan: Plan, numbers: Iterator[int], tally: Tally, progress: Progress
    ) -> None:
        """Its share of the unplugs; commands come before the adapter goes, or while it is away."""
        for mine, number in enumerate(numbers):
            rng = random.Random(plan.rng_name(number))
            before_it_goes = rng.random() < 0.5
            command = await self._order(rng) if before_it_goes else None
            self._enforcer.work.set()
            await asyncio.sleep(rng.uniform(0, PLUGGED_S))
            self.line.pull()
            command = command or await self._order(rng)
            await asyncio.sleep(gone_s(rng, tally))
            self.line.plug()
            heard = self.orders.charger.heard
            took_s = await _until(lambda heard=heard: _yes(self.orders.charger.heard > heard))
            if took_s is None:
                tally.found(Verdict(broken=1), f"unplug {number}: the charger is not asked")
            tally.recoveries_ms.append(1000 * (took_s or PATIENCE_S))
            if mine % _SEE_IT_END == 0:
                ended = await _until(lambda it=command: self._has_ended(it))
                if ended is None:
                    tally.found(Verdict(broken=1), f"command {command.counter} did not end")
            tally.count += 1
            progress(tally.count)

    async def _order(self, rng: random.Random) -> Command:
        return await self._store.run(self.orders.keep, self._store.store, rng)

    async def _has_ended(self, command: Command) -> bool:
        return await self._store.run(self.orders.has_ended, self._store.store, command)

    async def ends(self, tally: Tally) -> None:
        """The time of all commands ends: none may hold afterwards."""
        await _until(lambda: _yes(self.orders.all_over_in_s <= 0))
        tally.found(self.orders.held(), "a command holds after its end")


async def _yes(it_is: bool) -> bool:
    return it_is


async def _until(what: Callable[..., Awaitable[bool]]) -> float | None:
    """Until `what()` holds; how long that took, or None: too long."""
    started_s = time.monotonic()
    while not await what():
        await asyncio.sleep(_LOOK_EVERY_S)
        if time.monotonic() - started_s > PATIENCE_S:
            return None
    return time.monotonic() - started_s
