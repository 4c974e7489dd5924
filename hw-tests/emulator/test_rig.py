"""A whole rig as a process: a board's pin moves a relay, and the physics shows it."""

import csv
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import serial

from truewatt.emulator.board import ExitReason
from truewatt.emulator.rig_control import RigCommandError
from truewatt.emulator.wires.pzem import crc16

RIG = {
    "seed": 5,
    "start_local": "18:00",
    "buses": [{"name": "bus0", "boards": ["m1"]}],
    "boards": {"m1": {"role": "meter", "home": "h1"}},
    "homes": [{"name": "h1"}],
}

# Closes the EV's relay, opens it when the button is pressed, and echoes the bus.
SWITCH = """
import asyncio
from machine import Pin, UART
button = Pin(34, Pin.IN, Pin.PULL_UP)
ev = Pin(27, Pin.OUT, value=1)
def pressed(pin):
    ev.value(pin.value())
button.irq(pressed, Pin.IRQ_FALLING)
uart = UART(1)
async def main():
    reader = asyncio.StreamReader(uart)
    print("up", button.value())
    while True:
        uart.write(await reader.read(100))
asyncio.run(main())
"""


def wired(rig, make_board: Callable, program: str = SWITCH):
    return make_board(
        program,
        60,
        uart1=rig.tty("m1.uart1"),
        uart2=rig.tty("m1.uart2"),
        pins=rig.out / "m1.pins",
    )


def test_a_pin_opens_a_relay_and_the_feeder_loses_that_load(
    start_rig: Callable, make_board: Callable, wait_until: Callable
) -> None:
    rig = start_rig(RIG)
    board = wired(rig, make_board)
    board.start()

    def ev_w(watts: float):
        return lambda: rig.ask(cmd="status")["homes"]["h1"]["assets_w"].get("ev") == watts

    wait_until(ev_w(3700.0), "the vehicle to charge")
    assert "up 1" in board.log_path.read_text()
    rig.ask(cmd="pin", board="m1", pin=34, value=0)
    wait_until(ev_w(0.0), "the relay to open")
    status = rig.ask(cmd="status")
    assert status["boards"]["m1"]["relays"] == {"water_heater": True, "ev": False}
    assert status["boards"]["m1"]["on"] is True, board.log_path.read_text()
    closing, opening = map(json.loads, (rig.out / "switches.jsonl").read_text().splitlines())
    assert (closing["board"], closing["relay"], closing["state"]) == ("m1", "ev", "closed")
    assert opening["state"] == "open"
    assert opening["t_ms"] > closing["t_ms"]
    assert opening["before"]["ev_w"] == 3700
    drop_w = opening["before"]["feeder_w"] - opening["after"]["feeder_w"]
    # The minute may turn between the two seconds, and with it the home's own load.
    own_w = [at["home_w"] - at["ev_w"] for at in (opening["before"], opening["after"])]
    assert drop_w == pytest.approx(3700 + own_w[0] - own_w[1], abs=200)


def test_mains_and_relays_at_a_power_cut(
    start_rig: Callable, make_board: Callable, wait_until: Callable
) -> None:
    rig = start_rig(RIG)
    board = wired(rig, make_board)
    relays = lambda: rig.ask(cmd="status")["boards"]["m1"]  # noqa: E731
    board.start()
    wait_until(lambda: relays()["relays"]["ev"], "the relay to close")
    board.kill()
    wait_until(lambda: not relays()["on"], "the rig to see the board die")
    assert relays()["relays"] == {"water_heater": True, "ev": False}, "contacts fall to their rest"
    board.start()
    wait_until(lambda: relays()["relays"]["ev"], "the relay to close again")
    rig.ask(cmd="power", board="m1")
    wait_until(lambda: board.poll() is not None, "the board to lose its mains")
    assert board.exit_reason is ExitReason.MAINS_LOST
    board.start()
    wait_until(lambda: relays()["relays"]["ev"], "the relay to close again")
    assert rig.stop() == 0
    wait_until(lambda: board.poll() is not None, "the board to end with the world")
    assert board.exit_reason is ExitReason.MAINS_LOST


