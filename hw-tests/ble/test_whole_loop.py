"""The whole loop with a meter over BLE and its M-LMD on a bus: from a record to the ledger, from a
contract to the relay, through the gateway's own process with bleak, and a power cut of it."""

import asyncio
import contextlib
import subprocess
import sys
import time

import pytest

from gateway.store import Store, StoreError
from gateway.tests.mqtt.broker import free_port
from ledger.rpc.client import RpcClient
from truewatt.demo import runner, site
from truewatt.demo.scenario import Scenario, board_config, plan_homes
from truewatt.emulator.board import BoardSpec, EmulatedBoard
from wireformat import ble_map
from wireformat.chained import Outcome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PATIENCE_S = 75.0
METER = "m1"


def board_on_the_air(run_dir, scenario, name, environment=None):
    lines = run_dir / "rig" / "tty"
    spec = BoardSpec(
        name=name,
        uart1=None if name == METER else lines / f"{name}.uart1",
        uart2=lines / f"{name}.uart2",
        pins=run_dir / "rig" / f"{name}.pins",
        spi=None if name == METER else run_dir / "rig" / f"{name}.spi",
        arch=scenario.arch,
        ble=run_dir / "air" if name == METER else None,
    )
    return EmulatedBoard(run_dir / "boards" / name, spec, environment)


class Loop:
    def __init__(self, folder, monkeypatch):
        monkeypatch.setattr(site, "make_board", board_on_the_air)
        scenario = Scenario(1, 1.0, 30.0, plan_homes(1, 1), start_min=16 * 60)
        self.site = site.build(folder / "run", scenario, free_port(), lambda text: None)
        config = board_config(scenario, METER, self.site.operator_root)
        del config["bus"]
        board = self.site.board(METER)
        board.provision(config | {"ble": {}})
        name = ble_map.name(self.site.addresses[METER])
        toml = self.site.gateway_config
        passkeys = toml.parent / "passkeys"
        passkeys.touch(0o600)
        passkeys.write_text(f"{name} {board.passkey:06d}\n")
        blocks = toml.read_text().split("\n\n")
        on_bus = [block for block in blocks if f'name = "{METER}"' not in block]
        ble = f'[ble]\ndevices = ["{name}"]\npasskey_file = "passkeys"\n'
        toml.write_text("\n\n".join([*on_bus, ble]))
        self.air = subprocess.Popen(
            [sys.executable, "-m", "truewatt.emulator.ble", str(self.site.run_dir / "air")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", self.air.stdout.readline().strip())
        self.run = runner.Run(self.site, lambda text: None)

    async def start(self):
        async with RpcClient(self.site.rpc_url) as client:
            await self.run.start(client)

    def close(self):
        self.run.supervisor.kill_all()
        self.air.stdin.close()
        self.air.wait(10)

    def look(self, what):
        path = self.site.run_dir / "gateway" / "gateway.db"
        with contextlib.suppress(StoreError), contextlib.closing(Store.open_readonly(path)) as it:
            return what(it)
        return None

    def rows(self):
        address = self.site.addresses[METER]
        return self.look(lambda store: [(row[2], row[3]) for row in store.records(address)]) or []

    def until(self, what, name):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self.run.supervisor.revive()
            if what():
                return
            time.sleep(0.1)
        log = (self.site.run_dir / "logs" / "gateway.log").read_text()
        console = self.site.board(METER).log_path.read_text(errors="replace")
        raise AssertionError(f"waited for {name}\n{log[-3000:]}\n{console[-1000:]}")


def test_a_meter_on_the_air_is_in_the_loop_and_a_power_cut_costs_nothing(tmp_path, monkeypatch):
    loop = Loop(tmp_path, monkeypatch)
    try:
        asyncio.run(loop.start())
        parts = loop.run.supervisor.parts
        outcomes = lambda: [data for code, data in loop.rows() if code == Outcome.CODE]  # noqa: E731
        loop.until(outcomes, "a command that the meter carried out")
        assert loop.look(lambda store: store.commands.counts().get("done", 0)) > 0
        parts["gateway"].kill()
        held = len(loop.rows())
        time.sleep(1)
        parts["gateway"].start()
        loop.until(lambda: len(loop.rows()) > held + 3, "records after the power cut")
        loop.until(lambda: loop.look(lambda store: len(store.outbox)) == 0, "all on the ledger")
        loop.run.stop()
        rows = loop.rows()
        assert rows == loop.site.board(METER).journal()[: len(rows)]
        assert loop.look(lambda store: store.refusals()) == {}
    finally:
        loop.close()
