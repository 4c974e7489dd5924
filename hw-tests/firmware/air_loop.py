"""The whole loop with one meter whose way to the gateway is not its bus, and its M-LMD on one."""

import contextlib
import time

from gateway.store import Store, StoreError
from gateway.tests.mqtt.broker import free_port
from ledger.rpc.client import RpcClient
from truewatt.demo import runner, site
from truewatt.demo.scenario import Scenario, board_config, plan_homes
from truewatt.emulator.board import BoardSpec, EmulatedBoard

METER = "m1"


class AirLoop:
    """`meter_spec(run_dir)` is what the meter has instead of a UART to the bus."""

    PATIENCE_S = 60.0

    def __init__(self, folder, monkeypatch, meter_spec):
        def make_board(run_dir, scenario, name, environment=None):
            return _board(run_dir, scenario, name, environment, meter_spec)

        monkeypatch.setattr(site, "make_board", make_board)
        scenario = Scenario(1, 1.0, 30.0, plan_homes(1, 1), start_min=16 * 60)
        self.site = site.build(folder / "run", scenario, free_port(), lambda text: None)
        self.config = board_config(scenario, METER, self.site.operator_root)
        del self.config["bus"]
        self.run = runner.Run(self.site, lambda text: None)

    def reached_by(self, way):
        """Put `way` into the gateway's file in place of the meter on the bus."""
        toml = self.site.gateway_config
        blocks = toml.read_text().split("\n\n")
        on_bus = [block for block in blocks if f'name = "{METER}"' not in block]
        toml.write_text("\n\n".join([*on_bus, way]))

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
        deadline = time.monotonic() + self.PATIENCE_S
        while time.monotonic() < deadline:
            self.run.supervisor.revive()
            if what():
                return
            time.sleep(0.1)
        log = (self.site.run_dir / "logs" / "gateway.log").read_text()
        console = self.site.board(METER).log_path.read_text(errors="replace")
        raise AssertionError(f"waited for {name}\n{log[-3000:]}\n{console[-1000:]}")


def _board(run_dir, scenario, name, environment, meter_spec):
    lines, own = run_dir / "rig" / "tty", name == METER
    spec = BoardSpec(
        name=name,
        uart1=None if own else lines / f"{name}.uart1",
        uart2=lines / f"{name}.uart2",
        pins=run_dir / "rig" / f"{name}.pins",
        spi=None if own else run_dir / "rig" / f"{name}.spi",
        arch=scenario.arch,
        **(meter_spec(run_dir) if own else {}),
    )
    return EmulatedBoard(run_dir / "boards" / name, spec, environment)