CAUSE = """
import machine, time
from machine import Pin
Pin(27, Pin.OUT, value=1)
print("cause", machine.reset_cause(), machine.mem32[0x3FF48034])
while True:
    time.sleep_ms(100)
"""


def test_the_rig_lets_a_boards_supply_sag(
    start_rig: Callable, make_board: Callable, wait_until: Callable
) -> None:
    rig = start_rig(RIG)
    board = wired(rig, make_board, CAUSE)
    board.start()
    wait_until(lambda: "cause 1 1" in board.log_path.read_text(), "the first start")
    for brown_out, told in ((True, "cause 3 15"), (False, "cause 1 1")):
        rig.ask(cmd="power", board="m1", brown_out=brown_out)
        wait_until(lambda: board.poll() is not None, "the board to lose its supply")
        board.start()
        wait_until(lambda told=told: told in last_line(board), told)


def last_line(board) -> str:
    lines = board.log_path.read_text().splitlines()
    return lines[-1] if lines else ""


def test_bus_modules_disturbance_and_files(
    start_rig: Callable, make_board: Callable, wait_until: Callable
) -> None:
    rig = start_rig(RIG)
    board = wired(rig, make_board)
    board.start()
    wait_until(lambda: "up" in board.log_path.read_text(), "the board")
    with serial.Serial(str(rig.tty("bus0")), 9600, timeout=2) as gateway:
        gateway.write(b"over the bus")
        assert gateway.read(12) == b"over the bus"
        assert rig.ask(cmd="inject", bus="bus0", cut=True, board="m1")["cut_nodes"] == ["m1"]
        gateway.timeout = 0.2
        gateway.write(b"lost")
        assert gateway.read(1) == b""
        rig.ask(cmd="inject", bus="bus0", cut=False, board="m1")
        assert rig.ask(cmd="inject", bus="bus0", noise_bit_error=1.0)["noise_bit_error"] == 1.0
        gateway.write(b"x")
        assert gateway.read(1) == b"x", "flipped twice"
        gateway.write(b"x")
    board.kill()
    with serial.Serial(str(rig.tty("m1.uart2")), 9600, timeout=2) as uart2:
        request = bytes.fromhex("01040000000a")
        uart2.write(request + crc16(request))
        assert len(uart2.read(25)) == 25
    until_ms = rig.ask(cmd="status")["t_ms"] + 60_000
    wait_until(lambda: rig.ask(cmd="status")["t_ms"] > until_ms, "a simulated minute")
    energy = rig.ask(cmd="energy")
    assert rig.stop() == 0
    with (rig.out / "physics.csv").open() as text:
        rows = list(csv.DictReader(text))
    assert [int(row["t_ms"]) % 10_000 for row in rows[1:-1]] == [0] * (len(rows) - 2)
    assert len(rows) >= 6
    assert float(rows[-1]["m1.load_wh"]) >= energy["boards"]["m1"]["load"] - 0.001
    assert float(rows[-1]["feeder_wh"]) == pytest.approx(
        sum(float(rows[-1][name]) for name in ("m1.load_wh", "losses_wh"))
        - float(rows[-1]["m1.pv_wh"]),
        abs=0.01,
    )


SPI_READER = """
import time
from machine import Pin, SPI
from links.spi_port import SpiLink
chip = SpiLink(SPI(1, 200000, polarity=1, phase=1), Pin(5, Pin.OUT, value=1))
chip.write(0x7F, 0x55AA)
for register, value in ((0, 1), (0x35, 0), (0x61, 7305), (0x62, 27518)):
    chip.write(register, value)
time.sleep(3)
print("volts", chip.read(0xD9), "milliamperes", chip.read(0xDD), "counts", chip.read(0x80))
"""


