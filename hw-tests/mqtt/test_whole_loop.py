"""The whole loop with a meter on the air and its M-LMD on a bus: from a record to the ledger, from
a contract to the relay, by the embedded broker or Modbus TCP, through a gateway's power cut."""

import asyncio
import contextlib
import time

import pytest

from gateway.store import Store, StoreError
from gateway.tests.mqtt.broker import free_port
from ledger.rpc.client import RpcClient
from truewatt.demo import runner, site
from truewatt.demo.scenario import Scenario, board_config, plan_homes
from truewatt.emulator.board import BoardSpec, EmulatedBoard
from wireformat.chained import Outcome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PATIENCE_S = 60.0
METER = "m1"


def radio_board(run_dir, scenario, name, environment=None):
    lines = run_dir / "rig" / "tty"
    spec = BoardSpec(
        name=name,
        uart1=None if name == METER else lines / f"{name}.uart1",
        uart2=lines / f"{name}.uart2",
        pins=run_dir / "rig" / f"{name}.pins",
        spi=None if name == METER else run_dir / "rig" / f"{name}.spi",
        arch=scenario.arch,
        radio=name == METER,
    )
    return EmulatedBoard(run_dir / "boards" / name, spec, environment)


class Loop:
    def __init__(self, folder, monkeypatch, link):
        monkeypatch.setattr(site, "make_board", radio_board)
        scenario = Scenario(1, 1.0, 30.0, plan_homes(1, 1), start_min=16 * 60)
        self.site = site.build(folder / "run", scenario, free_port(), lambda text: None)
        port = free_port()
        config = board_config(scenario, METER, self.site.operator_root)
        del config["bus"]
        air = {"ssid": "site", "port": port}
        if link == "mqtt":
            air["host"] = "127.0.0.1"
        self.site.board(METER).provision(config | {link: air})
        toml = self.site.gateway_config
        blocks = toml.read_text().split("\n\n")
        on_bus = [block for block in blocks if f'name = "{METER}"' not in block]
        way = f"[mqtt]\nembedded = true\nport = {port}\n"
        if link == "tcp":
            way = f'[[bus]]\nname = "air"\nport = "tcp://127.0.0.1:{port}"\n\n'
            way += f'[[bus.device]]\naddress = 1\nname = "{METER}"\n'
        toml.write_text("\n\n".join([*on_bus, way]))
        self.run = runner.Run(self.site, lambda text: None)

    async def start(self):
        async with RpcClient(self.site.rpc_url) as client:
            await self.run.start(client)

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
        raise AssertionError(f"waited for {name}\n{log[-3000:]}")


@pytest.mark.parametrize("link", ["mqtt", "tcp"])
def test_a_meter_on_the_air_is_in_the_loop_and_power_cuts_cost_nothing(tmp_path, monkeypatch, link):
    loop = Loop(tmp_path, monkeypatch, link)
    try:
        asyncio.run(loop.start())
        parts = loop.run.supervisor.parts
        outcomes = lambda: [data for code, data in loop.rows() if code == Outcome.CODE]  # noqa: E731
        loop.until(outcomes, "a command that the meter carried out")
        done = loop.look(lambda store: store.commands.counts().get("done", 0))
        assert done > 0
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
        loop.run.supervisor.kill_all()
