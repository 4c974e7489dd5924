"""The whole firmware on emulated boards: an ADE7953, an HLW8012, an S0 output, a bought meter."""

import asyncio
import threading
import time

import pytest
from day_sites import SITES, Hlw8012

from ledger.clock import Clock
from truewatt.emulator.board import NO_CHARGES, BoardError, BoardSpec, EmulatedBoard
from truewatt.emulator.physics.channel import Channel
from truewatt.emulator.wires.hlw8012 import HLW8012, Hlw8012Pins
from truewatt.emulator.wires.pins import PinSocket
from truewatt.emulator.wires.tty import Tty
from wireformat import codes, registry

CHAIN = "truewatt-test"
SPEED = 4
RUN_REAL_S = 7
POWER_W = 3600.0
S0_PIN = 34
PULSE_S = 0.3


class Output(threading.Thread):
    """A meter's S0 output on the board's pin: a pulse a simulated second, each of 1 Wh."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self._socket = PinSocket(path, lambda pin, level: None)
        self.opened = threading.Event()
        self.pulses = 0
        self.ending = False

    def run(self):
        asyncio.run(self._work())

    async def _work(self):
        await self._socket.open()
        self._socket.drive(S0_PIN, 1)
        self.opened.set()
        while not self.ending:
            self._socket.drive(S0_PIN, 0)
            await asyncio.sleep(PULSE_S / SPEED)
            self._socket.drive(S0_PIN, 1)
            self.pulses += self._socket.board_is_on
            await asyncio.sleep((1 - PULSE_S) / SPEED)
        self._socket.close()


def at_pins(driver, path, clock):
    """What sends pulses, if the meter does."""
    if driver == "s0":
        return Output(path)
    if driver == "hlw8012":
        return Hlw8012Pins(path, Hlw8012.pins, clock, Channel(230.0, POWER_W), HLW8012)
    return None


def config(site):
    channel = {"kind": "load", "energy": "grid"} | site.settings
    channel.pop("calibration", None)
    return {
        "role": "meter",
        "name": "m1",
        "chain_id": CHAIN,
        "area": 1,
        "operator_root": "ab" * 32,
        "bus": {"address": 1, "uart": 1},
        "metering": site.metering | {"driver": site.driver, "poll_ms": 1000},
        "channels": [channel],
        "relays": [],
        "interval_s": 4,
        "boundary_s": 60,
    }


@pytest.mark.slow
@pytest.mark.parametrize("driver", ["ade7953", "hlw8012", "rs485_meter", "s0"])
def test_readings_carry_what_is_measured(driver, tty, tmp_path):
    clock = Clock.starting_at(1_790_000_000_000, SPEED)
    bus, site = Tty(tmp_path / "uart1"), SITES[driver](tty, tmp_path)
    output = at_pins(driver, tmp_path / "pins", clock)
    spec = BoardSpec(
        "m1",
        uart1=bus.path,
        uart2=tty.path,
        i2c=site.chip.path if driver == "ade7953" else None,
        pins=tmp_path / "pins" if output else None,
        counters=driver == "hlw8012",
        arch="32bit",
        charges=NO_CHARGES,
    )
    board = EmulatedBoard(tmp_path / "m1", spec, {"TRUEWATT_CLOCK": clock.to_env()})
    board.provision(config(site))
    if output:
        output.start()
        assert output.opened.wait(10)
    board.start()
    run_for(RUN_REAL_S, board, site, clock)
    if output:
        output.ending = True
        output.join(5)
    board.kill()
    bus.close()
    records = [registry.open_signed(code, data, CHAIN).record for code, data in board.journal()]
    readings = [record for record in records if type(record).__name__ == "Reading"]
    assert len(readings) >= 3, board.log_path.read_text()[-2000:]
    assert not any(reading.flags & codes.SENSOR_FAULT for reading in readings[1:])
    check(driver, site, readings)
    site.close()


def test_a_board_without_pulse_counters_is_not_provisioned_for_them(tty, tmp_path):
    board = EmulatedBoard(tmp_path / "m1", BoardSpec("m1", charges=NO_CHARGES))
    with pytest.raises(BoardError, match=r"metering\.driver: .* has no pulse counters"):
        board.provision(config(SITES["hlw8012"](tty, tmp_path)))


def run_for(seconds, board, site, clock):
    deadline, stepped = time.monotonic() + seconds, clock.mono_ms() // 1000
    while time.monotonic() < deadline and board.poll() is None:
        while stepped < clock.mono_ms() // 1000:
            site.channel.step(230.0, POWER_W, 0.0)
            site.step()
            stepped += 1
        site.serve()
        time.sleep(0.002)
    assert board.poll() is None, board.log_path.read_text()[-2000:]


def check(driver, site, readings):
    """1 Wh a second, by the board's own time; what the part is out by is not calibrated here."""
    first, last = readings[0], readings[-1]
    gained_wh = last.channels[0][0] - first.channels[0][0]
    seconds = sum(reading.interval_s for reading in readings[1:])
    assert gained_wh <= 1.02 * seconds + 2, (gained_wh, seconds)
    # A machine that stalls swallows edges at this speed; a chip has them at its own pace.
    assert gained_wh >= (0.8 if driver == "s0" else 0.94) * seconds - 3, (gained_wh, seconds)
    mean_w = last.channels[0][2]
    assert 0.6 * POWER_W <= mean_w <= 1.7 * POWER_W
    if driver == "hlw8012":  # a frequency: of a busy machine's time
        assert 2000 <= last.voltage_dv <= 2600
    elif driver != "s0":
        assert abs(mean_w - POWER_W) <= 0.04 * POWER_W
        assert abs(last.voltage_dv - 2300) <= 2
