"""config.json with each driver, and the driver that comes of it, on MicroPython."""

import json
import sys

from core import config
from core.errors import ConfigError
from drivers import catalogue
from drivers.calibration import Calibration
from drivers.calibration_text import digest as calibration_digest
from drivers.declared import DIRECTION, RATES_MS, RESOLUTIONS

BASE = {
    "role": "meter",
    "name": "m1",
    "chain_id": "c",
    "area": 1,
    "operator_root": "ab" * 32,
    "bus": {"address": 1, "uart": 1},
    "relays": [],
}

METER = {
    "model": "sdm120",
    "function": 4,
    "blocks": [[0, 14], [72, 4]],
    "registers": {
        "voltage": [0, "float32", 10, 1],
        "power": [12, "float32", 1, 1],
        "import": [72, "float32", 1000, 1],
        "export": [74, "float32", 1000, 1],
    },
    "direction": True,
    "max_w": 18000,
}
WHERE = {
    "ade7953": {"scl": 22, "sda": 21},
    "atm90e32": {"cs": 5},
    "hlw8012": {"cf": 35, "cf1": 34, "sel": 23},
    "rs485_meter": {"uart": 2, "meter": METER},
    "s0": {"pins": [34, 35], "pulses_per_kwh": [1000, 800]},
}


def expect(name, got, wanted):
    if got != wanted:
        print("FAILED %s: got %r, expected %r" % (name, got, wanted))
        sys.exit(1)


def parse(driver, *channels):
    parts = []
    for channel in channels:
        part = {"kind": "load", "energy": "grid"}
        part.update(channel)
        parts.append(part)
    where = dict(WHERE.get(driver, {"uart": 2}), driver=driver)
    value = dict(BASE, metering=where, channels=parts)
    return config.parse(json.dumps(value))


def make(board, channel):
    driver = __import__("drivers." + board.metering.driver, None, None, ("make",))
    return driver.make(board.metering, channel, None, None)


def refused(name, field, driver, *channels):
    try:
        parse(driver, *channels)
    except ConfigError as error:
        expect(name, error.field, field)
        return
    expect(name + " is refused", False, True)


def drivers_are_made():
    for driver in catalogue.NAMES:
        board = parse(driver, {"sensor": 1})
        sensor = make(board, board.channels[0])
        expect(driver, type(sensor).__name__.lower(), driver.replace("_", ""))
        expect(driver + " direction", sensor.direction, DIRECTION.get(driver, True))
        if sensor.direction:
            expect(driver + " registers", sensor.energy_register().registers(), (0, 0))
            continue
        if driver in catalogue.BAUDS:
            expect(driver + " baud", board.metering.baud, catalogue.BAUDS[driver])
        expect(driver + " register", sensor.energy_register().register_wh, 0)