def test_a_board_reads_a_section_over_spi(
    start_rig: Callable, make_board: Callable, wait_until: Callable
) -> None:
    sensor = {"chip": "atm90e32", "measure": "section", "cs": 5}
    boards = {"x1": {"role": "mlmd", "sensors": [sensor]}}
    homes = [{"name": "h1", "section": "x1", "pv_kwp": 0}]
    rig = start_rig(RIG | {"buses": [], "boards": boards, "homes": homes})
    link = (Path(__file__).parents[2] / "firmware/links/spi_port.py").read_text()
    program = link + SPI_READER.replace("from links.spi_port import SpiLink\n", "")
    board = make_board(program, 60, pins=rig.out / "x1.pins", spi=rig.out / "x1.spi")
    board.start()
    wait_until(lambda: "counts" in board.log_path.read_text(), "the chip's answer")
    words = board.log_path.read_text().split()
    assert 22_000 <= int(words[words.index("volts") + 1]) <= 23_000
    assert int(words[words.index("milliamperes") + 1]) > 0
    rig.stop()
    assert not (rig.out / "x1.spi").exists()


def test_wrong_commands_are_named_and_survived(start_rig: Callable) -> None:
    rig = start_rig(RIG)
    for request, complaint in [
        ({"cmd": "explode"}, "expected one of"),
        ({"cmd": "inject", "bus": "bus9"}, "bus9"),
        ({"cmd": "pin", "board": "m1", "pin": "x", "value": 1}, "ValueError"),
    ]:
        with pytest.raises(RigCommandError, match=complaint):
            rig.ask(**request)
    assert rig.ask(cmd="status")["boards"]["m1"]["on"] is False
    rig.ask(cmd="stop")
    assert rig.process.wait(10) == 0
    assert not (rig.out / "ready").exists()


def test_a_stalled_rig_catches_up_without_skipping(
    start_rig: Callable, wait_until: Callable
) -> None:
    import signal

    rig = start_rig(RIG, 600.0)
    rig.process.send_signal(signal.SIGSTOP)
    try:
        start_ms = rig.clock.unix_ms()
        wait_until(lambda: rig.clock.unix_ms() > start_ms + 300_000, "five simulated minutes")
    finally:
        rig.process.send_signal(signal.SIGCONT)
    wait_until(lambda: rig.ask(cmd="status")["t_ms"] > start_ms + 300_000, "the rig to catch up")
    rig.stop()
    with (rig.out / "physics.csv").open() as text:
        times = [int(row["t_ms"]) for row in csv.DictReader(text)]
    gaps = {b - a for a, b in pairwise(times[1:-1])}
    assert gaps == {10_000}


def test_an_unusable_config_or_profile_ends_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "gap.csv").write_text("slot,site,load_kwh\n0,S,1\n1,S,1\n3,S,1\n")
    for config, complaint in [
        ({**RIG, "homes": []}, "boards.m1.home"),
        ({**RIG, "profiles": "gap.csv"}, "gap.csv, line 4, column time_local or slot: a gap of 1"),
    ]:
        (tmp_path / "rig.json").write_text(json.dumps(config))
        done = subprocess.run(
            [sys.executable, "-m", "truewatt.emulator.rig", str(tmp_path / "rig.json")],
            capture_output=True,
            text=True,
            timeout=30,
            env={**os.environ},
        )
        assert done.returncode == 2
        assert complaint in done.stderr
        assert "Traceback" not in done.stderr


def test_paths_longer_than_a_socket_name(tmp_path: Path) -> None:
    from truewatt.emulator.wires.pins import bind_unix, connect_unix

    folder = tmp_path / ("deep" * 15) / ("deeper" * 12)
    folder.mkdir(parents=True)
    listener = bind_unix(folder / "m1.pins")
    listener.listen()
    with connect_unix(folder / "m1.pins", 5.0), listener:
        listener.accept()[0].close()


