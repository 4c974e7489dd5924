"""S0 pulses on MicroPython: what counts as one, what does not, and what is refused."""

import sys

import chip_pin

from core.errors import SensorRefused
from drivers.s0 import S0
from metering.pulses import PulseRegister


def expect(name, got, wanted):
    if got != wanted:
        print("FAILED %s: got %r, expected %r" % (name, got, wanted))
        sys.exit(1)


class Ticks:
    PERIOD = 1 << 30

    def __init__(self, now=0):
        self.now = now

    def ticks_ms(self):
        return self.now % self.PERIOD

    def ticks_diff(self, a, b):
        half = self.PERIOD // 2
        return (a - b + half) % self.PERIOD - half


def meter(start=0, per_kwh=1000, debounce_ms=10):
    ticks = Ticks(start)
    pin = chip_pin.Pin(34, chip_pin.Pin.IN, chip_pin.Pin.PULL_UP)
    chip_pin._ports[34].level = 1
    return S0(pin, 1, per_kwh, debounce_ms, ticks), ticks


def play(ticks, *edges):
    """(ms after the last, level): each is an interrupt of its own, as on a chip at rest."""
    for after_ms, level in edges:
        ticks.now += after_ms
        chip_pin._change(chip_pin._ports[34], level)


def polled(sensor, ticks, after_ms=1000):
    ticks.now += after_ms
    try:
        sensor.poll().send(None)  # it never waits
    except StopIteration as end:
        return end.value


def what_counts():
    cases = (
        ("a class A pulse", ((0, 0), (30, 1)), 1),
        ("a long one", ((0, 0), (90, 1)), 1),
        ("two", ((0, 0), (30, 1), (30, 0), (30, 1)), 2),
        ("a spike", ((0, 0), (3, 1)), 0),
        ("a burst of noise", ((0, 0), (1, 1), (1, 0), (2, 1), (1, 0), (4, 1)), 0),
        ("contacts that bounce at the beginning", ((0, 0), (1, 1), (1, 0), (90, 1)), 1),
        ("and at the end", ((0, 0), (90, 1), (1, 0), (1, 1), (1, 0), (2, 1)), 1),
        ("not ended yet", ((0, 0),), 0),
    )
    for name, edges, pulses in cases:
        sensor, ticks = meter()
        play(ticks, *edges)
        expect(name, polled(sensor, ticks).counter, pulses)


def a_stall():
    """Flash stands still for 80 ms: both edges are one interrupt, and the pin is high again."""
    sensor, ticks = meter()
    play(ticks, (0, 0), (30, 1), (100, 1))
    expect("edges that came as one", polled(sensor, ticks).counter, 1)
    sensor._edge(chip_pin._ports[34].pin)
    expect("a rise alone is none", polled(sensor, ticks).counter, 0)


def ticks_go_round():
    sensor, ticks = meter((1 << 30) - 1000)
    play(ticks, (980, 0), (40, 1))
    expect("over the end of the ticks", polled(sensor, ticks).counter, 1)


def power():
    sensor, ticks = meter()
    expect("nothing yet", polled(sensor, ticks).power_w, 0)
    play(ticks, (0, 0), (30, 1))
    expect("one pulse says nothing", polled(sensor, ticks).power_w, 0)
    play(ticks, (770, 0), (30, 1))
    # 1 Wh in 1.8 s.
    expect("two do", polled(sensor, ticks, 100).power_w, 2000)
    for _ in range(10):
        sample = polled(sensor, ticks, 1800)
    # None for 18.1 s: at most 1 Wh in that time.
    expect("and it falls while none comes", sample.power_w, 198)


def too_many():
    sensor, ticks = meter()
    for _ in range(40):
        play(ticks, (10, 0), (11, 1))
    try:
        polled(sensor, ticks, 100)
    except SensorRefused as error:
        expect("named", "40 pulses in 940 ms" in str(error), True)
    else:
        expect("40 pulses in a second are refused", False, True)
    expect("and not counted later", polled(sensor, ticks).counter, 0)


def registers():
    energy = PulseRegister(800)
    for _ in range(8):
        energy.update(1, 1000)
    expect("1.25 Wh each", energy.register_wh, 10)
    energy.update(3, 1000)
    saved = energy.saved()
    again = PulseRegister(800)
    again.take_saved(saved)
    again.update(1, None)
    expect("what belongs to no whole Wh is kept", again.register_wh, 15)
    again.at_least(20)
    expect("a record is newer", again.register_wh, 20)
    again.at_least(12)
    expect("and an older one changes nothing", again.register_wh, 20)
    other = PulseRegister(100)
    other.take_saved((5).to_bytes(8, "big") + (700).to_bytes(4, "big"))
    other.update(0, None)
    expect("another meter's remainder is no energy", other.register_wh, 5)


what_counts()
a_stall()
ticks_go_round()
power()
too_many()
registers()
print("ok")
