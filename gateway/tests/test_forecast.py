"""The forecast of a bus is arithmetic that can be done by hand."""

import dataclasses

import pytest

from gateway import cli
from gateway.collect import port
from gateway.collect.forecast import BOARD_TURNAROUND_S, forecast
from gateway.config import BusConfig, DeviceConfig, MeterConfig
from gateway.tests.test_config import GOOD

BUS = BusConfig("bus0", "/dev/ttyUSB0", 9600, "N", 2000, 5, ())


def boards(count: int) -> tuple[DeviceConfig, ...]:
    return tuple(DeviceConfig(number + 1, f"m{number}", 0) for number in range(count))


def test_one_board_by_hand():
    """At 60 s: status, a record, an ack, two looks at its fate, each a minute."""
    byte_s, turn_s = 10 / 9600, BOARD_TURNAROUND_S
    sizes = [8 + 69, 21 + 197, 9 + 158 + 8, 8 + 29, 8 + 29]
    busy_s = sum(size * byte_s + 3.5 * byte_s + turn_s + 0.005 for size in sizes)
    bus = dataclasses.replace(BUS, devices=boards(1))
    assert forecast(bus, 60).share == pytest.approx(busy_s / 60)


def test_ten_boards_a_minute_take_what_was_measured_on_a_paced_bus():
    bus = dataclasses.replace(BUS, devices=boards(10))
    # measured for reading records alone: 9 to 11 %
    assert 0.09 < forecast(bus, 60).share < 0.30


def test_a_faster_line_needs_less_and_a_shorter_interval_more():
    bus = dataclasses.replace(BUS, devices=boards(10))
    fast = dataclasses.replace(bus, baud=115_200)
    assert forecast(fast, 10).share < forecast(bus, 10).share < forecast(bus, 5).share


def test_live_polling_of_many_meters_is_more_than_a_bus_has():
    meters = tuple(MeterConfig(n + 1, f"t{n}", "sdm630") for n in range(11))
    found = forecast(dataclasses.replace(BUS, meters=meters), 1)
    assert found.share > 1
    assert found.advice
    assert str(found).startswith(f"bus bus0 needs {found.share:.0%} of its time (t0 ")


def test_parity_costs_a_bit_in_ten():
    bus = dataclasses.replace(BUS, devices=boards(1))
    even = dataclasses.replace(bus, parity="E")
    assert forecast(bus, 10).share < forecast(even, 10).share < 1.1 * forecast(bus, 10).share


def test_check_config_says_what_each_bus_needs(tmp_path, capsys):
    for name in ("keys/gateway", "keys/ack.cert", "genesis.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    path = tmp_path / "gateway.toml"
    path.write_text(GOOD)
    assert cli.main(["check-config", str(path)]) == 0
    assert "bus bus0 needs" in capsys.readouterr().out
    crowded = GOOD.replace("area = 1\n", "area = 1\npoll_s = 1\n")
    crowded += "".join(f'\n[[bus.device]]\naddress = {n}\nname = "n{n}"\n' for n in range(3, 14))
    path.write_text(crowded)
    assert cli.main(["check-config", str(path)]) == 1
    assert "raise the baud rate" in capsys.readouterr().err


def test_a_port_by_its_number_is_told_by_a_name_that_stays(tmp_path):
    for folder, name, target in (
        ("by-path", "platform-usb-0:1.2:1.0-port0", "ttyUSB0"),
        ("by-path", "platform-usb-0:1.1:1.0-port0", "ttyUSB1"),
        ("by-id", "usb-FTDI_FT232R_A10K-if00-port0", "ttyUSB1"),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).symlink_to(f"/dev/{target}")
    by_id = port.stable_path("/dev/ttyUSB1", tmp_path)
    assert by_id == str(tmp_path / "by-id" / "usb-FTDI_FT232R_A10K-if00-port0")
    by_path = port.stable_path("/dev/ttyUSB0", tmp_path)
    assert by_path == str(tmp_path / "by-path" / "platform-usb-0:1.2:1.0-port0")
    assert port.stable_path(by_id, tmp_path) is None
    assert port.stable_path("/dev/ttyAMA0", tmp_path) is None
    assert port.stable_path("/dev/ttyUSB7", tmp_path) is None
