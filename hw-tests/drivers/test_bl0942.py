"""The BL0942 driver on MicroPython against the emulated chip, over a pseudo-terminal."""

from random import Random

import pytest

from ledger.clock import Clock
from truewatt.emulator.physics.channel import Channel
from truewatt.emulator.wires.bl0942 import Bl0942Chip, Bl0942Line, take_requests

# 230 V x 15873.359 = 3650873 = 37B539h; 5 A x 251213.465 = 1256067 = 132A83h;
# 1150 W x 596 = 685400 = 0A7558h; 1e6 / 50 Hz = 20000 = 4E20h.
PACKET = bytes.fromhex("55 832a13 39b537 832a13 58750a 010000 204e 00 00 00 00 19")


@pytest.fixture
def bench(tty, start):
    """`bench(*chips)`: the line, and what boots a board on it."""

    def make(*chips):
        line = Bl0942Line(tty, list(chips), paced=False, clock=Clock.system())
        return line, start("bl0942", line.serve)

    return make


def loaded(power_w=1150.0, voltage_v=230.0, var=0.0):
    return Channel(voltage_v, power_w, var)


def test_the_chip_sends_the_packet_computed_by_hand():
    chip = Bl0942Chip(loaded(), counts=1.9)
    assert chip.answer(0xAA)[:-1] == PACKET[:-1]
    # 58h and all 22 bytes add up to 3E6h... the complement of the low byte.
    assert chip.answer(0xAA)[-1] == ~(0x58 + sum(PACKET[:-1])) & 0xFF
    assert chip.answer(0x19).hex() == "87000007"  # 58 + 19 + 87 = F8


def test_requests_are_found_however_they_are_cut():
    stream = (
        b"\x00\x58\xaa\xa8\x1d\x55\x00\x00" + bytes([~(0xA8 + 0x1D + 0x55) & 0xFF]) + b"\x5b\xaa"
    )
    for size in (1, 3, len(stream)):
        served, received = [], bytearray()
        for at in range(0, len(stream), size):
            received += stream[at : at + size]
            take_requests(received, served.append)
        assert served == [b"\x58\xaa", stream[3:9], b"\x5b\xaa"], size


def test_all_values(bench):
    _, boot = bench(Bl0942Chip(loaded(var=500.0), 2))
    answer = boot(sensor=2).poll(0)
    # sqrt(1150^2 + 500^2) = 1254 VA; / 230 V = 5.452 A; 1150 / 1254 = 0.917.
    assert (answer["dv"], answer["ma"], answer["w"]) == (2300, 5452, 1150)
    assert (answer["mhz"], answer["pf"]) == (50000, 917)
    assert abs(answer["var"] - 500) <= 1


def test_power_against_the_arrow_is_told(bench):
    _, boot = bench(Bl0942Chip(loaded(-800.0)))
    answer = boot().poll(0)
    assert (answer["w"], answer["reverse"]) == (800, True)


def test_a_calibration_corrects_the_part(bench):
    chip = Bl0942Chip(loaded(), voltage_error=0.02, current_error=-0.03, power_error=0.05)
    _, boot = bench(chip)
    wrong = boot().poll(0)
    assert (wrong["dv"], wrong["ma"], wrong["w"]) == (2346, 4850, 1208)
    # 1/1.02, 1/0.97, 1/1.05, in millionths.
    found = {"voltage": [980392, 0], "current": [1030928, 0], "power": [952381, 0]}
    found |= {"energy": 952381, "check": check_of(980392, 1030928, 952381, 952381)}
    right = boot(calibration=found).poll(0)
    assert (right["dv"], right["ma"], right["w"]) == (2300, 5000, 1150)


def check_of(voltage, current, power, energy):
    import hashlib

    numbers = f"{voltage},0,{current},0,{power},0,{energy},0"
    return hashlib.sha256(b"truewatt/calibration/1|bl0942|" + numbers.encode()).hexdigest()[:8]


def test_faults_have_names(bench):
    chip = Bl0942Chip(loaded())
    line, boot = bench(chip)
    board = boot()
    chip.cut_power()
    assert board.poll(0)["fault"] == "SensorSilent"
    chip.restore_power()
    line.disturb = lambda frame: frame[:11]
    assert board.poll(1000)["fault"] == "SensorGarbled"
    line.disturb = lambda frame: frame[:5] + b"\x7e" + frame[6:]
    assert board.poll(2000)["fault"] == "SensorGarbled"
    line.disturb = lambda frame: b"\x55\x00\x55" + frame
    assert board.poll(3000)["w"] == 1150  # noise in front of a packet does not hide it
    assert "BL0942 3" in boot(sensor=3).poll(0)["text"]


def test_a_chip_that_counts_otherwise_is_set_right_or_refused(bench):
    chip = Bl0942Chip(loaded(), mode=0x47)
    _, boot = bench(chip)
    assert boot().poll(0)["w"] == 1150
    assert chip.mode == 0x87
    stuck = Bl0942Chip(loaded(), address=1, mode=0x47, mode_is_stuck=True)
    _, boot = bench(stuck)
    answer = boot(sensor=1).poll(0)
    assert answer["fault"] == "SensorRefused"
    assert "0x47" in answer["text"]


def test_mutants_of_a_packet_invent_nothing(bench):
    random = Random(7)
    chip = Bl0942Chip(loaded(), counts=9e6)
    line, boot = bench(chip)
    board = boot(timeout_ms=40)
    first = board.poll(0)

    def disturb(frame):
        noisy = bytearray(frame)
        for _ in range(random.randrange(1, 4)):
            noisy[random.randrange(len(noisy))] ^= random.randrange(1, 256)
        return bytes(noisy)

    line.disturb = disturb
    believed = 0
    for n in range(1, 30):
        believed += "fault" not in board.poll(n * 1000)
    line.disturb = bytes
    assert believed <= 2  # the checksum has 8 bits
    after = board.poll_until_heard(200_000)
    assert after["register_wh"] - first["register_wh"] <= 10
    assert after["dv"] == 2300
