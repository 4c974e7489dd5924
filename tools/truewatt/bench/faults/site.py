"""A whole site for faults: a ledger, Mosquitto with persistence, and the gateway, killed at will.

Everything runs as in the field but for one thing: a gateway is forked from a process that has its
imports behind it, so that a thousand starts cost the starts and not the imports.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO

from gateway.attest.keys import device_signer, enrolment
from gateway.config import MeterConfig
from gateway.registry_view import DEVICE, LAST
from gateway.store import Store
from gateway.store.database import STORE_FILE
from ledger import keys, setup
from ledger.clock import ENV, Clock
from ledger.contracts import objects
from ledger.rpc.client import RpcClient, wait_for_tx
from truewatt.bench._ingest_load import AREA, CHANNELS, START_S
from truewatt.bench._processes import child, free_port
from truewatt.bench.faults import orders
from truewatt.bench.faults.oracle import CHAIN, Device, Row
from truewatt.bench.faults.orders import Orders
from truewatt.lifeline import dies_with_us
from truewatt.toolchain import debian_tool
from wireformat import codes
from wireformat.control import Command, Enrolment

SPEED = 30.0
SHIFT_S = 1_500_000
"""Boards' readings are a minute apart in their own count; the run's clock is ahead of all."""

PATIENCE_S = 30.0
NAMES = ("operator", "validator", "control", "gateway", "installer")
KEEP_DAYS = 90

_CHARGER = MeterConfig(orders.ADDRESS, orders.NAME, orders.PROFILE, phases=orders.PHASES)


class Broker:
    """Mosquitto on one port; what it had in its queues is on its disk."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {folder}/\nautosave_interval 1\nmax_inflight_messages 0\n"
            "max_queued_messages 0\nset_tcp_nodelay true\nuser root\nlog_type error\n"
        )

    def start(self) -> None:
        """Return once its port is open."""
        self._process = subprocess.Popen(
            [*debian_tool("mosquitto"), "-c", str(self._config)],
            stderr=subprocess.DEVNULL,
            preexec_fn=dies_with_us(),  # noqa: PLW1509 - nothing but system calls
        )
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.005)
        raise TimeoutError("Mosquitto did not open its port")

    def end(self, number: int = signal.SIGKILL) -> None:
        """Kill it, or ask it to stop."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None


class Site:
    """`with Site(folder, devices) as site:` ledger and broker run, the boards are enrolled."""

    def __init__(self, folder: Path, devices: Sequence[Device], commanded: bool = False) -> None:
        self.folder, self.devices = folder, devices
        self.clock = Clock.starting_at((START_S + SHIFT_S) * 1000, SPEED)
        self._seeds = {name: keys.create_seed(folder / f"{name}.key") for name in NAMES}
        self.gateway_key = keys.public_key(self._seeds["gateway"])
        self.broker = Broker(folder / "broker")
        self._stack = ExitStack()
        self._url = ""
        self._zygote: subprocess.Popen[str]
        self.gateway_pid = 0
        self.orders = self._orders() if commanded else None

    def _orders(self) -> Orders:
        (self.folder / "data").mkdir(mode=0o700)
        self._signer = device_signer(self.folder / "data", orders.NAME, CHAIN)
        charger = orders.Charger(self.clock.unix_ms)
        control = self._seeds["control"]
        return Orders(charger, self._signer, control, self.clock.unix_ms, SPEED)

    def __enter__(self) -> Site:
        self._found()
        env = {**os.environ, ENV: self.clock.to_env()}
        self._stack.callback(self.broker.end)
        self.broker.start()
        self._start_ledger(env)
        asyncio.run(self._enrol())
        self._write_config()
        if self.orders is not None:
            line = orders.ChargerLine(self.folder / "charger", self.orders.charger)
            thread = orders.ChargerThread(line)
            thread.start()
            self._stack.callback(thread.stop)
        os.environ[ENV] = env[ENV]
        self._stack.callback(os.environ.pop, ENV, None)
        words = ["truewatt.bench.faults.zygote", str(self.folder)]
        self._zygote = self._stack.enter_context(child(words))
        self._stack.callback(self.kill_gateway)
        self._hear("ready")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # ---- founding ------------------------------------------------------------------------------

    def _certificate(self, role: int, holder: str) -> bytes:
        public_key = keys.public_key(self._seeds[holder])
        expires_s = START_S + 10**9
        return setup.certify(
            self._seeds["operator"],
            CHAIN,
            role=role,
            area=AREA,
            public_key=public_key,
            serial=1,
            expires_s=expires_s,
        )

    def _found(self) -> None:
        ack = self._certificate(codes.ACK, "gateway")
        (self.folder / "ack.cert").write_text(ack.hex())
        certificates = [
            self._certificate(codes.CONTROL, "control"),
            ack,
            self._certificate(codes.INSTALLER, "installer"),
        ]
        genesis = setup.make_genesis(
            chain_id=CHAIN,
            time_ms=(START_S + SHIFT_S) * 1000,
            operator_root=keys.public_key(self._seeds["operator"]),
            validator_public_key=keys.public_key(self._seeds["validator"]),
            areas=[setup.default_area(AREA)],
            certificates=certificates,
        )
        home = self.folder / "ledger"
        setup.make_home(home, genesis, self._seeds["validator"], self._seeds["control"])

    def _start_ledger(self, env: dict[str, str]) -> None:
        home, log = self.folder / "ledger", self._stack.enter_context(self._log("ledger"))
        words = ["truewatt.cli", "ledger", "run", "--home", str(home), "--port", "0"]
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            env=env,
            stdout=log,
            stderr=log,
            preexec_fn=dies_with_us(),  # noqa: PLW1509 - nothing but system calls
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        deadline_s = time.monotonic() + PATIENCE_S
        while not (home / "rpc.json").exists() and time.monotonic() < deadline_s:
            time.sleep(0.05)
        self._url = json.loads((home / "rpc.json").read_text())["url"]

    def _log(self, name: str) -> BinaryIO:
        return (self.folder / f"{name}.log").open("ab")

    async def _enrol(self) -> None:
        signed = [self._enrolment(device) for device in self.devices]
        if self.orders is not None:
            signed.append(enrolment(self._signer, _CHARGER, 1))
        async with RpcClient(self._url) as client:
            for nonce, data in enumerate(signed, 1):
                body = setup.EnrolBody(enrolment=data, area=AREA, section=b"")
                tx = setup.build_tx(self._seeds["installer"], CHAIN, nonce, body)
                taken = await client.broadcast_tx_sync(tx)
                if taken.code:
                    raise RuntimeError(f"the ledger refused an enrolment: {taken.log}")
                await wait_for_tx(client, taken.id, 0.05, 400)

    def _enrolment(self, device: Device) -> bytes:
        record = Enrolment(
            public_key=device.public_key,
            role=codes.METER,
            channels=[[codes.LOAD, codes.GRID], [codes.GENERATION, codes.SOLAR]][:CHANNELS],
            hardware_id=b"\x01\x02",
            firmware="0.1.0",
            relays=2,
            fixed_limit_w=None,
        )
        return setup.seal(record, bytes(device.key), CHAIN)

    def _write_config(self) -> None:
        root = keys.public_key(self._seeds["operator"]).hex()
        (self.folder / "gateway.toml").write_text(
            f'[gateway]\nname = "gw"\narea = {AREA}\ndata_dir = "data"\nkey_file = "gateway.key"\n'
            f'ack_certificate = "ack.cert"\nkeep_days = {KEEP_DAYS}\n'
            f'[ledger]\nrpc = "{self._url}"\nchain_id = "{CHAIN}"\noperator_root = "{root}"\n'
            f'genesis = "ledger/genesis.json"\n[mqtt]\nhost = "127.0.0.1"\n'
            f"port = {self.broker.port}\n{self._bus()}"
        )

    def _bus(self) -> str:
        if self.orders is None:
            return ""
        return (
            f'[[bus]]\nname = "plant"\nport = "{self.folder}/charger"\nbaud = 115200\n'
            f'timeout_ms = 300\n[[bus.meter]]\nname = "{orders.NAME}"\n'
            f'address = {orders.ADDRESS}\nprofile = "{orders.PROFILE}"\nphases = {orders.PHASES}\n'
        )

    # ---- the gateway ---------------------------------------------------------------------------

    def start_gateway(self) -> None:
        """Fork one; it is on its way when this returns."""
        self._say("start")
        self.gateway_pid = int(self._hear("pid").split()[1])

    def kill_gateway(self) -> None:
        """SIGKILL, and wait until the system has cleared it away."""
        if self.gateway_pid:
            os.kill(self.gateway_pid, signal.SIGKILL)
            self._hear("ended")
            self.gateway_pid = 0

    def shift_clock(self, shift_ms: int) -> None:
        """Set by how much the gateway's clock is wrong from now on."""
        self._say(f"shift {shift_ms}")
        self._hear("shifted")

    def gateway_is_alive(self) -> bool:
        """Whether the gateway runs; False if it ended by itself."""
        try:
            stat = Path(f"/proc/{self.gateway_pid}/stat").read_text()
        except FileNotFoundError:
            return False
        return stat.rpartition(")")[2].split()[0] != "Z"

    def _say(self, words: str) -> None:
        assert self._zygote.stdin is not None
        self._zygote.stdin.write(words + "\n")
        self._zygote.stdin.flush()

    def _hear(self, word: str) -> str:
        assert self._zygote.stdout is not None
        while line := self._zygote.stdout.readline():
            if line.startswith(word):
                return line
        raise RuntimeError(f"the gateway's parent ended before it said {word!r}: {self.log()}")

    # ---- looking -------------------------------------------------------------------------------

    def rows(self) -> list[Row]:
        """What the store holds of the boards, read beside the gateway."""
        not_a_board = b"" if self.orders is None else self.orders.address
        sql = "SELECT device, epoch, seq, code, data FROM records WHERE device != ?"
        store = self.store()
        try:
            return store.database.all(sql, (not_a_board,))
        finally:
            store.close()

    def keep_order(self, rng: random.Random) -> Command:
        """A command comes, and the gateway dies before it brought it: it must not run now."""
        assert self.orders is not None
        assert not self.gateway_pid, "a command must not race the gateway"
        store = Store.open(self.folder / "data" / STORE_FILE)
        try:
            return self.orders.keep(store, rng)
        finally:
            store.close()

    def order_has_ended(self, command: Command) -> bool:
        """Whether the gateway is through with it."""
        assert self.orders is not None
        store = self.store()
        try:
            return self.orders.has_ended(store, command)
        finally:
            store.close()

    def store(self) -> Store:
        """The store, to read only."""
        return Store.open_readonly(self.folder / "data" / STORE_FILE)

    def log(self) -> str:
        """The end of what the gateways said."""
        with suppress(FileNotFoundError):
            return (self.folder / "gateway.log").read_text()[-2000:]
        return ""

    def on_the_ledger(self, device: Device) -> tuple[int, bytes, bool]:
        """(last seq, its hash, whether the device is in good standing) as the ledger has it."""
        return asyncio.run(_asked(self._url, device.address))


async def _asked(url: str, address: bytes) -> tuple[int, bytes, bool]:
    async with RpcClient(url) as client:
        device = (await client.abci_query("/store", DEVICE + address)).value
        last = (await client.abci_query("/store", LAST + address)).value
    active = objects.unpack(objects.Device, device).status == objects.ACTIVE
    if not last:
        return -1, b"", active
    record = objects.unpack(objects.LastRecord, last)
    return record.seq, record.head, active
