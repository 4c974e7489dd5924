"""One run from an empty folder to its report: build, found, live, drain, stop, account."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, closing
from pathlib import Path

from gateway.store import Head, Store, StoreError
from ledger.clock import ENV, Clock
from ledger.rpc.client import RpcClient, RpcError
from ledger.tx import tx_id
from truewatt.demo import chaos, details, outcome, report, site
from truewatt.demo.accounting import parse
from truewatt.demo.observer import Observer
from truewatt.demo.parts import Part, PartFailed, ProcessPart, wait_for_file
from truewatt.demo.progress import Progress
from truewatt.demo.scenario import CHAIN_ID, Scenario
from truewatt.demo.supervisor import Supervisor
from truewatt.emulator.board import EmulatedBoard

Say = Callable[[str], None]

_READY_S, _READY_PER_BOARD_S = 60.0, 1.0
_HAND_IN_S = 60.0
_HANDED_IN_AT_ONCE = 80
"""Below what the ledger lets one signer have waiting."""
_DRAIN_S = 60.0
_LOOKED_AT = 500
"""Records that wait for the ledger, the oldest first: what is late is among them."""
_LINE_EVERY_S, _SWITCHINGS_EVERY_S, _HEARD_EVERY_S = 10.0, 1.0, 5.0


class BoardPart:
    """An emulated board as a part of the run."""

    def __init__(self, name: str, board: EmulatedBoard) -> None:
        self.name = name
        self.start, self.kill, self.stop, self.poll = (
            board.start,
            board.kill,
            board.stop,
            board.poll,
        )


class Run:
    """A built site with its clock running and its parts under supervision."""

    def __init__(self, built: site.Site, say: Say, observers: Sequence[Observer] = ()) -> None:
        self.site = built
        self.observers = observers
        self.say = say
        self.clock = Clock.starting_at(built.scenario.start_ms, built.scenario.speed)
        self.supervisor = Supervisor(_parts(built, self.clock), say)

    async def live(self) -> int:
        """Start everything, let the planned time pass, drain; the end in simulated seconds."""
        scenario = self.site.scenario
        async with RpcClient(self.site.rpc_url) as client:
            await self.start(client)
            progress = asyncio.create_task(self._tell(client))
            try:
                async with AsyncExitStack() as attached:
                    await self._attach(attached)
                    targets = ["gateway", "ledger", *scenario.boards]
                    cuts = chaos.plan(scenario.seed, scenario.kills, targets, scenario.wall_s)
                    await self.supervisor.run(scenario.wall_s, cuts)
                    await self._let_observers_finish()
                    end_s = self.clock.unix_ms() // 1000
                    await self._drain(end_s)
            finally:
                progress.cancel()
        return end_s

    async def _attach(self, attached: AsyncExitStack) -> None:
        for observer in self.observers:
            await observer.start(self.site, self.clock, self.supervisor)
            attached.push_async_callback(observer.stop)

    async def _let_observers_finish(self) -> None:
        while not self.supervisor.is_ending and any(one.is_busy() for one in self.observers):
            self.supervisor.revive()
            await asyncio.sleep(0.1)

    @property
    def set_aside(self) -> dict[str, str]:
        """Boards that observers put out of service."""
        return {name: why for one in self.observers for name, why in one.set_aside().items()}

    async def start(self, client: RpcClient) -> None:
        """In the order of a real site: the chain, the boards and their gateway, people's wishes."""
        parts = self.supervisor.parts
        self.say("starting: feeder and buses")
        parts["rig"].start()
        wait_for_file(self.site.run_dir / "rig" / "ready", parts["rig"], _READY_S)
        self.say("starting: ledger; the installer enrols the boards")
        parts["ledger"].start()
        await self._hand_in(client, site.enrolments(self.site))
        self.say(f"starting: {len(self.site.scenario.boards)} boards and the gateway")
        self.supervisor.start(self.site.scenario.boards)
        await asyncio.sleep(self.site.scenario.pace.backlog_s)
        self.supervisor.start(["gateway"])
        await self._wait_for_boards()
        self.say("all boards are heard; the owner and the operator say what they want")
        await self._hand_in(client, site.orders(self.site))

    async def _hand_in(self, client: RpcClient, transactions: list[bytes]) -> None:
        """Hand in transactions in their order, each again until a block holds it."""
        for at in range(0, len(transactions), _HANDED_IN_AT_ONCE):
            await self._hand_in_some(client, transactions[at : at + _HANDED_IN_AT_ONCE])

    async def _hand_in_some(self, client: RpcClient, transactions: list[bytes]) -> None:
        deadline = time.monotonic() + _HAND_IN_S
        while transactions := await self._not_in_a_block(client, transactions):
            if time.monotonic() > deadline or self.supervisor.parts["ledger"].poll() is not None:
                raise PartFailed("the ledger took no transaction; see logs/ledger.log")
            await asyncio.sleep(0.05)

    async def _not_in_a_block(self, client: RpcClient, transactions: list[bytes]) -> list[bytes]:
        """Hand in what no block holds; that.

        Stops at the first that the ledger doesn't take: with a later nonce taken, an earlier one
        would be refused for ever.
        """
        missing = []
        for at, tx in enumerate(transactions):
            try:
                found = await client.tx(tx_id(tx))
                if found is None:
                    missing.append(tx)
                    if (await client.broadcast_tx_sync(tx)).code:
                        return missing + transactions[at + 1 :]
            except RpcError:
                return missing + [other for other in transactions[at:] if other not in missing]
            if found is not None and found.code:
                raise PartFailed(f"the ledger refused a transaction: {found.log}")
        return missing

    async def _wait_for_boards(self) -> None:
        """Until the gateway holds a record of every board."""
        addresses = set(self.site.addresses.values())
        deadline = time.monotonic() + _READY_S + _READY_PER_BOARD_S * len(addresses)
        told = time.monotonic()
        while not addresses <= (heard := _heads(self._store_path).keys()):
            if time.monotonic() > deadline:
                raise PartFailed("not every board was heard; see logs/gateway.log and boards/")
            if time.monotonic() > told + _HEARD_EVERY_S:
                told = time.monotonic()
                self.say(f"heard {len(addresses & heard)} of {len(addresses)} boards")
            self.supervisor.revive()
            await asyncio.sleep(0.2)

    async def _tell(self, client: RpcClient) -> None:
        progress = Progress(self.site, self.clock)
        while True:
            for _ in range(int(_LINE_EVERY_S / _SWITCHINGS_EVERY_S)):
                await asyncio.sleep(_SWITCHINGS_EVERY_S)
                for line in progress.switchings():
                    self.say(line)
            self.say(await progress.line(client))

    async def _drain(self, end_s: int) -> None:
        """Go on until the ledger has every record that was signed up to `end_s`."""
        self.say("time is up; letting the last records arrive")
        deadline = time.monotonic() + _DRAIN_S
        while time.monotonic() < deadline:
            self.supervisor.revive()
            await asyncio.sleep(0.2)
            if _is_drained(self._store_path, *self._addresses(), end_s):
                return
        self.say("the last records did not arrive in time; the report says which")

    def _addresses(self) -> tuple[set[bytes], set[bytes]]:
        """Of the boards in service, and of those that were set aside."""
        aside = {self.site.addresses[name] for name in self.set_aside}
        return set(self.site.addresses.values()) - aside, aside

    @property
    def _store_path(self) -> Path:
        return self.site.run_dir / "gateway" / "gateway.db"

    def stop(self) -> None:
        """Boards first, then who collects from them, then the ledger, the world last."""
        order = [*self.site.scenario.boards, "gateway", "ledger", "rig"]
        self.supervisor.stop(order)


