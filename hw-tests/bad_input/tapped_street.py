"""A street of real parts: rig, boards with real firmware, tapped bus, gateway, lying ledger node.

Time runs 20 times as fast as the wall's. Everything is ended by its process id.
"""

import asyncio
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gateway.store import Store, StoreError
from gateway.tests.signing import CHAIN
from ledger import keys, setup
from ledger.clock import Clock
from ledger.contracts.params import Limits
from ledger.rpc.client import RpcClient, wait_for_tx
from truewatt.emulator.board import BoardSpec, EmulatedBoard
from truewatt.emulator.rig_control import ask_rig
from truewatt.hostile.lying_node import LyingNode
from truewatt.hostile.wiretap import Wiretap
from wireformat import codes, identity
from wireformat.control import Enrolment
from wireformat.registry import open_signed

SPEED = 20.0
ORIGIN_MS = 1_800_000_000_000
AREA = 1
PATIENCE_S = 30.0
NAMES = ("operator", "validator", "control", "old_control", "gateway", "installer", "prosumer")
ADDRESSES = {"m1": 1, "m2": 2, "m3": 3, "spare": 2}
"""Bus addresses. m3 runs, but no gateway asks it until a test does, so that its flash fills. The
spare is off until a test puts it in m2's place."""
AT_WORK = ("m1", "m2")

VALIDITY_S = 150
YEAR_S = 365 * 86_400


def board_config(name: str, root: bytes) -> dict[str, Any]:
    """`/config.json`. m3 has the smallest journal and fills it faster than others."""
    return {
        "role": "meter",
        "name": name,
        "chain_id": CHAIN,
        "area": AREA,
        "operator_root": root.hex(),
        "bus": {"address": ADDRESSES[name], "uart": 1, "baud": 115200},
        "metering": {"driver": "pzem004t", "uart": 2, "poll_ms": 2000, "timeout_ms": 4000},
        "channels": [
            {"kind": "load", "energy": "grid", "sensor": 1},
            {"kind": "generation", "energy": "solar", "sensor": 2},
        ],
        "relays": [
            {"pin": 26, "safe": "closed", "name": "heater", "min_between_s": 0, "max_per_hour": 60},
            {"pin": 27, "safe": "open", "name": "ev", "min_between_s": 0, "max_per_hour": 60},
        ],
        "interval_s": 3 if name == "m3" else 10,
        "boundary_s": 60,
        "comms_timeout_s": 3600,
        "restore_delay_s": [0, 0],
        "journal_kib": 32 if name == "m3" else 512,
        "wdt_ms": 120_000,
    }


