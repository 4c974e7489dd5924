"""Registers over volatile counters, and calibrations, on MicroPython."""

import random
import sys

from core.errors import ConfigError
from drivers.calibration import Calibration, corrected
from drivers.calibration_text import digest, parse
from metering.counted import CountedRegister
from metering.energy import RESET, STEADY, SWAPPED, WRAPPED

SECOND_MS = 1000
WRAP = 65536


def expect(name, got, wanted):
    if got != wanted:
        print("FAILED %s: got %r, expected %r" % (name, got, wanted))
        sys.exit(1)


def register():
    """4 counts are 1 Wh; at most 3,600 W, so 4 counts a second."""
    return CountedRegister(WRAP, 3600, 1, 4)


def wrap_or_reset():
    cases = (
        # (name, counts at polls a second apart ("x": a poll failed), what the last did, Wh after)
        ("counts from first sight", (1000, 1004), STEADY, 1),
        ("parts of a Wh add up", (1000, 1001, 1002, 1003, 1004), STEADY, 1),
        ("wrap", (65532, 65534, 2), WRAPPED, 1),
        ("reset", (40000, 40004, 4), RESET, 2),
        (
            "lower after a failed poll is a reset",
            (65532, "x", 8),
            RESET,
            2,
        ),
        ("higher after a failed poll", (1000, "x", 1008), STEADY, 2),
        ("jump", (1000, 1004, 30000), SWAPPED, 1),
        ("goes on after a jump", (1000, 30000, 30004), STEADY, 1),
        ("a jump and back invents nothing", (30000, 60000, 30000), SWAPPED, 0),
    )
    for name, polls, what, wh in cases:
        energy = register()
        did = None
        for count in polls:
            if count == "x":
                energy.failed()
            else:
                did = energy.update(count, SECOND_MS)
        expect(name, (did, energy.register_wh), (what, wh))


def boots():
    cases = (
        # (name, saved register, saved count, newest record's register, count at boot, Wh after it)
        ("the chip went on", 1000, 400, 1000, 480, 1020),
        ("and the record is newer", 1000, 400, 1010, 480, 1020),
        ("the chip restarted", 1000, 4000, 1010, 8, 1012),
        ("the chip restarted near the wrap", 1000, 65530, 1010, 8, 1012),
        ("nothing was counted", 1000, 400, 1000, 400, 1000),
        ("more than an hour can bring", 1000, 400, 1000, 20000, 1000),
    )
    for name, saved_wh, saved, record_wh, count, wh in cases:
        energy = register()
        energy.restore(saved_wh, saved)
        energy.at_least(record_wh)
        energy.update(count, None)
        expect(name, energy.register_wh, wh)
        energy.update(count + 4, SECOND_MS)
        expect(name + ", and on", energy.register_wh, wh + 1)
    energy = register()
    energy.at_least(500)
    energy.update(60000, None)
    expect("what was saved is lost: the record stands", energy.register_wh, 500)
    expect("what is saved is in counts", energy.pair(), (500, 60000))


def scales():
    energy = register()
    energy.update(0, None)
    energy.update(4, SECOND_MS)
    energy.scale(1, 2)
    energy.update(8, SECOND_MS)
    expect("a new scale leaves what was counted", energy.register_wh, 3)


def never_invents():
    """Whatever the counter does, a register gains at most what the line could have carried."""
    random.seed(11)
    energy = register()
    energy.update(0, None)
    for _ in range(3000):
        before = energy.register_wh
        if random.randrange(3) == 0:
            energy.failed()
        elapsed_ms = random.choice((None, 1000, 60000))
        energy.update(random.randrange(WRAP), elapsed_ms)
        gained = energy.register_wh - before
        most = (3600000 if elapsed_ms is None else elapsed_ms) // 1000 + 4
        expect("never goes back, never beyond the line", 0 <= gained <= most, True)


def calibrations():
    found = {"voltage": [1002500, -120], "power": [990000, 0], "energy": 990000}
    check = digest(Calibration((1002500, -120), (1000000, 0), (990000, 0), 990000), "bl0942")[:4]
    sealed = dict(found, check=check.hex())
    expect("read back", parse(sealed, "bl0942").voltage, (1002500, -120))
    expect("none is nominal", parse(None, "bl0942").energy, 1000000)
    bad = (
        ("without check", found, "calibration.check"),
        ("altered", dict(sealed, energy=990001), "calibration.check"),
        ("unknown field", dict(sealed, phase=1), "calibration.phase"),
        ("no pair", dict(sealed, power=1000000), "calibration.power"),
        ("gain too high", dict(sealed, power=[10000001, 0]), "calibration.power"),
        ("a flag", dict(sealed, energy=True), "calibration.energy"),
        ("no object", [], "calibration"),
    )
    for name, value, field in bad:
        try:
            parse(value, "bl0942")
            expect(name + " is refused", False, True)
        except ConfigError as error:
            expect(name, error.field, field)
    try:
        parse(sealed, "cse7766")
        expect("another driver's is refused", False, True)
    except ConfigError as error:
        expect("another driver's", error.field, "calibration.check")
    expect("rounded", corrected(1, 2, (1000000, 0)), 1)
    expect("offset", corrected(230000, 1, (1002500, -120)), 230455)
    expect("nothing stays nothing", corrected(0, 1, (1000000, 500)), 0)
    expect("never below", corrected(100, 1, (1000000, -500)), 0)


wrap_or_reset()
boots()
scales()
never_invents()
calibrations()
print("ok")
