"""A street for the benches of the gateway: real firmware at speed 1, on lines that take their time.

Built as the demo's, with a ledger, one gateway, boards in sections of ten; then switched by its
owner's preferences, one asset at a time, so that each command goes all the way.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from gateway.store import Store, StoreError
from ledger.contracts.objects import Intent
from ledger.rpc.client import RpcClient, RpcError
from ledger.setup import PreferencesBody, build_tx
from truewatt.bench._figures import progress
from truewatt.bench._processes import free_port
from truewatt.demo import runner, site
from truewatt.demo.ledger_view import LedgerView, read_ledger
from truewatt.demo.physics_log import Switching, switchings
from truewatt.demo.scenario import CHAIN_ID, Pace, Scenario, plan_homes
from truewatt.emulator.rig_control import ask_rig
from wireformat import codes
from wireformat.cose import KID_BYTES

_ANY_PRICE, _NO_PRICE = 0, 1
_SETTLE_S, _LEDGER_S = 60.0, 4.0
_OUTCOMES_S = 300.0
"""For outcomes to get to the ledger: a board's go behind what it recorded before them."""


@dataclass(frozen=True)
class Life:
    """One command's moments, ms of the run's clock; `moved_ms` None: it found its relay so."""

    board: str
    final_ms: int
    proven_ms: int
    held_ms: int
    moved_ms: int | None
    read_back_ms: int
    attempts: int


