"""The whole loop with a meter on the air and its M-LMD on a bus: from a record to the ledger, from
a contract to the relay, by the embedded broker or Modbus TCP, through a gateway's power cut."""

import asyncio
import time

import pytest
from air_loop import METER, AirLoop

from gateway.tests.mqtt.broker import free_port
from wireformat.chained import Outcome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


class Loop(AirLoop):
    def __init__(self, folder, monkeypatch, link):
        super().__init__(folder, monkeypatch, lambda run_dir: {"radio": True})
        port = free_port()
        air = {"ssid": "site", "port": port}
        if link == "mqtt":
            air["host"] = "127.0.0.1"
        self.site.board(METER).provision(self.config | {link: air})
        way = f"[mqtt]\nembedded = true\nport = {port}\n"
        if link == "tcp":
            way = f'[[bus]]\nname = "air"\nport = "tcp://127.0.0.1:{port}"\n\n'
            way += f'[[bus.device]]\naddress = 1\nname = "{METER}"\n'
        self.reached_by(way)


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
