"""What an attack has at hand: a tap in every bus, a lying node, a ledger client, eyes everywhere.

Attacks run in a thread of their own and wait by looking; the run goes on beside them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
import tomllib
from collections.abc import Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from gateway.store import Store, StoreError
from ledger.clock import Clock
from ledger.contracts.bodies import Body
from ledger.rpc.client import QueryAnswer, RpcClient, wait_for_tx
from ledger.setup import build_tx
from ledger.tx import tx_id
from truewatt.demo.scenario import CHAIN_ID
from truewatt.demo.site import Site
from truewatt.demo.supervisor import Supervisor
from truewatt.emulator.rig_control import ask_rig
from truewatt.hostile.lying_node import LyingNode
from truewatt.hostile.wiretap import Wiretap

T = TypeVar("T")

PATIENCE_S, PATIENCE_PER_BOARD_S = 45.0, 2.0
_TIMEOUT_MS = 800
"""What a tap adds to an answer's time on a busy machine must not look like silence."""

_LOOK_S = 0.05
_CALL_S = 60.0
_BLOCK_TRIES = 600


class NotSeen(TimeoutError):
    """What an attack waited for did not happen."""


class Scene:
    """A running site under attack. `open` cuts into its lines, `close` takes everything away."""

    def __init__(self, site: Site, clock: Clock, supervisor: Supervisor, seed: int) -> None:
        self.site, self.clock, self.supervisor = site, clock, supervisor
        self.chain_id = CHAIN_ID
        self.device = site.addresses
        self.seeds = dict(site.seeds)
        self.random = Random(f"attack-{seed}")
        self.set_aside: dict[str, str] = {}
        self.restarts_meant: dict[str, int] = {}
        self.taps: dict[str, Wiretap] = {}
        self._places: dict[str, tuple[str, int]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._client: RpcClient | None = None
        self.liar = LyingNode(site.rpc_url)

    # ---- life ----------------------------------------------------------------------------------

    def open(self) -> None:
        """Put a tap into each line with boards and the liar before the node, as whoever has the
        meter cabinet's key and the router's password can; then make the gateway use them."""
        self._thread.start()
        self.call(self.liar.__aenter__())
        text = self.site.gateway_config.read_text()
        lines = self.site.run_dir / "tapped"
        lines.mkdir(exist_ok=True)
        for bus in tomllib.loads(text)["bus"]:
            boards = {
                d["name"]: d["address"] for d in bus.get("device", ()) if d["name"] in self.device
            }
            if not boards:
                continue
            name, port = bus["name"], bus["port"]
            self.taps[name] = Wiretap(self.site.run_dir / port, lines / name)
            self.taps[name].start()
            self._places |= {board: (name, address) for board, address in boards.items()}
            tapped = f'"tapped/{name}"'
            if "timeout_ms" not in bus:
                tapped += f"\ntimeout_ms = {_TIMEOUT_MS}"
            text = text.replace(f'"{port}"', tapped)
        self.site.gateway_config.write_text(text.replace(self.site.rpc_url, self.liar.url))
        self.restart("gateway")

    def close(self) -> None:
        """Leave nothing behind."""
        for tap in self.taps.values():
            tap.stop()
        self.taps.clear()
        if self._thread.is_alive():
            if self._client is not None:
                self.call(self._client.close())
            self.call(self.liar.__aexit__())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    def honest(self) -> None:
        """Stop whatever an attack does on lines and network."""
        for tap in self.taps.values():
            tap.honest()
        self.liar.honest()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the scene's event loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_CALL_S)

    def restart(self, part: str) -> None:
        """Stop a part; the run's supervisor brings it back, as systemd would."""
        self.restarts_meant[part] = self.restarts_meant.get(part, 0) + 1
        self.supervisor.parts[part].stop()
        self.until(lambda: self.supervisor.parts[part].poll() is None, f"{part} to start")

    # ---- boards --------------------------------------------------------------------------------

    @property
    def meters(self) -> list[str]:
        """Meters that are not set aside."""
        homes = [home.meter for home in self.site.scenario.homes]
        return [name for name in homes if name not in self.set_aside]

    def neighbour(self, board: str) -> str:
        """Another meter, on the same line if there is one."""
        others = [name for name in self.meters if name != board]
        near = [name for name in others if self._places[name][0] == self._places[board][0]]
        return self.random.choice(near or others)

    def tap_of(self, board: str) -> Wiretap:
        """The tap in the board's line."""
        return self.taps[self.bus_of(board)]

    def bus_of(self, board: str) -> str:
        """The name of the board's line."""
        return self._places[board][0]

    def bus_address(self, board: str) -> int:
        """Its Modbus address there."""
        return self._places[board][1]

    # ---- looking -------------------------------------------------------------------------------

    @property
    def patience_s(self) -> float:
        """How long something may take that takes a moment on an idle machine."""
        return PATIENCE_S + PATIENCE_PER_BOARD_S * len(self.device)

    def until(self, what: Callable[[], T | None], name: str, seconds: float | None = None) -> T:
        """What `what()` returns once it is true. Raises NotSeen."""
        seconds = seconds or self.patience_s
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(StoreError):
                if value := what():
                    return value
            time.sleep(_LOOK_S)
        raise NotSeen(f"waited {seconds:.0f} s for {name}; notices: {self.notices()}")

    def store(self) -> Store:
        """The gateway's database, read only."""
        return Store.open_readonly(self.site.run_dir / "gateway" / "gateway.db")

    def held(self, board: str) -> list[tuple[int, bytes]]:
        """(type code, bytes) of a board's records in the gateway's store."""
        with contextlib.closing(self.store()) as store:
            return [(row[2], row[3]) for row in store.records(self.device[board])]

    def head(self, board: str) -> tuple[int, int]:
        """(epoch, seq) of the board's last admitted record."""
        with contextlib.closing(self.store()) as store:
            head = store.head(self.device[board])
        return (head.epoch, head.seq) if head else (-1, -1)

    def refusals(self) -> dict[str, int]:
        """Refused records by reason, as the gateway counts them."""
        with contextlib.closing(self.store()) as store:
            return store.refusals()

    def status(self) -> dict[str, Any]:
        """The gateway's status file."""
        path = self.site.run_dir / "gateway" / "status.json"
        try:
            status: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError:
            return {"notices": {}, "notice_counts": {}, "light": {"lies": 0, "height": 0}}
        return status

    def notices(self) -> dict[str, str]:
        """What the gateway says is wrong now: key to code."""
        return {key: notice["code"] for key, notice in self.status()["notices"].items()}

    def rig(self, **request: Any) -> dict[str, Any]:
        """Ask the emulated world."""
        return ask_rig(self.site.run_dir / "rig" / "control.sock", **request)

    def contacts(self, board: str) -> dict[str, bool]:
        """The board's contacts themselves, in the physics."""
        relays = self.rig(cmd="status")["boards"][board]["relays"]
        return {name: bool(closed) for name, closed in relays.items()}

    def console(self, board: str) -> str:
        """What a board said on its console."""
        path = self.site.run_dir / "boards" / board / "console.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def rss_kib(self, part: str) -> int:
        """Resident memory of a process of the run, 0 if it can't be told."""
        pid = getattr(self.supervisor.parts[part], "pid", None)
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text()
            for line in status.splitlines():
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0

    def unexpected_restarts(self) -> dict[str, int]:
        """Parts that ended by themselves, beyond what attacks meant."""
        meant = self.restarts_meant
        ended = dict(self.supervisor.restarts)
        return {name: n - meant.get(name, 0) for name, n in ended.items() if n > meant.get(name, 0)}

    # ---- the ledger ----------------------------------------------------------------------------

    async def _rpc(self) -> RpcClient:
        if self._client is None:
            self._client = RpcClient(self.site.rpc_url)
        return self._client

    def submit(self, tx: bytes) -> tuple[int, str, bytes]:
        """(code, log, result data) of a transaction: at the door, or if let in, from its block."""

        async def work() -> tuple[int, str, bytes]:
            client = await self._rpc()
            taken = await client.broadcast_tx_sync(tx)
            if taken.code:
                return taken.code, taken.log, b""
            found = await wait_for_tx(client, tx_id(tx), 0.1, _BLOCK_TRIES)
            return found.code, found.log, found.data

        return self.call(work())

    def build(self, who: str, body: Body) -> bytes:
        """A transaction of `who`; nonces are milliseconds, which only grow."""
        return build_tx(self.seeds[who], self.chain_id, time.time_ns() // 1_000_000, body)

    def query(self, key: bytes) -> QueryAnswer:
        """A key of the ledger's state, by the true node."""

        async def work() -> QueryAnswer:
            return await (await self._rpc()).abci_query("/store", key)

        return self.call(work())
