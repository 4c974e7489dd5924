"""A whole plant without firmware: ledger and gateway as processes, test boards on a PTY."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from gateway.store import Store, StoreError
from gateway.tests.board_server import BoardServer, PtyBus
from gateway.tests.signing import CHAIN, T0
from ledger import keys, setup
from ledger.clock import Clock
from ledger.rpc.client import RpcClient, RpcError, wait_for_tx
from wireformat import codes

SPEED = 30.0
NAMES = ("operator", "validator", "control", "gateway", "installer", "prosumer")
CLI = (sys.executable, "-m", "truewatt.cli")


class Plant:
    """Use as `async with Plant(tmp_path) as plant`."""

    def __init__(self, folder: Path, meters: int = 2, submit: str = "all") -> None:
        self.submit = submit
        self.folder = folder
        self.clock = Clock.starting_at(T0 * 1000, SPEED)
        self.seeds = {name: keys.create_seed(folder / f"{name}.key") for name in NAMES}
        self.root = keys.public_key(self.seeds["operator"])
        self.meters = [BoardServer(at, self.root, self.clock) for at in range(1, meters + 1)]
        self.bus = PtyBus(folder, dict(enumerate(self.meters, 1)))
        self.url = ""
        # Of the machine that the gateway runs on: what is replaced with it.
        self.data, self.key, self.ack = "data", "gateway.key", "ack.cert"
        self.more = ""
        self.ledger: subprocess.Popen | None = None
        self.gateway: subprocess.Popen | None = None
        self._nonces = dict.fromkeys(NAMES, 0)
        self._found()

    async def __aenter__(self) -> "Plant":
        self.bus.plug()
        await self.start_ledger()
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in (self.gateway, self.ledger):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        self.bus.unplug()

    # ---- files ---------------------------------------------------------------------------------

    def certificate(self, role: int, holder: str, serial: int = 1) -> bytes:
        return setup.certify(
            self.seeds["operator"],
            CHAIN,
            role=role,
            area=1,
            public_key=keys.public_key(self.seeds[holder]),
            serial=serial,
            expires_s=T0 + 10**8,
        )

    def _found(self) -> None:
        ack = self.certificate(codes.ACK, "gateway")
        (self.folder / "ack.cert").write_text(ack.hex())
        genesis = setup.make_genesis(
            chain_id=CHAIN,
            time_ms=T0 * 1000,
            operator_root=self.root,
            validator_public_key=keys.public_key(self.seeds["validator"]),
            areas=[setup.default_area(1, price_interval_s=60)],
            certificates=[
                self.certificate(codes.CONTROL, "control"),
                ack,
                self.certificate(codes.INSTALLER, "installer"),
            ],
        )
        home = self.folder / "ledger"
        setup.make_home(home, genesis, self.seeds["validator"], self.seeds["control"])

    def write_config(self, rpc: str = "") -> Path:
        """The gateway's file; `rpc` instead of the ledger's own address if given."""
        devices = "".join(
            f'[[bus.device]]\naddress = {at}\nname = "m{at}"\n' for at in self.bus.boards
        )
        path = self.folder / "gateway.toml"
        path.write_text(
            f'[gateway]\nname = "gw"\narea = 1\ndata_dir = "{self.data}"\nkey_file = "{self.key}"\n'
            f'ack_certificate = "{self.ack}"\npoll_s = 2\n{self.more}'
            f'submit = "{self.submit}"\n'
            f'[ledger]\nrpc = "{rpc or self.url}"\nchain_id = "{CHAIN}"\n'
            f'operator_root = "{self.root.hex()}"\ngenesis = "ledger/genesis.json"\n'
            f'[[bus]]\nname = "bus0"\nport = "tty"\nbaud = 115200\ntimeout_ms = 400\n{devices}'
        )
        return path

    # ---- processes -----------------------------------------------------------------------------

    def _start(self, name: str, *words: str) -> subprocess.Popen:
        env = {**os.environ, "TRUEWATT_CLOCK": self.clock.to_env()}
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen([*CLI, *words], env=env, stdout=log, stderr=log)

    async def start_ledger(self) -> None:
        rpc = self.folder / "ledger" / "rpc.json"
        rpc.unlink(missing_ok=True)
        port = self.url.rpartition(":")[2] or "0"
        home = str(self.folder / "ledger")
        self.ledger = self._start("ledger", "ledger", "run", "--home", home, "--port", port)
        await self.until(rpc.exists, 20)
        self.url = json.loads(rpc.read_text())["url"]

    def start_gateway(self, rpc: str = "") -> None:
        self.gateway = self._start(
            "gateway", "gateway", "run", "--config", str(self.write_config(rpc))
        )

    async def keep(self, *words: str) -> str:
        """What `truewatt gateway WORDS --config ...` prints; boards go on meanwhile."""
        return await asyncio.to_thread(self._keep, words)

    def _keep(self, words: tuple[str, ...]) -> str:
        name, *rest = words
        done = subprocess.run(
            [*CLI, "gateway", name, "--config", str(self.folder / "gateway.toml"), *rest],
            capture_output=True,
            text=True,
            env={**os.environ, "TRUEWATT_CLOCK": self.clock.to_env()},
            timeout=100,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def kill_gateway(self) -> None:
        self.gateway.kill()
        self.gateway.wait()

    def stop_gateway(self) -> int:
        self.gateway.send_signal(signal.SIGTERM)
        return self.gateway.wait(10)

    # ---- the ledger ----------------------------------------------------------------------------

    async def send(self, who: str, *bodies: setup.Body) -> None:
        """Transactions of `who`, awaited until each is in a block and did what it says."""
        async with RpcClient(self.url) as client:
            for body in bodies:
                self._nonces[who] += 1
                tx = setup.build_tx(self.seeds[who], CHAIN, self._nonces[who], body)
                taken = await client.broadcast_tx_sync(tx)
                assert taken.code == 0, taken.log
                found = await wait_for_tx(client, taken.id, 0.05, 200)
                assert found.code == 0, found.log

    async def enrol(self) -> None:
        bodies = [
            setup.EnrolBody(enrolment=meter.enrolment(), area=1, section=b"")
            for meter in self.meters
        ]
        await self.send("installer", *bodies)

    async def provable(self, key: bytes) -> None:
        """Until a key can be proven: its block's state is in the header of the one after it."""
        async with RpcClient(self.url) as client:
            for _ in range(400):
                if (await client.abci_query("/store", key, prove=True)).value:
                    return
                await asyncio.sleep(0.05)
        raise AssertionError(f"{key!r} is never proven")

    async def state(self, key: bytes) -> bytes:
        """A value of the ledger's state, b"" if it is not there or the ledger is down."""
        try:
            async with RpcClient(self.url) as client:
                return (await client.abci_query("/store", key)).value
        except RpcError:
            return b""

    # ---- looking -------------------------------------------------------------------------------

    def store(self) -> Store:
        return Store.open_readonly(self.folder / self.data / "gateway.db")

    def held(self, meter: BoardServer) -> list[bytes]:
        with contextlib.closing(self.store()) as store:
            return [row[3] for row in store.records(meter.address)]

    def outbox(self) -> int:
        """How many records the ledger is not known to have; the status file is a second behind."""
        with contextlib.closing(self.store()) as store:
            return len(store.outbox)

    def status(self) -> dict:
        try:
            return json.loads((self.folder / self.data / "status.json").read_text())
        except FileNotFoundError:
            return {"notices": {}, "commands": {}, "outbox": -1, "light": {"height": 0, "lies": 0}}

    async def until(self, what: Callable, seconds: float = 40.0) -> None:
        """Wait until `what()` (or what it awaits) holds."""
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline:
            with contextlib.suppress(StoreError):
                found = what()
                if found is not None and hasattr(found, "__await__"):
                    found = await found
                if found:
                    return
            await asyncio.sleep(0.05)
        log = self.folder / "gateway.log"
        raise AssertionError(log.read_text()[-3000:] if log.exists() else "not in time")
