"""The CSE7766 driver on MicroPython against frames of real devices and the emulated chip."""

import asyncio
import hashlib
from random import Random

import pytest

from ledger.clock import Clock
from truewatt.emulator.physics.channel import Channel
from truewatt.emulator.wires.cse7766 import Cse7766Chip, Cse7766Line

# Received from real devices (comments of Tasmota's xnrg_02_cse7766), worked out by hand.
REAL = [
    # 194400 / 865 = 224.74 V; the power's cycle is out of range: no load; CF 7F4Dh.
    ("F25A02F760000361004010057240" + "51A65863101BE17F4D4E", (2247, 0, 0, 0x7F4D)),
    # 194400 / 858 = 226.57 V; power not valid (below 5 W); CF ACA1h.
    ("555A02F76000035A00401004" + "8B9F51A658187275" + "61ACA130", (2266, 0, 0, 0xACA1)),
    # 194400 / 939 = 207.03 V; 16400 / 155741 = 105 mA; 5351000 / 256495 = 20.9 W; CF 0B7Ah.
    ("555A02F7600003AB00401002605D51A65803E9EF710B7A36", (2070, 105, 21, 0x0B7A)),
    # 193000 / 1949 = 99.03 V; 16190 / 13816 = 1172 mA; 5299000 / 45730 = 115.9 W; CF D697h.
    ("555A02F1E800079D003F3E0035F850DB3800B2A2F1D6973E", (990, 1172, 116, 0xD697)),
]


@pytest.fixture
def bench(tty, start):
    """`bench(chip)`: the line, and what boots a board on it."""

    def make(chip):
        line = Cse7766Line(tty, chip, Clock.system())
        return line, start("cse7766", line.send)

    return make


def check_of(voltage, current, power, energy):
    numbers = f"{voltage},0,{current},0,{power},0,{energy},0"
    return hashlib.sha256(b"truewatt/calibration/1|cse7766|" + numbers.encode()).hexdigest()[:8]


@pytest.mark.parametrize(("sent", "wanted"), REAL)
def test_frames_of_real_devices(bench, sent, wanted):
    line, boot = bench(Cse7766Chip(Channel()))
    line.disturb = lambda frame: bytes.fromhex(sent)
    answer = boot().poll(0)
    assert (answer["dv"], answer["ma"], answer["w"], answer["counter"]) == wanted


def test_the_emulated_chip_sends_like_a_real_one():
    real = bytes.fromhex(REAL[2][0])
    chip = Cse7766Chip(Channel(194400 / 939, 5351000 / 256495), counts=0x0B7A)
    # The current's cycle apart: with no reactive power there is less of it.
    assert chip.frame()[:11] == real[:11]
    assert chip.frame()[14:23] == real[14:23]
    assert chip.frame()[-1] == sum(chip.frame()[2:23]) & 0xFF
    assert Cse7766Chip(Channel(230.0, 0.1)).frame()[0] == 0xF2
    assert Cse7766Chip(Channel(230.0, 900.0), counts=65536 + 7).frame()[20:23].hex() == "f10007"


def test_a_chip_sends_by_itself(tty):
    chip = Cse7766Chip(Channel(230.0, 900.0))
    line = Cse7766Line(tty, chip, Clock.system())

    async def listen():
        line.attach()
        counts = []
        for _ in range(3):
            await asyncio.sleep(0.12)
            counts.append(tty.unread())
        line.detach()
        return counts

    # It does not pile up frames that nobody reads.
    assert asyncio.run(listen()) == [24, 24, 24]


def test_values_and_calibration(bench):
    channel = Channel(230.0, 1150.0)
    chip = Cse7766Chip(channel, voltage_error=0.02, current_error=-0.03, power_error=0.05)
    _, boot = bench(chip)
    wrong = boot().poll(0)
    # Cycles are whole microseconds: 194400 / 829 V, 16400 / 3381 A, 5351000 / 4431 W.
    assert (wrong["dv"], wrong["ma"], wrong["w"]) == (2345, 4851, 1208)
    found = {"voltage": [980392, 0], "current": [1030928, 0], "power": [952381, 0]}
    found |= {"energy": 952381, "check": check_of(980392, 1030928, 952381, 952381)}
    right = boot(calibration=found).poll(0)
    assert abs(right["dv"] - 2300) <= 2
    assert abs(right["ma"] - 5000) <= 2
    assert abs(right["w"] - 1150) <= 1


def test_faults_have_names(bench):
    chip = Cse7766Chip(Channel(230.0, 1150.0))
    line, boot = bench(chip)
    board = boot()
    assert board.poll(0)["w"] == 1150
    for header in (0xAA, 0xF1, 0xF4, 0xF8):
        chip.fault = header
        assert board.poll(1000)["fault"] == "SensorRefused", hex(header)
    chip.fault = 0
    chip.powered = False
    board.poll(1500)  # a frame may still be under way
    assert board.poll(2000)["fault"] == "SensorSilent"
    chip.powered = True
    line.disturb = lambda frame: frame[:9] + b"\x01" + frame[10:]
    assert board.poll(3000)["fault"] == "SensorGarbled"
    line.disturb = lambda frame: frame[13:] + frame[:13]
    assert board.poll(4000)["w"] == 1150  # listening begins inside a frame


def test_mutants_of_a_frame_invent_nothing(bench):
    random = Random(7)
    chip = Cse7766Chip(Channel(230.0, 1150.0), counts=30000)
    line, boot = bench(chip)
    board = boot(timeout_ms=40)
    first = board.poll(0)

    def disturb(frame):
        noisy = bytearray(frame)
        for _ in range(random.randrange(1, 4)):
            noisy[random.randrange(len(noisy))] ^= random.randrange(1, 256)
        return bytes(noisy)

    line.disturb = disturb
    for n in range(1, 30):
        board.poll(n * 1000)
    line.disturb = bytes
    board.poll_until_heard(190_000)
    after = board.poll_until_heard(200_000)
    assert after["register_wh"] - first["register_wh"] <= 5
    assert (after["dv"], after["w"]) == (first["dv"], first["w"])