def test_a_live_view_sees_and_steers_the_world(start_rig: Callable, wait_until: Callable) -> None:
    rig = start_rig(
        RIG
        | {
            "start_local": "12:00",
            "boards": {"x1": {"role": "mlmd"}, "m1": {"role": "meter", "home": "h1"}},
            "homes": [{"name": "h1", "section": "x1", "assets": {"water_heater": {}, "ev": {}}}],
        }
    )
    state = rig.ask(cmd="state")
    assert state["local"].split("T")[1] >= "12:00"
    assert len(state["feeder"]["voltage_v"]) == len(state["sections"]["x1"]["phase_w"]) == 3
    home = state["homes"]["h1"]
    assert (home["section"], home["meter"], home["phase"]) == ("x1", "m1", 1)
    assert 40 <= home["assets"]["water_heater"]["temperature_c"] <= 60
    assert home["assets"]["ev"]["closed"] is False, "no board is on"
    rig.ask(cmd="frequency", hz=49.2)
    rig.ask(cmd="sun", scale=0)
    rig.ask(cmd="fault", section="x1", power_w=20_000)
    rig.ask(cmd="bypass", home="h1", share=0.5)

    def seen() -> bool:
        state = rig.ask(cmd="state")
        return (
            state["frequency_hz"] == 49.2
            and state["homes"]["h1"]["pv_w"] == 0
            and state["sections"]["x1"]["power_w"] > 20_000
            and state["homes"]["h1"]["bypass"] == 0.5
            and state["feeder"]["losses_w"] > 0
        )

    wait_until(seen, "the world to follow")
    for request, complaint in [
        ({"cmd": "sun", "scale": 2}, "scale"),
        ({"cmd": "frequency", "hz": float("nan")}, "hz"),
        ({"cmd": "fault", "power_w": 1}, "a home or a section"),
        ({"cmd": "fault", "home": "h9", "power_w": 1}, "h9"),
        ({"cmd": "bypass", "home": "h1", "share": "all"}, "share"),
    ]:
        with pytest.raises(RigCommandError, match=complaint):
            rig.ask(**request)
    assert rig.ask(cmd="status")["world"]["network"] == "cigre_lv_residential"
    assert json.loads((rig.out / "world.json").read_text())["sections"] == {"x1": "R11"}

    def last_row() -> dict[str, str]:
        with (rig.out / "physics.csv").open() as text:
            return list(csv.DictReader(text))[-1]

    # What was seen may have been set and not yet stepped.
    wait_until(lambda: float(last_row()["h1.bypassed_wh"] or 0) > 0, "energy past the meter")
    assert rig.stop() == 0
    last = last_row()
    assert float(last["frequency_hz"]) == 49.2
    assert float(last["h1.bypassed_wh"]) > 0
    assert {"losses_wh", "x1.l3_v", "feeder.l1_w", "h1.ev.soc"} <= set(last)


def test_a_meter_at_the_transformer_answers_on_its_bus(start_rig: Callable) -> None:
    meter = {"name": "t1", "bus": "plant", "address": 1, "profile": "sdm630", "at": "transformer"}
    buses = [*RIG["buses"], {"name": "plant", "boards": []}]
    rig = start_rig(RIG | {"buses": buses, "devices": [meter]})
    request = bytes.fromhex("010400000006")
    with serial.Serial(str(rig.tty("plant")), 9600, timeout=5) as gateway:
        gateway.write(request + crc16(request))
        answer = gateway.read(5 + 12)
    assert len(answer) == 17
    volts = struct.unpack(">3f", answer[3:15])
    state = rig.ask(cmd="state")["feeder"]["voltage_v"]
    assert volts == pytest.approx(state, abs=3)
    assert all(220 < volt < 231 for volt in volts)
    assert rig.ask(cmd="inject", bus="plant", cut=True)["cut"]
    assert rig.ask(cmd="state")["buses"]["plant"]["cut"] is True
    assert rig.stop() == 0