def run(
    scenario: Scenario, run_dir: Path, say: Say, observers: Sequence[Observer] = ()
) -> dict[str, object]:
    """Do a whole run in `run_dir`, which must not exist; returns its report."""
    running = Run(site.build(run_dir, scenario, _free_port(), say), say, observers)
    try:
        end_s = asyncio.run(running.live())
        running.stop()
    finally:
        running.supervisor.kill_all()
    supervisor = running.supervisor
    found = outcome.account_for(
        running.site, end_s, supervisor.kills, supervisor.restarts, running.set_aside, say
    )
    for observer in observers:
        found |= observer.findings()
    broken = [line for observer in observers for line in observer.failures()]
    found["failures"] = report.failures(found) + broken
    _write(run_dir, found)
    found |= details.of(run_dir, scenario)
    _write(run_dir, found)
    return found


def _write(run_dir: Path, found: dict[str, object]) -> None:
    (run_dir / "report.json").write_text(json.dumps(found, indent=2) + "\n")


def _is_drained(path: Path, boards: set[bytes], aside: set[bytes], end_s: int) -> bool:
    """Whether every board's chain has passed `end_s` and nothing up to then waits for the ledger.

    What was signed later always waits: boards and devices go on.
    """
    heads = _heads(path)
    if any(board not in heads or heads[board].time_s <= end_s for board in boards):
        return False
    try:
        with closing(Store.open_readonly(path)) as store:
            waiting = store.outbox.next(_LOOKED_AT, aside)
    except StoreError:
        return False
    records = parse(((one.code, one.data) for one in waiting), CHAIN_ID)
    return all(item.record.time_s > end_s for item in records)


def _heads(path: Path) -> dict[bytes, Head]:
    """Each board's last admitted record; nothing while the gateway has no store yet."""
    try:
        with closing(Store.open_readonly(path)) as store:
            return store.heads()
    except StoreError:
        return {}


def _parts(built: site.Site, clock: Clock) -> list[Part]:
    env = {ENV: clock.to_env()}
    logs = built.run_dir / "logs"
    logs.mkdir(exist_ok=True)

    def process(name: str, *argv: str) -> ProcessPart:
        command = [sys.executable, "-m", *argv]
        return ProcessPart(name, command, env, logs / f"{name}.log")

    home, port = str(built.ledger_home), str(built.rpc_port)
    rig_json, toml = str(built.run_dir / "rig.json"), str(built.gateway_config)
    boards = [BoardPart(name, built.board(name, env)) for name in built.scenario.boards]
    return [
        process("rig", "truewatt.emulator.rig", rig_json),
        process("ledger", "truewatt", "ledger", "run", "--home", home, "--port", port),
        *boards,
        process("gateway", "truewatt", "gateway", "run", "--config", toml),
    ]


def _free_port() -> int:
    """A port that a restarted ledger can have again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
