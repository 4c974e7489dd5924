"""The whole firmware on emulated boards whose metering chip is not a PZEM."""

import time

import pytest

from ledger.clock import Clock
from truewatt.emulator.board import NO_CHARGES, BoardSpec, EmulatedBoard
from truewatt.emulator.physics.channel import Channel
from truewatt.emulator.wires.atm90e32 import Atm90e32Chip, Phase
from truewatt.emulator.wires.bl0942 import Bl0942Chip, Bl0942Line
from truewatt.emulator.wires.cse7766 import Cse7766Chip, Cse7766Line
from truewatt.emulator.wires.tty import Tty
from wireformat import codes, registry

CHAIN = "truewatt-test"
SPEED = 10
RUN_REAL_S = 6


def config(driver):
    return {
        "role": "meter",
        "name": "m1",
        "chain_id": CHAIN,
        "area": 1,
        "operator_root": "ab" * 32,
        "bus": {"address": 1, "uart": 1},
        "metering": {"driver": driver, "uart": 2, "poll_ms": 1000, "timeout_ms": 4000},
        "channels": [{"kind": "load", "energy": "grid", "sensor": 1}],
        "relays": [],
        "interval_s": 10,
        "boundary_s": 60,
    }


def chip_on(driver, tty, channel, clock):
    if driver == "bl0942":
        chip = Bl0942Chip(channel, address=1)
        return chip, Bl0942Line(tty, [chip], paced=False, clock=clock).serve
    chip = Cse7766Chip(channel)
    return chip, Cse7766Line(tty, chip, clock).send


@pytest.mark.parametrize("driver", ["bl0942", "cse7766"])
def test_readings_carry_what_the_chip_measures(driver, tty, tmp_path):
    clock = Clock.starting_at(1_790_000_000_000, SPEED)
    bus = Tty(tmp_path / "uart1")
    channel = Channel(230.0, 3600.0)
    chip, serve = chip_on(driver, tty, channel, clock)
    spec = BoardSpec(
        "m1", uart1=bus.path, uart2=tty.path, arch="32bit", heap_kib=256, charges=NO_CHARGES
    )
    board = EmulatedBoard(tmp_path / "m1", spec, {"TRUEWATT_CLOCK": clock.to_env()})
    board.provision(config(driver))
    board.start()
    seconds = clock.mono_ms() // 1000
    deadline = time.monotonic() + RUN_REAL_S
    while time.monotonic() < deadline and board.poll() is None:
        while seconds < clock.mono_ms() // 1000:
            channel.step(230.0, 3600.0, 0.0)
            chip.step()
            seconds += 1
        serve()
        time.sleep(0.002)
    assert board.poll() is None, board.log_path.read_text()[-2000:]
    board.kill()
    bus.close()
    opened = [registry.open_signed(code, data, CHAIN) for code, data in board.journal()]
    readings = [each.record for each in opened if type(each.record).__name__ == "Reading"]
    assert len(readings) >= 3, board.log_path.read_text()[-2000:]
    last = readings[-1]
    row = last.channels[0]
    assert abs(row[2] - 3600) <= 2, row
    assert abs(last.voltage_dv - 2300) <= 2
    # 3.6 kW are 1 Wh a second, and a reading each 10 s.
    gained_wh = row[0] - readings[0].channels[0][0]
    assert abs(gained_wh - sum(each.interval_s for each in readings[1:])) <= 3


class Section:
    """A section that exports until one of its phases is overloaded."""

    frequency_hz = 50.0
    phases = (Phase(230.0, -2000.0, 0.0), Phase(230.0, -2000.0, 0.0), Phase(230.0, 1000.0, 0.0))

    def overload_a_phase(self):
        """12 kW on one phase; the section as a whole stays far below its limit."""
        self.phases = (Phase(230.0, -2000.0, 0.0), Phase(230.0, 12_000.0, 0.0), self.phases[2])


def test_an_mlmd_measures_export_and_trips_on_one_phase(tty, tmp_path):
    clock = Clock.starting_at(1_790_000_000_000, SPEED)
    bus = Tty(tmp_path / "uart1")
    section = Section()
    chip = Atm90e32Chip(section, tmp_path / "x1.spi", cs=5)
    spec = BoardSpec(
        "x1", uart1=bus.path, spi=chip.path, arch="32bit", heap_kib=256, charges=NO_CHARGES
    )
    board = EmulatedBoard(tmp_path / "x1", spec, {"TRUEWATT_CLOCK": clock.to_env()})
    mlmd = config("atm90e32") | {
        "role": "mlmd",
        "name": "x1",
        "metering": {"driver": "atm90e32", "cs": 5},
        "channels": [{"kind": "section", "energy": "grid", "sensor": 1}],
        "relays": [{"pin": 26, "safe": "closed", "name": "breaker"}],
        "fixed_limit_w": 20_000,
        "phase_limit_a": 40,
        "breaker": {"dead_times_s": []},
    }
    board.provision(mlmd)
    board.start()
    seconds = start = clock.mono_ms() // 1000
    deadline = time.monotonic() + RUN_REAL_S
    while time.monotonic() < deadline and board.poll() is None:
        while seconds < clock.mono_ms() // 1000:
            chip.step()
            seconds += 1
        if seconds - start > 10 * RUN_REAL_S * SPEED // 16:
            section.overload_a_phase()
        time.sleep(0.01)
    assert board.poll() is None, board.log_path.read_text()[-2000:]
    board.kill()
    chip.close()
    bus.close()
    records = [registry.open_signed(code, data, CHAIN).record for code, data in board.journal()]
    feeders = [record for record in records if type(record).__name__ == "Feeder"]
    assert len(feeders) >= 3, board.log_path.read_text()[-2000:]
    exporting = feeders[1].channels[0]
    assert abs(exporting[2] + 3000) <= 2, exporting
    assert exporting[1] > 0 == exporting[0]
    trips = [record for record in records if getattr(record, "kind", 0) == codes.EV_TRIP]
    # 12 kW at 230 V are 52.2 A; at 40 A a phase, that stands for 26.1 kW of the section.
    assert [trip.detail[0] for trip in trips] == [codes.TRIP_FIXED_LIMIT]
    assert abs(trips[0].detail[1] - 26_087) <= 5
    assert feeders[-1].breaker == codes.BREAKER_LOCKED_OUT
