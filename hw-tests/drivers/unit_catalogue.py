"""config.json with each driver, and the driver that comes of it, on MicroPython."""

import json
import sys

from core import config
from core.errors import ConfigError
from drivers import catalogue
from drivers.calibration import Calibration

BASE = {
    "role": "meter",
    "name": "m1",
    "chain_id": "c",
    "area": 1,
    "operator_root": "ab" * 32,
    "bus": {"address": 1, "uart": 1},
    "relays": [],
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
    where = {"cs": 5} if driver in catalogue.SPI else {"uart": 2}
    where["driver"] = driver
    value = dict(BASE, metering=where, channels=parts)
    return config.parse(json.dumps(value))


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
        sensor = catalogue.make(board.metering, board.channels[0], None, None)
        expect(driver, type(sensor).__name__.lower(), driver)
        expect(driver + " direction", sensor.direction, driver in catalogue.NET)
        if driver in catalogue.SPI:
            expect(driver + " registers", sensor.energy_register().registers(), (0, 0))
            continue
        expect(driver + " baud", board.metering.baud, catalogue.BAUDS[driver])
        expect(driver + " register", sensor.energy_register().register_wh, 0)


def calibrations_arrive():
    check = Calibration(energy=1010000).digest("bl0942")[:4].hex()
    found = {"sensor": 0, "calibration": {"energy": 1010000, "check": check}}
    board = parse("bl0942", found, {"sensor": 3})
    sensor = catalogue.make(board.metering, board.channels[0], None, None)
    expect("calibration", sensor.calibration.energy, 1010000)
    expect("nominal", board.channels[1].calibration.energy, 1000000)


def wrong():
    refused("no fifth address", "channels[0].sensor", "bl0942", {"sensor": 4})
    refused("one CSE7766 a line", "channels", "cse7766", {"sensor": 1}, {"sensor": 1})
    refused("no second CSE7766", "channels[1].sensor", "cse7766", {"sensor": 1}, {"sensor": 2})
    bad = {"sensor": 1, "calibration": {"energy": 1010000}}
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


drivers_are_made()
calibrations_arrive()
wrong()
print("ok")
