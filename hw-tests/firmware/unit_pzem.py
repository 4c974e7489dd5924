"""The PZEM-004T driver and the cumulative register on MicroPython."""

import asyncio
import random
import struct

from board_fakes import Ticks, expect, expect_raises

from core.clock import Clock
from core.errors import SensorGarbled, SensorRefused, SensorSilent
from drivers.pzem004t import Pzem004t, request, take_answer
from links.crc16 import seal
from metering.energy import RESET, STEADY, SWAPPED, WRAPPED, EnergyRegister

WORDS = (2301, 0x86A0, 1, 0x5BA0, 0, 0x423F, 0xF, 500, 95, 0)
ANSWER = seal(bytes((1, 4, 20)) + b"".join(struct.pack(">H", word) for word in WORDS))


class Port:
    """A line on which `chunks` arrive, one a read."""

    def __init__(self, chunks):
        self.chunks = list(chunks)
        self.sent = b""

    def discard(self):
        pass

    async def write(self, data):
        self.sent += data

    async def read(self, timeout_ms):
        return self.chunks.pop(0) if self.chunks else b""


def poll(chunks):
    sensor = Pzem004t(Port(chunks), 1, Clock(Ticks()), 100)
    return asyncio.run(sensor.poll())


def answers():
    expect("request", request(1), bytes.fromhex("01040000000a700d"))
    sample = poll([ANSWER])
    got = (sample.voltage_dv, sample.current_ma, sample.power_w, sample.energy_wh)
    # 32-bit values come low word first.
    expect("values", got, (2301, 100000, 2346, 999999))
    expect("derived", (sample.frequency_mhz, sample.power_factor_milli), (50000, 950))
    expect("var", sample.var, 22890)
    expect("late bytes", poll([ANSWER[i : i + 1] for i in range(25)]).energy_wh, 999999)
    expect("noise first", poll([b"\x00\xff\x01", ANSWER]).energy_wh, 999999)
    late = seal(b"\x02" + ANSWER[1:-2])
    expect("another module's late answer", poll([late, ANSWER]).energy_wh, 999999)
    expect("two answers", poll([ANSWER + ANSWER]).energy_wh, 999999)


def faults():
    bad = ANSWER[:10] + b"\x55" + ANSWER[11:]
    expect_raises("silence", SensorSilent, poll, [])
    expect_raises("crc", SensorGarbled, poll, [bad])
    expect_raises("half an answer", SensorGarbled, poll, [ANSWER[:12]])
    error = expect_raises("exception", SensorRefused, poll, [seal(bytes((1, 0x84, 2)))])
    expect("names the module", "module 1" in str(error) and "exception 2" in str(error), True)


def garbage(rounds):
    random.seed(3)
    for _ in range(rounds):
        data = bytearray(ANSWER)
        for _ in range(random.randrange(1, 5)):
            data[random.randrange(len(data))] ^= random.randrange(1, 256)
        if data == ANSWER:
            continue
        try:
            sample = take_answer(data, 1)
        except SensorRefused:
            continue
        expect("a mutant is not believed", sample, None)


def registers():
    hour_ms = 3600000
    cases = (
        # (counter values at one-minute polls, what the last did, register after it)
        ("steady", (100, 150, 150), STEADY, 150),
        ("wrap", (9999950, 9999990, 20), WRAPPED, 10000020),
        ("reset", (5000, 5100, 3), RESET, 5103),
        ("swap for a used one that counted more", (100, 110, 800000), SWAPPED, 110),
        ("swap for a used one that counted less", (800000, 800010, 5000), SWAPPED, 800010),
        ("goes on after a swap", (800000, 5000, 5050), STEADY, 800050),
    )
    for name, values, what, register_wh in cases:
        energy = EnergyRegister(10000000, 26000)
        energy.update(values[0], None)
        for value in values[1:]:
            did = energy.update(value, hour_ms // 60)
        expect(name, (did, energy.register_wh), (what, register_wh))
    boots = (
        # (saved register, counter, newest record's register, counter at boot, register after it)
        ("counted while we were off", 1000, 500, 1000, 700, 1200),
        ("the record is newer than what was saved", 1000, 500, 1010, 512, 1012),
        ("swapped while we were off", 1000, 500, 1010, 20, 1010),
        ("wrapped while we were off", 9999900, 9999900, 9999900, 50, 10000050),
    )
    for name, register_wh, raw_wh, record_wh, now_wh, wanted in boots:
        energy = EnergyRegister(10000000, 26000)
        energy.restore(register_wh, raw_wh)
        energy.at_least(record_wh)
        energy.update(now_wh, None)
        expect(name, energy.register_wh, wanted)
        energy.update(now_wh + 5, 60000)
        expect(name + ", and on", energy.register_wh, wanted + 5)
    random.seed(5)
    energy = EnergyRegister(10000000, 26000)
    last = 0
    for _ in range(2000):
        energy.update(random.randrange(10000000), random.choice((None, 1000, hour_ms)))
        expect("never goes back", energy.register_wh >= last, True)
        last = energy.register_wh


answers()
faults()
garbage(500)
registers()
print("ok")
