"""One line every few seconds on how the loop is doing, from what the parts say themselves."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ledger.clock import Clock
from ledger.contracts import pricing
from ledger.contracts.objects import Price, unpack
from ledger.rpc.client import RpcClient, RpcError
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
    """Collects the figures and writes the line."""

    def __init__(self, site: Site, clock: Clock) -> None:
        self._site = site
        self._clock = clock
        self._started = time.monotonic()

    async def line(self, client: RpcClient) -> str:
        """The state of the loop in one line; a part that is down shows as dashes."""
        now = datetime.fromtimestamp(self._clock.unix_ms() / 1000, UTC)
        fields = [f"{now:%H:%M}", self._physics(), await self._ledger(client), self._gateway()]
        return "  ".join(fields)

    def _physics(self) -> str:
        try:
            status = rig_request(self._site.run_dir, {"cmd": "status"})
            load_w, free_w = status["feeder"]["power_w"], status["uncontrolled"]["power_w"]
            boards = status["boards"].values()
        except (OSError, LookupError, ValueError):
            return "feeder -"
        relays = "".join(
            ("#" if closed else ".") for board in boards for closed in board["relays"].values()
        )
        on = sum(board["on"] for board in boards)
        return (
            f"feeder {load_w / 1000:6.2f} kW (uncontrolled {free_w / 1000:6.2f})"
            f"  relays {relays}  boards on {on}"
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