class Street:
    """Use as `async with Street.open(...) as street`."""

    def __init__(
        self, folder: Path, boards: int, sections: int, pace: Pace, seconds: float
    ) -> None:
        homes = plan_homes(1, boards - sections, sections, with_plant=False)
        scenario = Scenario(1, seconds / 60, 1.0, homes, start_min=12 * 60, pace=pace)
        self.site = site.build(folder / "run", scenario, free_port(), lambda text: None)
        self.run = runner.Run(self.site, progress)
        self.boards = scenario.boards
        self._nonce, self._turn = 1000, 0
        self._random = Random(1)
        self._price: dict[tuple[str, int], int] = {}
        meters = [home.meter for home in homes]
        self._assets = [(meter, number) for number in (0, 1) for meter in meters]

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        folder: Path,
        boards: int,
        sections: int,
        pace: Pace,
        seconds: float,
        prepare: Callable[[Street], None] = lambda street: None,
    ) -> AsyncIterator[Street]:
        """Build it, `prepare` it while it is off, start it, let the first orders be carried out."""
        progress(f"building a street of {boards} boards")
        street = cls(folder, boards, sections, pace, seconds)
        prepare(street)
        try:
            async with RpcClient(street.site.rpc_url) as client:
                street.client = client
                await street.run.start(client)
                yield street
        finally:
            street.run.supervisor.kill_all()

    client: RpcClient

    # ---- what goes on --------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """The gateway's."""
        found: dict[str, Any] = json.loads(
            (self.site.run_dir / "gateway" / "status.json").read_text()
        )
        return found

    def buses(self) -> dict[str, dict[str, Any]]:
        """The lines' counters, by the rig."""
        control = self.site.run_dir / "rig" / "control.sock"
        found: dict[str, dict[str, Any]] = ask_rig(control, cmd="status")["buses"]
        return found

    async def wait(self, seconds: float, what: str) -> None:
        """Let time pass, with a word every ten seconds."""
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            progress(f"{what}: {left_s:.0f} s")
            await asyncio.sleep(min(10.0, left_s))

    async def settled(self) -> None:
        """Until every command has ended, and the ledger heard of it, or for a minute."""
        end_s = time.monotonic() + _SETTLE_S
        while time.monotonic() < end_s:
            await asyncio.sleep(1.0)
            counts = self._look()
            if counts.get("done", 0) and not counts.get("open", 0) + counts.get("delivered", 0):
                await asyncio.sleep(_LEDGER_S)
                return

    async def on_ledger(self) -> None:
        """Until no outcome waits for the ledger, or for five minutes."""
        end_s = time.monotonic() + _OUTCOMES_S
        while (waiting := self._outcomes()) and time.monotonic() < end_s:
            progress(f"{waiting} outcomes wait for the ledger behind their boards' records")
            await asyncio.sleep(2.0)
        await asyncio.sleep(_LEDGER_S)

    def _outcomes(self) -> int:
        path = self.site.run_dir / "gateway" / "gateway.db"
        with suppress(StoreError), closing(Store.open_readonly(path)) as store:
            return store.outbox.outcomes()
        return 0

    def _look(self) -> dict[str, int]:
        path = self.site.run_dir / "gateway" / "gateway.db"
        with suppress(StoreError), closing(Store.open_readonly(path)) as store:
            return store.commands.counts()
        return {}

    async def switch(self, seconds: float, every_s: float) -> None:
        """Turn one asset after the other off and on again, at uneven distances, never two at once
        but by chance; goes on where it ended."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            await self._prefer(*self._assets[self._turn % len(self._assets)])
            self._turn += 1
            await asyncio.sleep(every_s * self._random.uniform(0.5, 1.5))

    async def _prefer(self, meter: str, asset: int) -> None:
        price = _ANY_PRICE if self._price.get((meter, asset)) == _NO_PRICE else _NO_PRICE
        self._price[meter, asset] = price
        self._nonce += 1
        body = PreferencesBody(
            device=self.site.addresses[meter],
            asset=asset,
            price_limit=price,
            energy=codes.GRID,
            priority=1,
            run_s=0,
            deadline_s=0,
            period_s=86_400,
            min_on_s=0,
            min_off_s=0,
            rated_w=1000,
        )
        tx = build_tx(self.site.seeds["prosumer"], CHAIN_ID, self._nonce, body)
        with suppress(RpcError):
            await self.client.broadcast_tx_sync(tx)

    # ---- what came of it -----------------------------------------------------------------------

    def stop(self) -> None:
        """End all parts in their order; the files then hold the whole story."""
        self.run.stop()

    def lives(self, since_ms: int) -> list[Life]:
        """Every command that was decided since, and that its board confirmed."""
        addresses, ledger = self.site.addresses, self._ledger()
        moves = switchings(self.site.run_dir / "rig" / "switches.jsonl")
        names = {address: name for name, address in addresses.items()}
        intents = {intent.id: intent for intent in ledger.intents}
        found = []
        for command_id, seen_ms, delivered_ms, attempts in self._carried():
            intent = intents.get(command_id)
            if intent is None or ledger.final_ms[intent.height] < since_ms:
                continue
            final_ms, board = ledger.final_ms[intent.height], names[intent.target]
            proven_ms = ledger.final_ms.get(intent.height + 1, seen_ms)
            moved_ms = self._moved(board, intent, moves, seen_ms, delivered_ms)
            found.append(
                Life(board, final_ms, proven_ms, seen_ms, moved_ms, delivered_ms, attempts)
            )
        return found

    def _carried(self) -> list[tuple[bytes, int, int, int]]:
        path = self.site.run_dir / "gateway" / "gateway.db"
        with closing(Store.open_readonly(path)) as store:
            return store.commands.deliveries()

    def _moved(
        self, board: str, intent: Intent, moves: list[Switching], seen_ms: int, end_ms: int
    ) -> int | None:
        contact = self.site.scenario.contacts(board)[intent.asset]
        closed = intent.action == codes.CLOSE
        at = [
            move.t_ms
            for move in moves
            if (move.board, move.asset, move.closed) == (board, contact, closed)
            and seen_ms <= move.t_ms <= end_ms
        ]
        return at[0] if at else None

    def ends(self, since_ms: int) -> dict[str, int]:
        """How the commands decided since ended, by the ledger."""
        ledger = self._ledger()
        return replace(ledger, intents=tuple(_recent(ledger, since_ms))).counts()

    def cut_short(self, since_ms: int) -> int:
        """How many of them the ledger had ended before their boards' outcomes came."""
        ledger = self._ledger()
        return sum(intent.id in ledger.late for intent in _recent(ledger, since_ms))

    def _ledger(self) -> LedgerView:
        devices = {address[:KID_BYTES]: address for address in self.site.addresses.values()}
        return read_ledger(self.site.ledger_home, devices)


def _recent(ledger: LedgerView, since_ms: int) -> list[Intent]:
    return [i for i in ledger.intents if ledger.final_ms[i.height] >= since_ms]
