"""The whole loop with a meter over BLE and its M-LMD on a bus: from a record to the ledger, from a
contract to the relay, through the gateway's own process with bleak, and a power cut of it."""

import asyncio
import subprocess
import sys
import time

import pytest
from air_loop import METER, AirLoop

from wireformat import ble_map
from wireformat.chained import Outcome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


class Loop(AirLoop):
    PATIENCE_S = 75.0

    def __init__(self, folder, monkeypatch):
        super().__init__(folder, monkeypatch, lambda run_dir: {"ble": run_dir / "air"})
        board = self.site.board(METER)
        board.provision(self.config | {"ble": {}})
        name = ble_map.name(self.site.addresses[METER])
        passkeys = self.site.gateway_config.parent / "passkeys"
        passkeys.touch(0o600)
        passkeys.write_text(f"{name} {board.passkey:06d}\n")
        self.reached_by(f'[ble]\ndevices = ["{name}"]\npasskey_file = "passkeys"\n')
        self.air = subprocess.Popen(
            [sys.executable, "-m", "truewatt.emulator.ble", str(self.site.run_dir / "air")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", self.air.stdout.readline().strip())

    def close(self):
        self.run.supervisor.kill_all()
        self.air.stdin.close()
        self.air.wait(10)


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
