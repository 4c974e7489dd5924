"""One line every few seconds on how the loop is doing, from what the parts say themselves."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ledger.clock import Clock
from ledger.contracts import pricing
from ledger.contracts.objects import Price, unpack
from ledger.rpc.client import RpcClient, RpcError
from truewatt.demo.physics_log import Switching, switchings
from truewatt.demo.scenario import AREA
from truewatt.demo.site import Site
from truewatt.emulator.wires.pins import connect_unix

_MICRO = 1_000_000


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(f"demo: {text}", file=sys.stderr, flush=True)


def rig_request(run_dir: Path, request: dict[str, Any], timeout_s: float = 5.0) -> dict[str, Any]:
    """Ask the rig; raises `OSError` while it is not there."""
    with connect_unix(run_dir / "rig" / "control.sock", timeout_s) as link:
        link.sendall(json.dumps(request).encode() + b"\n")
        answer: dict[str, Any] = json.loads(link.makefile("rb").readline() or b"{}")
        return answer


class Progress:
    """Collects the figures and writes the lines."""

    def __init__(self, site: Site, clock: Clock) -> None:
        self._site = site
        self._clock = clock
        self._switches = site.run_dir / "rig" / "switches.jsonl"
        self._told = 0

    def switchings(self) -> list[str]:
        """A line for each contact that has moved since the last call."""
        moves = switchings(self._switches)
        new, self._told = moves[self._told :], len(moves)
        return [_switching(move) for move in new]

    async def line(self, client: RpcClient) -> str:
        """The state of the loop in one line; a part that is down shows as dashes."""
        now = _time_of_day(self._clock.unix_ms())
        fields = [now, self._physics(), await self._ledger(client), self._gateway()]
        return "  ".join(fields)

    def _physics(self) -> str:
        try:
            status = rig_request(self._site.run_dir, {"cmd": "status"})
            load_w, free_w = status["feeder"]["power_w"], status["uncontrolled"]["power_w"]
            boards = list(status["boards"].values())
        except (OSError, LookupError, ValueError):
            return "feeder -"
        closed = [state for board in boards for state in board["relays"].values()]
        on = sum(board["on"] for board in boards)
        return (
            f"feeder {load_w / 1000:6.2f} kW (uncontrolled {free_w / 1000:6.2f})"
            f"  relays closed {sum(closed)}/{len(closed)}  boards on {on}"
        )

    async def _ledger(self, client: RpcClient) -> str:
        try:
            height = await client.latest_height()
            answer = await client.abci_query("/store", pricing.now_key(AREA))
            price = unpack(Price, answer.value).mix / _MICRO
        except (RpcError, ValueError, LookupError):
            return "block - price -"
        return f"block {height:4d}  price {price:.3f}/kWh"

    def _gateway(self) -> str:
        try:
            status = json.loads((self._site.run_dir / "gateway" / "status.json").read_bytes())
            records, commands = status["records"], status["commands"]
        except (OSError, LookupError, ValueError):
            return "gateway -"
        counts = " ".join(f"{name} {count}" for name, count in sorted(commands.items()))
        return f"records {records}  commands {counts}"


def _time_of_day(unix_ms: int) -> str:
    return f"{datetime.fromtimestamp(unix_ms / 1000, UTC):%H:%M:%S}"


def _switching(move: Switching) -> str:
    before_kw, after_kw = (loads.get("feeder_w", 0.0) / 1000 for loads in (move.before, move.after))
    state = "closed" if move.closed else "opened"
    return (
        f"{_time_of_day(move.t_ms)}    {move.board} {state} {move.asset}:"
        f" feeder {before_kw:.2f} -> {after_kw:.2f} kW"
    )
