"""Bought meters behind a board: the gateway's profiles, compiled, on MicroPython."""

import json
import time
from dataclasses import replace

import pytest

from gateway.profiles import decode, find_profile, load_all
from truewatt.device.errors import BoardCannot
from truewatt.device.meter import compiled, line
from truewatt.emulator.commercial.line import take_requests
from truewatt.emulator.commercial.meter import EmulatedMeter
from truewatt.emulator.wires.pzem import crc16

VALUES = {
    "voltage_dv": 2304,
    "voltage_l1_dv": 2304,
    "current_ma": 5200,
    "current_l1_ma": 5200,
    "current_l2_ma": 7300,
    "current_l3_ma": 100,
    "power_w": -1150,
    "reactive_var": 310,
    "frequency_mhz": 49_900,
    "import_wh": 1_234_560,
    "export_wh": 98_700,
    "total_wh": 1_333_260,
}


def readable():
    """Names of the profiles that a board can read."""
    names = []
    for profile in load_all():
        try:
            compiled(profile)
        except BoardCannot:
            continue
        names.append(profile.name)
    return names


@pytest.fixture
def bench(tty, start):
    """`bench(name, ...)`: an emulated meter of that profile, and what boots a board on it."""

    def make(name, disturb=bytes, address=1, **described):
        profile = find_profile(name)
        known = {register.key for register in profile.registers}
        values = {key: value for key, value in VALUES.items() if key in known}
        if not profile.direction and "power_w" in values:
            values["power_w"] = 1150
        meter = EmulatedMeter(profile, 1, values)
        received = bytearray()

        def serve():
            received.extend(tty.read())
            take_requests(received, answer)

        def answer(request):
            said = meter.answer(request[1:-2], time.monotonic())
            if said is not None and request[0] == meter.address:
                body = bytes((meter.address,)) + said
                tty.write(disturb(body + crc16(body)))

        fields = line(name)
        fields["meter"] |= described
        boot = start("rs485_meter", serve)

        def on():
            return boot(
                uart=str(tty.path),
                metering={"driver": "rs485_meter", "uart": 2, "timeout_ms": 400} | fields,
                channel={"kind": "load", "energy": "grid", "sensor": address},
            )

        return meter, on

    return make


@pytest.mark.parametrize("name", readable())
def test_a_board_reads_what_the_gateway_reads(name, bench):
    meter, boot = bench(name)
    answer = boot().poll_until_heard(0)
    seen = decode(meter.profile, meter._words, meter.profile.chosen()).values
    assert answer["w"] == seen["power_w"]
    imported = seen.get("import_wh", seen.get("total_wh"))
    direction = compiled(meter.profile)["direction"]
    assert answer["registers"] == [imported, seen["export_wh"] if direction else 0]
    for key, shown in (("voltage_l1_dv", "dv"), ("frequency_mhz", "mhz"), ("reactive_var", "var")):
        if key in seen:
            assert answer[shown] == seen[key], key
    currents = [value for key, value in seen.items() if key.startswith("current")]
    if currents and name != "sdm72":
        assert answer["ma"] == max(abs(value) for value in currents)


def test_what_a_board_gets_of_a_profile_is_small():
    for name in readable():
        assert len(json.dumps(line(name))) < 700, name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("em24_ethernet", "talks tcp"),
        ("janitza_b23", "one source"),
    ],
)
def test_what_a_board_cannot_read_is_told_by_name(name, why):
    with pytest.raises(BoardCannot, match=why):
        line(name)


def test_a_meter_without_a_register_of_power_cannot_be_read_by_a_board():
    whole = find_profile("sdm220")
    lacking = replace(whole, registers=tuple(r for r in whole.registers if r.quantity != "power"))
    with pytest.raises(BoardCannot, match="no register of power"):
        compiled(lacking)


def test_faults_have_names(bench):
    state = {"disturb": bytes}

    def disturb(frame):
        return state["disturb"](frame)

    meter, boot = bench("sdm120", disturb)
    board = boot()
    assert board.poll_until_heard(0)["w"] == -1150
    meter.silent = True
    answer = board.poll(1000)
    assert answer["fault"] == "SensorSilent"
    assert "sdm120 1" in answer["text"]
    meter.silent = False
    state["disturb"] = lambda frame: frame[:5] + b"\x7e" + frame[6:]
    assert board.poll(2000)["fault"] == "SensorGarbled"
    state["disturb"] = lambda frame: b"\x01\x04\x00" + frame  # noise that looks like a beginning
    assert board.poll_until_heard(3000)["w"] == -1150


def test_another_model_is_refused_by_its_exception(bench):
    _, boot = bench("sdm120", blocks=[[0, 26], [70, 6], [100, 2]])
    answer = boot().poll_until_answered(0)
    assert answer["fault"] == "SensorRefused"
    assert "exception 2 at 100" in answer["text"]
    assert "--meter-profile" in answer["text"]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"power_w": -18_001}, "power can't be -18001"),
        ({"power_w": None}, "power is not available"),
    ],
)
def test_what_can_not_be_is_refused(values, why, bench):
    meter, boot = bench("sdm120", max_w=18_000)
    meter.measure({"voltage_dv": 2304} | values)
    answer = boot().poll(0)
    assert answer["fault"] == "SensorRefused"
    assert why in answer["text"]


def test_a_sentinel_is_no_measurement(bench):
    meter, boot = bench("abb_b23")
    meter.measure({"power_w": 100, "import_wh": None})
    answer = boot().poll(0)
    assert answer["fault"] == "SensorRefused"
    assert "import is not available" in answer["text"]


def test_a_reset_meter_and_another_meter_invent_nothing(bench):
    meter, boot = bench("sdm120")
    board = boot()

    def poll(now_ms, imported, exported=0):
        meter.measure({"power_w": 0, "import_wh": imported, "export_wh": exported})
        return board.poll_until_heard(now_ms)

    assert poll(0, 500_000, 1000)["registers"] == [500_000, 1000]
    assert poll(60_000, 500_100, 1010)["registers"] == [500_100, 1010]
    assert poll(120_000, 40, 1010)["what"] == 2  # reset: what it counted since is 40 Wh
    answer = poll(180_000, 900_000, 1010)
    assert (answer["what"], answer["registers"]) == (3, [500_140, 1010])  # another meter
    assert poll(240_000, 900_050, 1020)["registers"] == [500_190, 1020]
