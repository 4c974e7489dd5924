"""SunSpec's meters, read as the gateway attests them and from the command line."""

import asyncio

import pytest

from gateway import cli
from gateway.attest.errors import WrongMeter
from gateway.attest.reading import opened
from gateway.profiles.link import PortConfig
from gateway.tests.profiles.rigs import on_a_line, on_tcp
from truewatt.emulator.commercial.meter import Measured
from truewatt.emulator.commercial.storage import EmulatedStorage
from truewatt.emulator.commercial.sunspec_meter import EmulatedSunSpecMeter

SEEN = Measured([230.4, 229.0, 231.1], [1200.0, -300.0, 50.0], 123_456.0, 7_890.0, 49.98)
SINGLE = Measured([230.4], [1200.0], 123_456.0, 7_890.0, 50.0)


def metered(number, seen=SEEN, **more):
    meter = EmulatedSunSpecMeter(5, number, **more)
    meter.measure(seen)
    return meter


async def read(device, name="sunspec_meter"):
    async with on_tcp(device) as port, opened(name, PortConfig(port), 5) as found:
        return found.title, await found.read()


@pytest.mark.parametrize("number", [203, 202, 213, 212])
@pytest.mark.parametrize("base", [40000, 0, 50000])
def test_a_meter_is_found_wherever_its_map_begins(number, base):
    title, readings = asyncio.run(read(metered(number, base=base)))
    assert f"SunSpec model {number}" in title
    values = readings.values
    assert (values["power_w"], values["power_l2_w"]) == (950, -300)
    assert (values["import_wh"], values["export_wh"]) == (123_456, 7_890)
    assert (values["voltage_l1_dv"], values["frequency_mhz"]) == (2304, 49_980)
    # 1200 W / 230.4 V = 5.2083 A; integers carry two decimals.
    assert values["current_l1_ma"] == (5208 if number > 210 else 5210)


@pytest.mark.parametrize("number", [201, 211])
def test_phases_that_are_not_there_are_not_available(number):
    _, readings = asyncio.run(read(metered(number, SINGLE)))
    assert readings.values["power_w"] == 1200
    assert {"voltage_l2_dv", "power_l3_w"} <= set(readings.unavailable)
    assert "voltage_l2_dv" not in readings.values


def test_a_maker_that_counts_the_other_way_is_turned_round():
    _, readings = asyncio.run(read(metered(203, maker="SolarEdge")))
    assert readings.values["power_w"] == -950
    assert readings.values["import_wh"] == 123_456


def test_power_that_can_not_be_is_implausible():
    _, readings = asyncio.run(read(metered(213, Measured([230.0], [90_000.0]))))
    assert readings.implausible["power_w"] == 90_000
    _, readings = asyncio.run(read(metered(213, Measured([230.0], [float("nan")]))))
    assert "power_w" in readings.unavailable


def test_an_inverter_is_no_meter():
    with pytest.raises(WrongMeter, match="no SunSpec meter: only models 1, 701"):
        asyncio.run(read(EmulatedStorage(5, lambda: 0)))


def said(capsys, *words):
    status = cli.main(list(words))
    return status, capsys.readouterr()


def test_read_watch_and_scan_from_the_command_line(tmp_path, capsys):
    async def run():
        async with on_a_line(tmp_path, metered(203), EmulatedStorage(7, lambda: 0)):
            line = ["--port", str(tmp_path / "tty")]
            one = [*line, "--profile", "sunspec_meter", "--address", "5"]
            shown = [await asyncio.to_thread(said, capsys, "read", *one)]
            again = ["--every", "0.01", "--count", "2"]
            shown.append(await asyncio.to_thread(said, capsys, "watch", *one, *again))
            # A pseudo-terminal has no parity to set.
            usual = ["--address", "5-7", "--timeout-ms", "80", "--baud", "9600", "--parity", "N"]
            shown.append(await asyncio.to_thread(said, capsys, "scan", *line, *usual))
            asked = ["--address", "5,7", "--timeout-ms", "200"]
            shown.append(await asyncio.to_thread(said, capsys, "identify", *line, *asked))
            wrong = [*line, "--profile", "sunspec_meter", "--address", "7"]
            with pytest.raises(WrongMeter, match="no SunSpec meter"):
                await asyncio.to_thread(said, capsys, "read", *wrong)
            return shown

    once, twice, scanned, identified = asyncio.run(run())
    assert once[0] == 0
    assert "Emulated Meter (SunSpec model 203, serial SM0001)" in once[1].out
    assert "950 W" in once[1].out
    assert "123456 Wh" in once[1].out
    assert twice[0] == 0
    assert twice[1].out.count("SunSpec model 203") == 2
    assert "SunSpec meter: Emulated Meter" in scanned[1].out
    assert "SunSpec inverter: Emulated Storage" in scanned[1].out
    assert identified[0] == 0
    assert "address 5: SunSpec meter: Emulated Meter (names itself)" in identified[1].out
    assert "address 7: SunSpec inverter: Emulated Storage" in identified[1].out