class Street:
    """Use as a context manager; `m1` and `m2` are at work."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock.starting_at(ORIGIN_MS, SPEED)
        self.seeds = {name: keys.create_seed(folder / f"{name}.key") for name in NAMES}
        self.root = keys.public_key(self.seeds["operator"])
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.boards: dict[str, EmulatedBoard] = {}
        self.device: dict[str, bytes] = {}
        self.enrolments: dict[str, bytes] = {}
        self._nonces = dict.fromkeys(NAMES, 0)
        self._loop = asyncio.new_event_loop()
        self._loop_thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.url = ""
        self.tap: Wiretap
        self.liar: LyingNode

    # ---- life ----------------------------------------------------------------------------------

    def __enter__(self) -> "Street":
        self._loop_thread.start()
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything, whatever of it came up."""
        if hasattr(self, "tap"):
            self.tap.stop()
        for board in self.boards.values():
            board.kill()
        for process in self.processes.values():
            process.kill()
            process.wait()
        if hasattr(self, "liar"):
            self.call(self.liar.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._loop_thread.join()
        self._loop.close()

    def call(self, coroutine: Any) -> Any:
        """Run a coroutine on the street's event loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    def _build(self) -> None:
        self._found()
        self._start_rig()
        for name in ADDRESSES:
            self._provision(name)
        self._start_ledger()
        self.tap = Wiretap(self.folder / "rig" / "tty" / "bus0", self.folder / "port")
        self.tap.start()
        self.liar = LyingNode(self.url)
        self.call(self.liar.__aenter__())
        for name in (*AT_WORK, "m3"):
            self.boards[name].start()
        self.call(self._enrol())
        self.write_config(*AT_WORK)
        self.start_gateway()
        self.until(lambda: self.store().close() is None, "the gateway's store")

    # ---- files ---------------------------------------------------------------------------------

    def certificate(self, role: int, holder: str, serial: int) -> bytes:
        """A certificate under the operator's root."""
        return setup.certify(
            self.seeds["operator"],
            CHAIN,
            role=role,
            area=AREA,
            public_key=keys.public_key(self.seeds[holder]),
            serial=serial,
            expires_s=ORIGIN_MS // 1000 + YEAR_S,
        )

    def _found(self) -> None:
        ack = self.certificate(codes.ACK, "gateway", 1)
        (self.folder / "ack.cert").write_text(ack.hex())
        genesis = setup.make_genesis(
            chain_id=CHAIN,
            time_ms=ORIGIN_MS,
            operator_root=self.root,
            validator_public_key=keys.public_key(self.seeds["validator"]),
            areas=[setup.default_area(AREA, price_interval_s=60)],
            certificates=[
                # Serial 1 was the old control key's.
                self.certificate(codes.CONTROL, "control", 2),
                ack,
                self.certificate(codes.INSTALLER, "installer", 1),
            ],
            limits=Limits(
                command_validity_s=VALIDITY_S, command_renew_s=30, retry_s=5, clock_skew_s=60
            ),
        )
        home = self.folder / "ledger"
        setup.make_home(home, genesis, self.seeds["validator"], self.seeds["control"])

    def write_config(self, *names: str) -> Path:
        """The gateway's file: its port is the tap, its node the liar, its boards those named."""
        devices = "".join(
            f'[[bus.device]]\naddress = {ADDRESSES[name]}\nname = "{name}"\n' for name in names
        )
        path = self.folder / "gateway.toml"
        path.write_text(
            f'[gateway]\nname = "gw"\narea = {AREA}\ndata_dir = "data"\nkey_file = "gateway.key"\n'
            f'ack_certificate = "ack.cert"\npoll_s = 5\n'
            f'[ledger]\nrpc = "{self.liar.url}"\nchain_id = "{CHAIN}"\n'
            f'operator_root = "{self.root.hex()}"\ngenesis = "ledger/genesis.json"\n'
            f'[[bus]]\nname = "bus0"\nport = "port"\nbaud = 115200\ntimeout_ms = 800\n{devices}'
        )
        return path

    # ---- processes -----------------------------------------------------------------------------

    def _start(self, name: str, *argv: str, clock: Clock | None = None) -> None:
        env = {**os.environ, "TRUEWATT_CLOCK": (clock or self.clock).to_env()}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *argv], env=env, stdout=log, stderr=log
            )

    def _start_rig(self) -> None:
        names = list(ADDRESSES)
        config = {
            "seed": 7,
            "out": "rig",
            "buses": [{"name": "bus0", "baud": 115200, "paced": False, "boards": names}],
            "boards": {name: {"role": "meter", "home": name} for name in names},
            "homes": [{"name": name, "assets": HEATER_AND_EV} for name in names],
        }
        (self.folder / "rig.json").write_text(json.dumps(config))
        self._start("rig", "truewatt.emulator.rig", str(self.folder / "rig.json"))
        self.until((self.folder / "rig" / "ready").exists, "the rig")

    def _provision(self, name: str) -> None:
        lines = self.folder / "rig" / "tty"
        spec = BoardSpec(
            name=name,
            uart1=lines / f"{name}.uart1",
            uart2=lines / f"{name}.uart2",
            pins=self.folder / "rig" / f"{name}.pins",
        )
        environment = {"TRUEWATT_CLOCK": self.clock.to_env()}
        board = EmulatedBoard(self.folder / "boards" / name, spec, environment)
        self.boards[name] = board
        self.enrolments[name] = board.provision(board_config(name, self.root))
        record = open_signed(Enrolment.CODE, self.enrolments[name], CHAIN).record
        assert isinstance(record, Enrolment)
        self.device[name] = identity.address(record.public_key)

    def _start_ledger(self) -> None:
        rpc = self.folder / "ledger" / "rpc.json"
        home = str(self.folder / "ledger")
        self._start("ledger", "truewatt.cli", "ledger", "run", "--home", home, "--port", "0")
        self.until(rpc.exists, "the ledger")
        self.url = json.loads(rpc.read_text())["url"]

    def start_gateway(self, clock: Clock | None = None) -> None:
        """Start the gateway, if need be with a clock of its own."""
        config = str(self.folder / "gateway.toml")
        self._start("gateway", "truewatt.cli", "gateway", "run", "--config", config, clock=clock)

    def stop_gateway(self) -> None:
        """An orderly end."""
        process = self.processes["gateway"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0, self.log("gateway")

    @contextlib.contextmanager
    def file_size_limit(self, size_bytes: int) -> Iterator[None]:
        """No file of the gateway grows beyond `size_bytes`: a disk that takes no more."""
        pid = self.processes["gateway"].pid
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, before[1]))
        try:
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

    # ---- the ledger ----------------------------------------------------------------------------

    async def _enrol(self) -> None:
        for name in ADDRESSES:
            body = setup.EnrolBody(enrolment=self.enrolments[name], area=AREA, section=b"")
            await self._send("installer", body)
        owner = keys.public_key(self.seeds["prosumer"])
        devices = sorted(self.device[name] for name in ADDRESSES)
        await self._send("operator", setup.AccountBody(public_key=owner, devices=devices))

    async def _send(self, who: str, body: Any) -> None:
        async with RpcClient(self.url) as client:
            self._nonces[who] += 1
            tx = setup.build_tx(self.seeds[who], CHAIN, self._nonces[who], body)
            taken = await client.broadcast_tx_sync(tx)
            assert taken.code == 0, taken.log
            found = await wait_for_tx(client, taken.id, 0.05, 400)
            assert found.code == 0, found.log

    def wish(self, name: str, closed: bool, asset: int = 0) -> None:
        """The owner's price limit: so high that the contract closes the relay, or opens it."""
        body = setup.PreferencesBody(
            device=self.device[name],
            asset=asset,
            price_limit=10**9 if closed else 1,
            energy=0,
            priority=1,
            run_s=0,
            deadline_s=0,
            period_s=86_400,
            min_on_s=0,
            min_off_s=0,
            rated_w=2000,
        )
        self.call(self._send("prosumer", body))

    def command(self, name: str, closed: bool, asset: int = 0) -> None:
        """A good command from wish to relay, by way of the ledger."""
        self.wish(name, closed, asset)
        self.until(lambda: self.relay(name, asset) == closed, f"{name} to obey")

    # ---- looking -------------------------------------------------------------------------------

    chain_id = CHAIN

    def tap_of(self, board: str) -> Wiretap:
        """All boards are on one line."""
        return self.tap

    def bus_address(self, board: str) -> int:
        return ADDRESSES[board]

    def until(self, what: Callable[[], Any], name: str, seconds: float = PATIENCE_S) -> Any:
        """What `what()` returns once it is true; the gateway's last words if it never is."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(StoreError):
                if value := what():
                    return value
            time.sleep(0.03)
        logs = "".join(f"\n{part}: {self.log(part)[-1500:]}" for part in self.processes)
        raise AssertionError(f"waited {seconds:.0f} s for {name}; {self.notices()}{logs}")

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def rig(self, **request: Any) -> dict[str, Any]:
        return ask_rig(self.folder / "rig" / "control.sock", **request)

    def relay(self, name: str, asset: int = 0) -> bool:
        """The contact itself, in the physics."""
        relays = self.rig(cmd="status")["boards"][name]["relays"]
        return bool(relays[("water_heater", "ev")[asset]])

    def status(self) -> dict[str, Any]:
        """The gateway's status file."""
        try:
            status: dict[str, Any] = json.loads((self.folder / "data" / "status.json").read_text())
        except FileNotFoundError:
            return {"notices": {}, "boards": [], "commands": {}, "refusals": {}}
        return status

    def notices(self) -> dict[str, str]:
        """What the gateway says is wrong now: key to code."""
        return {key: notice["code"] for key, notice in self.status()["notices"].items()}

    def refusals(self) -> dict[str, int]:
        with contextlib.closing(self.store()) as store:
            return store.refusals()

    def store(self) -> Store:
        return Store.open_readonly(self.folder / "data" / "gateway.db")

    def held(self, name: str) -> list[tuple[int, bytes]]:
        """(type code, bytes) of a board's records in the gateway's store."""
        with contextlib.closing(self.store()) as store:
            return [(row[2], row[3]) for row in store.records(self.device[name])]

    def grows(self, name: str, by: int = 2) -> None:
        """Wait until that many more good records of a board are in."""
        before = len(self.held(name))
        self.until(lambda: len(self.held(name)) >= before + by, f"records of {name}")


HEATER_AND_EV = {
    "water_heater": {"power_w": 2000},
    "ev": {"power_w": 3700, "need_wh": 40_000, "from_min": 0, "until_min": 1439},
}