def declared():
    """Resolutions follow from the scales that drivers compute with; each step rounded up."""
    from drivers import ade7953, atm90e32, bl0942, cse7766, hlw8012
    from links.counters_port import WRAP

    def steps(counts_per_w, counts_per_wh):
        return (-(-1000 // counts_per_w), int(-(-1000 // counts_per_wh)))

    expect("ADE7953", RESOLUTIONS["ade7953"], steps(154, ade7953.COUNTS_PER_WH))
    expect("ATM90E32", RESOLUTIONS["atm90e32"], steps(3125, atm90e32.COUNTS_PER_WH))
    # One count is 1638.4 * 256 / 596 Ws.
    expect("BL0942", RESOLUTIONS["bl0942"], (2, -(-1000 * 4194304 // (36000 * 596))))
    for driver in ("ade7953", "atm90e32", "bl0942", "cse7766", "hlw8012", "pzem004t"):
        expect("rate of " + driver, RATES_MS[driver] > 0, True)
    for driver in catalogue.NAMES:
        told = driver in DIRECTION or driver == "rs485_meter"
        expect("direction of " + driver, told, True)
    expect("most of a CSE7766 within a minute", cse7766.MAX_W // 60 < 65536 * 2 // 1000, True)
    uw = parse("hlw8012", {"sensor": 1}).metering.per_hz[0]
    steps_of_it = (-(-uw // hlw8012.AVERAGED_MS), -(-uw // 3600000))
    expect("HLW8012", RESOLUTIONS["hlw8012"], steps_of_it)
    expect("a counter between two polls", hlw8012.MOST_HZ * 4 < WRAP, True)
    expect("a packet's power", bl0942.MAX_W * 596 < 1 << 24, True)


def calibrations_arrive():
    check = calibration_digest(Calibration(energy=1010000), "bl0942")[:4].hex()
    found = {"sensor": 0, "calibration": {"energy": 1010000, "check": check}}
    board = parse("bl0942", found, {"sensor": 3})
    sensor = make(board, board.channels[0])
    expect("calibration", sensor.calibration.energy, 1010000)
    expect("nominal", board.channels[1].calibration.energy, 1000000)


def wrong():
    refused("no fifth address", "channels[0].sensor", "bl0942", {"sensor": 4})
    refused("one CSE7766 a line", "channels", "cse7766", {"sensor": 1}, {"sensor": 1})
    refused("no second CSE7766", "channels[1].sensor", "cse7766", {"sensor": 1}, {"sensor": 2})
    bad = {"sensor": 1, "calibration": {"energy": 1010000}}
    refused("one HLW8012 a board", "channels", "hlw8012", {"sensor": 1}, {"sensor": 1})
    refused("no second HLW8012", "channels[0].sensor", "hlw8012", {"sensor": 2})
    refused("unchecked calibration", "calibration.check", "bl0942", bad)
    refused("a PZEM has none", "channels[0].calibration", "pzem004t", bad)
    refused(
        "direction", "channels[0].bidirectional", "bl0942", {"sensor": 1, "bidirectional": True}
    )
    one_way = {"sensor": 1, "bidirectional": False}
    refused("a direction denied", "channels[0].bidirectional", "atm90e32", one_way)
    for field, bad in (
        ("cs", 49),
        ("gain_voltage", [1, 2]),
        ("gain_current", [1, 2, 65536]),
        ("pga", 3),
        ("line_hz", 55),
        ("ratio", 0),
        ("uart", 2),
    ):
        metering = {"driver": "atm90e32", "cs": 5}
        metering[field] = bad
        channel = {"kind": "section", "energy": "grid", "sensor": 1}
        try:
            config.parse(json.dumps(dict(BASE, metering=metering, channels=[channel])))
        except ConfigError as error:
            expect("spi", error.field, "metering." + field)
        else:
            expect(field + " is refused", False, True)


def wrong_ports():
    """Each driver's own fields, refused by name."""
    cases = (
        ("ade7953", "scl", 49, "metering.scl"),
        ("ade7953", "sda", None, "metering.sda"),
        ("ade7953", "pga_current_a", 3, "metering.pga_current_a"),
        ("ade7953", "poll_ms", 20001, "metering.poll_ms"),
        ("ade7953", "uart", 2, "metering.uart"),
        ("hlw8012", "cf", 49, "metering.cf"),
        ("hlw8012", "cf1", None, "metering.cf1"),
        ("hlw8012", "sel", 35, "metering.sel"),
        ("hlw8012", "sel_voltage", 2, "metering.sel_voltage"),
        ("hlw8012", "chip", "cse7766", "metering.chip"),
        ("hlw8012", "shunt_uohm", 99, "metering.shunt_uohm"),
        ("hlw8012", "divider", 2821.5, "metering.divider"),
        ("hlw8012", "poll_ms", 4001, "metering.poll_ms"),
        ("hlw8012", "uart", 2, "metering.uart"),
        ("s0", "pins", [], "metering.pins"),
        ("s0", "pulses_per_kwh", [1000], "metering.pulses_per_kwh"),
        ("s0", "pulses_per_kwh", [1000, 0], "metering.pulses_per_kwh"),
        ("s0", "debounce_ms", 31, "metering.debounce_ms"),
        ("rs485_meter", "meter", None, "metering.meter"),
        ("rs485_meter", "parity", "mark", "metering.parity"),
        ("bl0942", "meter", METER, "metering.meter"),
    )
    for driver, field, bad, named in cases:
        where = dict(WHERE.get(driver, {"uart": 2}), driver=driver)
        where[field] = bad
        refused_metering(driver + " " + field, where, named)
    registers = METER["registers"]
    cases = (
        ("function", 5, "function"),
        ("blocks", [[0, 126]], "blocks"),
        ("registers", dict(registers, power=[13, "float32", 1, 1]), "registers.power"),
        ("registers", dict(registers, power=[12, "float64", 1, 1]), "registers.power"),
        ("registers", dict(registers, power=[12, "float32", 1, 0]), "registers.power"),
        ("registers", dict(registers, volts=[0, "float32", 1, 1]), "registers.volts"),
        ("registers", {"power": [12, "float32", 1, 1]}, "registers"),
        ("direction", False, "direction"),
        ("max_w", 0, "max_w"),
        ("colour", 1, "colour"),
    )
    for field, bad, named in cases:
        meter = dict(METER)
        meter[field] = bad
        where = {"driver": "rs485_meter", "uart": 2, "meter": meter}
        refused_metering("meter " + field, where, "metering.meter." + named)


def refused_metering(name, metering, named):
    channel = {"kind": "load", "energy": "grid", "sensor": 1}
    try:
        config.parse(json.dumps(dict(BASE, metering=metering, channels=[channel])))
    except ConfigError as error:
        expect(name, error.field, named)
        return
    expect(name + " is refused", False, True)


def digests():
    """What decides what a Wh is changes the digest, and nothing else does."""

    def digest(driver, metering, **channel):
        where = dict(WHERE.get(driver, {"uart": 2}), driver=driver)
        where.update(metering)
        part = dict({"kind": "load", "energy": "grid", "sensor": 1}, **channel)
        value = dict(BASE, metering=where, channels=[part])
        return config.parse(json.dumps(value)).calibration

    plain = digest("bl0942", {})
    expect("32 bytes", len(plain), 32)
    expect("pins and times are no scale", digest("bl0942", {"tx": 5, "poll_ms": 900}), plain)
    check = calibration_digest(Calibration(energy=1010000), "bl0942")[:4].hex()
    found = {"energy": 1010000, "check": check}
    for name, other in (
        ("calibration", digest("bl0942", {}, calibration=found)),
        ("channel", digest("bl0942", {}, kind="generation")),
        ("driver", digest("cse7766", {})),
    ):
        expect(name + " counts", other != plain, True)
    for driver, field, value in (
        ("hlw8012", "chip", "bl0937"),
        ("hlw8012", "shunt_uohm", 2000),
        ("hlw8012", "divider", 2351),
        ("s0", "pulses_per_kwh", [1000, 801]),
        ("atm90e32", "ratio", 2),
        ("atm90e32", "gain_current", [27518, 27518, 27519]),
        ("ade7953", "pga_current_a", 2),
        ("rs485_meter", "meter", dict(METER, low_word_first=True)),
    ):
        expect(driver + field, digest(driver, {field: value}) != digest(driver, {}), True)


def phases():
    check = calibration_digest(Calibration(phase=-20), "ade7953")[:4].hex()
    board = parse("ade7953", {"sensor": 2, "calibration": {"phase": -20, "check": check}})
    expect("phase", make(board, board.channels[0]).calibration.phase, -20)
    for driver, phase in (("ade7953", 384), ("bl0942", 1)):
        bad = {"sensor": 1, "calibration": {"phase": phase, "check": "00000000"}}
        refused("phase of a " + driver, "calibration.phase", driver, bad)


drivers_are_made()
declared()
calibrations_arrive()
wrong()
wrong_ports()
digests()
phases()
print("ok")
