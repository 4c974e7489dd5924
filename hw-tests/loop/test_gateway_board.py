"""Real firmware on emulated boards, a real ledger, the real gateway: what the bus does to them."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable

import pytest
from pymodbus.client import ModbusSerialClient

from gateway.store import Store, StoreError
from ledger.rpc.client import RpcClient
from truewatt.demo import site
from truewatt.demo.runner import Run
from truewatt.demo.scenario import CHAIN_ID, OPT_OUT_PIN, TRIP_PIN, Scenario, plan_homes
from truewatt.emulator.rig_control import ask_rig
from wireformat import codes
from wireformat.chained import Event, Outcome
from wireformat.registry import open_signed

BUS = "bus1"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PATIENCE_S = 40.0
ILLEGAL_FUNCTION = 1


class Loop:
    """One home's meter and its M-LMD, with everything around them, running."""

    def __init__(self, folder, port: int) -> None:
        self.says: list[str] = []
        scenario = Scenario(1, 1.0, 60.0, plan_homes(1, 1), start_min=16 * 60)
        self.site = site.build(folder / "run", scenario, port, self.says.append)
        self.run = Run(self.site, self.says.append)
        self.parts = self.run.supervisor.parts
        self.meter = scenario.homes[0].meter
        self.bus_address = scenario.homes[0].address

    async def start(self) -> None:
        async with RpcClient(self.site.rpc_url) as client:
            await self.run.start(client)

    @property
    def port(self) -> str:
        return str(self.site.run_dir / "rig" / "tty" / BUS)

    def stored(self, name: str) -> dict[tuple[int, int], tuple[int, bytes]]:
        with contextlib.closing(
            Store.open_readonly(self.site.run_dir / "gateway" / "gateway.db")
        ) as store:
            rows = store.records(self.site.addresses[name])
            return {(epoch, seq): (code, data) for epoch, seq, code, data, _ in rows}

    def commands(self) -> dict[str, int]:
        with contextlib.closing(
            Store.open_readonly(self.site.run_dir / "gateway" / "gateway.db")
        ) as store:
            return store.commands.counts()

    def until(self, what: Callable[[], object], name: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self.run.supervisor.revive()
            with contextlib.suppress(StoreError):
                if what():
                    return
            time.sleep(0.05)
        log = (self.site.run_dir / "logs" / "gateway.log").read_text()
        raise AssertionError(f"waited for {name}\n{log[-2000:]}")


@pytest.fixture
def loop(tmp_path, free_port):
    loop = Loop(tmp_path, free_port)
    try:
        asyncio.run(loop.start())
        yield loop
    finally:
        loop.run.supervisor.kill_all()


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_noise_coil_writes_half_frames_and_reboots_cost_no_record(loop):
    meter = loop.meter
    loop.until(lambda: len(loop.stored(meter)) > 3, "first records")
    loop.until(lambda: loop.commands().get("done", 0) > 0, "a command that was carried out")

    control = loop.site.run_dir / "rig" / "control.sock"
    ask_rig(control, cmd="inject", bus=BUS, noise_bit_error=1e-4)
    count = len(loop.stored(meter))
    loop.until(lambda: len(loop.stored(meter)) > count + 3, "records through noise")
    ask_rig(control, cmd="inject", bus=BUS, noise_bit_error=0)

    loop.parts["gateway"].kill()
    client = ModbusSerialClient(loop.port, baudrate=9600, timeout=2, retries=2)
    assert client.connect()
    before = client.read_coils(0, count=2, device_id=loop.bus_address).bits[:2]
    refused = client.write_coil(0, not before[0], device_id=loop.bus_address)
    assert refused.isError()
    assert refused.exception_code == ILLEGAL_FUNCTION
    assert client.read_coils(0, count=2, device_id=loop.bus_address).bits[:2] == before
    client.close()

    half = bytes((loop.bus_address, 16, 0x14, 0x00, 0x00, 0x20, 0x40, 1, 2, 3))
    line = os.open(loop.port, os.O_RDWR | os.O_NOCTTY)
    os.write(line, half)
    os.close(line)
    loop.parts[meter].kill()
    loop.parts[meter].start()
    loop.parts["gateway"].start()
    epochs = {place[0] for place in loop.stored(meter)}
    loop.until(lambda: max(p[0] for p in loop.stored(meter)) > max(epochs), "the next epoch")

    loop.run.stop()
    for name in (meter, "x1"):
        stored = loop.stored(name)
        journal = loop.site.board(name).journal()
        assert set(stored.values()) <= set(journal), f"{name}: a record that its board never signed"
        head = list(stored.values())[-1]
        upto = journal[: journal.index(head) + 1]
        assert list(stored.values()) == upto, f"{name}: lost or out of order"
    rows = [row for name in (meter, "x1") for row in loop.stored(name).values()]
    outcomes = [data for code, data in rows if code == Outcome.CODE]
    assert len(outcomes) >= loop.commands()["done"] > 0


def test_switches_on_site_are_obeyed_and_told(loop):
    """What the live view's key `o` presses, and an M-LMD's test button."""
    control = loop.site.run_dir / "rig" / "control.sock"

    def told(board: str) -> list[int]:
        rows = loop.stored(board).values()
        return [
            open_signed(code, data, CHAIN_ID).record.kind
            for code, data in rows
            if code == Event.CODE
        ]

    def press(board: str, pin: int, *, down: bool) -> None:
        ask_rig(control, cmd="pin", board=board, pin=pin, value=0 if down else 1)

    press(loop.meter, OPT_OUT_PIN, down=True)
    loop.until(lambda: codes.EV_OPT_OUT in told(loop.meter), "the opt-out's event")
    press(loop.meter, OPT_OUT_PIN, down=False)
    loop.until(lambda: codes.EV_OPT_IN in told(loop.meter), "the opt-in's event")
    assert ask_rig(control, cmd="state")["sections"]["x1"]["closed"]
    press("x1", TRIP_PIN, down=True)
    loop.until(
        lambda: not ask_rig(control, cmd="state")["sections"]["x1"]["closed"], "an open breaker"
    )
    loop.until(lambda: codes.EV_TRIP in told("x1"), "the trip's event")
