"""Puts a `Snapshot` together from the rig, the gateway's files and the ledger.

Any of them may be down: then the snapshot keeps what it last said, and since when it is silent.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.errors import GatewayError
from ledger.rpc.client import RpcClient, RpcError
from truewatt.demo.physics_log import Switching
from truewatt.demo.view import rig_source
from truewatt.demo.view.board_page import BoardDetail
from truewatt.demo.view.gateway_source import GatewaySource
from truewatt.demo.view.ledger_source import LedgerSource
from truewatt.demo.view.model import ALARM, MOVE, NOTE, Event, Gateway, Ledger, Snapshot, World
from truewatt.demo.view.switch_tail import SwitchTail
from truewatt.demo.view.trace import Trace
from truewatt.emulator.rig_control import RigCommandError

Ask = Callable[[dict[str, Any]], dict[str, Any]]

KEPT_EVENTS = 500
_WISH_TO_MOVE_MS, _CLOCKS_MS = 300_000, 5_000
"""A command may take its validity to arrive; the ledger's clock and the rig's may differ a bit."""
_DOWN = (OSError, LookupError, TypeError, ValueError, RuntimeError, RpcError, GatewayError)
"""What a part that is down, starting or half-written makes its source raise."""


class Gatherer:
    """Reads all sources of a run. `ask` sends one request to the rig and may block."""

    def __init__(
        self,
        run_dir: Path,
        ask: Ask,
        client: RpcClient,
        area: int,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._rig = _rig_json(run_dir)
        self._now_s = now_s
        self._switches = SwitchTail(run_dir / "rig" / "switches.jsonl")
        self.gateway = GatewaySource(run_dir / "gateway", _mlmds(self._rig))
        self._ledger = LedgerSource(client, area)
        self._heard_s = dict.fromkeys(("rig", "gateway", "ledger"), now_s())
        self.snapshot = Snapshot()
        self.events: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self.told = 0
        self.load = Trace()
        self.prices = Trace()

    async def refresh(self) -> Snapshot:
        """Read everything once."""
        before = self.snapshot
        world, (gateway, events), ledger = await asyncio.gather(
            asyncio.to_thread(self._read_rig), asyncio.to_thread(self._read_gateway), self._chain()
        )
        now_s = self._now_s()
        silent = {part: now_s - heard for part, heard in self._heard_s.items() if now_s - heard > 0}
        self.snapshot = Snapshot(
            world or before.world, gateway or before.gateway, ledger or before.ledger, silent
        )
        self._remember(world, ledger)
        events += self._losses(before.ledger, ledger)
        for event in sorted([*events, *self._moves()], key=lambda event: event.t_ms):
            self.tell(event.kind, event.text, event.t_ms)
        return self.snapshot

    def tell(self, kind: str, text: str, t_ms: int | None = None) -> None:
        """Add to the log what the run or the view itself has to say."""
        world = self.snapshot.world
        at_ms = t_ms if t_ms is not None else world.t_ms if world else 0
        self.events.append(Event(at_ms, kind, text))
        self.told += 1

    def detail(self, device: str) -> BoardDetail:
        """What the store holds of one board; empty while it cannot be read."""
        try:
            return BoardDetail(device, self.gateway.head(device), self.gateway.commands(device))
        except _DOWN:
            return BoardDetail(device)

    def _remember(self, world: World | None, ledger: Ledger | None) -> None:
        snapshot = self.snapshot
        if world is not None:
            limit = snapshot.limit_w
            self.load.add(world.t_ms, world.feeder.power_w, world.feeder.twin_w, limit)
        if ledger is not None and snapshot.world is not None:
            self.prices.add(snapshot.world.t_ms, ledger.prices["mix"])

    def _losses(self, before: Ledger | None, now: Ledger | None) -> list[Event]:
        """What the contract's loss rule has begun or ceased to suspect."""
        known = before.missing if before else {}
        if now is None or now.missing == known:
            return []
        at_ms = self.snapshot.world.t_ms if self.snapshot.world else 0
        told = []
        for mlmd, meter in now.missing.items():
            if known.get(mlmd) != meter:
                likely = f", likely at {self._named(meter)}" if meter else ""
                text = f"{self._named(mlmd)}: energy is missing that no meter saw{likely}"
                told.append(Event(at_ms, ALARM, text))
        over = [mlmd for mlmd in known if mlmd not in now.missing]
        told += [Event(at_ms, NOTE, f"{self._named(one)}: no energy is missing") for one in over]
        return told

    def _named(self, device: str) -> str:
        boards = self.snapshot.gateway.boards.values() if self.snapshot.gateway else ()
        return next((board.name for board in boards if board.device == device), device[:8])

    def _moves(self) -> list[Event]:
        return [
            Event(move.t_ms, ALARM if move.asset == "breaker" else MOVE, self._moved(move))
            for move in self._switches.read()
        ]

    def _moved(self, move: Switching) -> str:
        verb = "closed" if move.closed else "opened"
        what = move.asset.replace("_", " ")
        before, after = (loads.get("feeder_w") for loads in (move.before, move.after))
        why = self._why(move)
        moved_w = 0.0 if before is None or after is None else after - before
        change = f" {moved_w / 1000:+.1f} kW" if abs(moved_w) >= 50 else ""
        return f"{move.board} {verb} {what}{change}{f' ({why})' if why else ''}"

    def _why(self, move: Switching) -> str:
        gateway, ledger = self.snapshot.gateway, self.snapshot.ledger
        board = gateway.boards.get(move.board) if gateway else None
        if board is None or ledger is None or move.asset not in RELAY_ASSETS:
            return ""
        wish = ledger.wishes.get((board.device, RELAY_ASSETS.index(move.asset)))
        if wish is None or wish.closed != move.closed:
            return ""
        # A wish that is older or younger than the move was not its reason.
        return wish.reason if -_WISH_TO_MOVE_MS < wish.since_ms - move.t_ms < _CLOCKS_MS else ""

    def _read_rig(self) -> World | None:
        try:
            world = rig_source.world(self._ask({"cmd": "state"}))
        except (*_DOWN, RigCommandError):
            return None
        self._heard_s["rig"] = self._now_s()
        return world

    def _read_gateway(self) -> tuple[Gateway | None, list[Event]]:
        try:
            gateway, events = self.gateway.read()
        except _DOWN:
            return None, []
        # The file outlives the process: its own time says whether somebody still writes it.
        known = self.snapshot.gateway
        if known is None or gateway.time_ms != known.time_ms:
            self._heard_s["gateway"] = self._now_s()
        return gateway, events

    async def _chain(self) -> Ledger | None:
        try:
            ledger = await self._ledger.read()
        except _DOWN:
            return None
        self._heard_s["ledger"] = self._now_s()
        return ledger


RELAY_ASSETS = ("water_heater", "ev")
"""Asset numbers of a meter's relays."""

SAID = {"power cut": ALARM, "ended by itself": ALARM, "attack": ALARM, "time is up": NOTE}


def kind_of(text: str) -> str:
    """How loud a line of the run is in the log."""
    return next((kind for part, kind in SAID.items() if part in text), NOTE)


def _rig_json(run_dir: Path) -> dict[str, Any]:
    try:
        value = json.loads((run_dir / "rig.json").read_bytes())
        return value if isinstance(value, dict) else {}
    except (OSError, ValueError):
        return {}


def _mlmds(rig: dict[str, Any]) -> frozenset[str] | None:
    """Names of the M-LMDs; None if nobody says so."""
    boards = rig.get("boards", {})
    return frozenset(name for name, board in boards.items() if board["role"] == "mlmd") or None
