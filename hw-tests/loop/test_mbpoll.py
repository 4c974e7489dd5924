"""`mbpoll` (Debian), which knows nothing of Truewatt, reads live values and moves no relay."""

import re
import subprocess
import time

import pytest
from quiet_street import METER, MLMD, SPEED, Street

from truewatt.toolchain import debian_tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

# Input registers of an Eastron SDM630.
VOLTAGE, CURRENT, POWER_L1, TOTAL_POWER = 0x00, 0x06, 0x0C, 0x34
FREQUENCY, IMPORT_KWH = 0x46, 0x48


def mbpoll(street: Street, board: int, *options: str, write: str = "") -> tuple[int, str]:
    """Ask a board once, addresses from 0; the exit code and what was said."""
    serial = ["-m", "rtu", "-b", "9600", "-P", "none", "-o", "2", "-0", "-q"]
    # To it, words behind the port are values to write.
    words = [*serial, "-a", str(board), *options, street.port, *([write] if write else ["-1"])]
    done = subprocess.run(
        [*debian_tool("mbpoll"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=20,
    )
    return done.returncode, done.stdout


def read_float(street: Street, board: int, register: int) -> float:
    """A float32 input register, high word first."""
    _, said = mbpoll(street, board, "-t", "3:float", "-B", "-r", str(register), "-c", "1")
    found = re.search(rf"^\[{register}\]:\s+(\S+)", said, re.MULTILINE)
    assert found, said
    return float(found[1])


def read_steadily(street: Street, board: str, address: int, register: int) -> tuple[float, dict]:
    """A register, and the physics, at a moment in which no load changes."""
    for _ in range(30):
        before = street.physics(board)
        # A module measures each second, and its board asks it every other one.
        time.sleep(5 / SPEED)
        value = read_float(street, address, register)
        after = street.physics(board)
        if all(abs(after[c]["power_w"] - before[c]["power_w"]) < 1 for c in before):
            return value, after
    raise AssertionError("the loads never rest")


def test_mbpoll_reads_what_the_physics_is(street: Street) -> None:
    volts, now = read_steadily(street, "m1", METER, VOLTAGE)
    assert volts == pytest.approx(now["load"]["voltage_v"], abs=0.2)
    assert 200 < volts < 250
    for register in (POWER_L1, TOTAL_POWER):
        watts, now = read_steadily(street, "m1", METER, register)
        assert watts == pytest.approx(now["load"]["power_w"] - now["pv"]["power_w"], abs=3)
    amperes, now = read_steadily(street, "m1", METER, CURRENT)
    load = now["load"]
    assert amperes >= load["power_w"] / load["voltage_v"] * 0.99, "less than its active part"
    assert amperes == pytest.approx(load["power_w"] / load["voltage_v"], rel=0.06)
    assert read_float(street, METER, FREQUENCY) == pytest.approx(50, abs=0.2)


def test_mbpoll_reads_the_energy_that_flowed(street: Street) -> None:
    kwh, now = read_steadily(street, "m1", METER, IMPORT_KWH)
    # Whole Wh at the module, and what flows while we ask.
    assert kwh * 1000 == pytest.approx(now["load"]["energy_wh"], abs=15)
    assert kwh > 0
    section_w, now = read_steadily(street, "x1", MLMD, TOTAL_POWER)
    assert section_w == pytest.approx(now["section"]["power_w"], abs=3)


def test_mbpoll_reads_relays_but_moves_none(street: Street) -> None:
    closed = relay_states(street)
    assert closed == ["1", "0"], "the water heater at rest is on, the car waits for the contract"
    for relay, state in enumerate(closed):
        other = "0" if state == "1" else "1"
        returncode, said = mbpoll(street, METER, "-t", "0", "-r", str(relay), write=other)
        assert returncode != 0
        assert "Illegal function" in said
    assert relay_states(street) == closed


def relay_states(street: Street) -> list[str]:
    """The meter's coils: 1 is closed."""
    returncode, said = mbpoll(street, METER, "-t", "0", "-r", "0", "-c", "2")
    assert returncode == 0, said
    return re.findall(r"^\[\d\]:\s+(\d)", said, re.MULTILINE)
