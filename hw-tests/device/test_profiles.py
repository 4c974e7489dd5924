"""Boards as data: one walk over all of them, and what no chip can carry."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from truewatt.device import calibration, chips, esptool, heap, image, profiles, settings
from truewatt.device.cli import main
from truewatt.device.errors import (
    BadOption,
    BadProfile,
    BoardCannot,
    LittleHeap,
    NoPort,
    NotInFirmware,
    UnknownBoard,
)

ROOT_KEY = "cd" * 32
WIFI = {"ssid": "s", "psk": "", "host": "h"}
BUS = {"uart": 1, "address": 11}
EXPECTED = {
    "circuitsetup-6ch",
    "esp32-c3",
    "esp32-devkitc",
    "esp32-s3",
    "lilygo-t-can485",
    "olimex-esp32-evb",
}


def wishes(role: str, address: int | None = 11, **more: object) -> settings.Wishes:
    limit_w = 20_000 if role == "mlmd" else None
    return settings.Wishes(
        role, "b", "chain", 1, ROOT_KEY, address=address, limit_w=limit_w, **more
    )


def test_every_board_that_is_promised_is_there() -> None:
    assert set(profiles.known()) >= EXPECTED


@pytest.mark.parametrize("name", profiles.known())
@pytest.mark.parametrize("role", ["meter", "mlmd"])
def test_every_board_is_possible_and_its_configuration_is_read(
    name: str, role: str, micropython_native: list[str], tmp_path: Path
) -> None:
    profile = profiles.load(name)
    assert list(profiles.problems(profile)) == []
    assert profile.source.startswith("https://")
    network = {"ssid": "s", "host": "h"}
    on_bus = not (profile.metering and profile.metering["uart"] == profile.bus["uart"])
    chosen = wishes(role) if on_bus else wishes(role, None, network=network)
    config = settings.compose(profile, chosen)
    assert firmware_reads(config, micropython_native, tmp_path) == "read"


def firmware_reads(config: dict, micropython: list[str], folder: Path) -> str:
    """What the firmware's own parser says to it, on MicroPython."""
    import os
    import subprocess

    path = folder / "config.json"
    path.write_text(json.dumps(config))
    code = f"from core import config;config.parse(open({str(path)!r}).read());print('read')"
    firmware = image.sources()
    done = subprocess.run(
        [*micropython, "-c", code],
        env={**os.environ, "MICROPYPATH": f"{firmware}:{firmware / 'shared'}:.frozen"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.strip() or done.stderr


@pytest.mark.parametrize("name", ["esp32-devkitc", "esp32-c3"])
def test_an_image_is_the_same_each_time_and_fits(name: str) -> None:
    profile = profiles.load(name)
    built = image.build(profile, "meter", {"wifi"})
    assert built == image.build(profile, "meter", {"wifi"})
    assert built.size < 160_000
    assert image.MAIN in built.files
    assert not [path for path in built.files if "/shared/" in path or "/mlmd/" in path]


def test_what_a_chip_cannot_carry_is_refused_by_name() -> None:
    c3 = profiles.load("esp32-c3")
    with pytest.raises(BoardCannot, match="esp32-c3 can't do BLE beside Wi-Fi"):
        image.build(c3, None, {"wifi", "ble"})
    with pytest.raises(BoardCannot, match="one UART to give"):
        settings.compose(c3, wishes("meter"))
    with pytest.raises(BoardCannot, match="no pins for it"):
        settings.compose(c3, wishes("meter", driver="atm90e32"))
    with pytest.raises(BoardCannot, match="can't do BLE beside Wi-Fi"):
        settings.compose(c3, wishes("meter", None, network={"ssid": "s"}, ble=True))
    assert settings.compose(c3, wishes("meter", None, ble=True))["ble"] == {}
    profiles.load("esp32-s3").require_links({"wifi", "ble"})
    with pytest.raises(BadOption, match="no way to the gateway"):
        settings.compose(c3, wishes("meter", None))


def test_a_link_that_the_firmware_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(image._NEEDS, "ble", "links/no_such_link.py")
    with pytest.raises(NotInFirmware, match="over ble"):
        image.build(profiles.load("esp32-s3"), None, {"ble"})


HEAD = 'title = "t"\nchip = "esp32"\nsource = "s"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD.replace("esp32", "z80"), "chip: expected one of"),
        (HEAD + "relays = [34]\n", "pin 34 is an input only"),
        (HEAD + "relays = [12]\n", "decides how the chip boots"),
        (HEAD + "relays = [6]\n", "belongs to the flash chip"),
        (HEAD + "relays = [3]\n", "belongs to the console"),
        (HEAD + "relays = [24]\n", "has no pin 24"),
        (HEAD + "relays = [4, 4]\n", "both relay and relay"),
        (HEAD + "[bus]\nuart = 0\n", "no UART 0"),
        (HEAD + "[bus]\nuart = 1\nspeed = 9600\n", "bus: expected numbers for"),
        (HEAD + "[counters]\ncf = 35\ncf1 = 36\nsel = 34\n", "counters.sel: pin 34 is an input"),
        (
            HEAD.replace("esp32", "esp32c3") + "[counters]\ncf = 1\n",
            "esp32c3 has no pulse counters",
        ),
        (HEAD + "relays = 4\n", "relays: expected a list"),
        (HEAD + "surprise = 1\n", "surprise"),
        ("title = ", "Invalid value"),
    ],
)
def test_a_bad_profile_says_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(BadProfile, match=re.escape(words)):
        profiles.load(str(path))
    with pytest.raises(UnknownBoard, match="esp32-devkitc"):
        profiles.load("esp-32")


@pytest.mark.parametrize(
    ("machine", "chip"),
    [
        ("Generic ESP32 module with ESP32", "esp32"),
        ("Generic ESP32S3 module with Octal-SPIRAM with ESP32S3", "esp32s3"),
        ("ESP32C3 module with ESP32C3", "esp32c3"),
        ("Raspberry Pi Pico with RP2040", None),
        ("", None),
    ],
)
def test_chips_are_known_by_what_micropython_says(machine: str, chip: str | None) -> None:
    found = chips.chip_of(machine)
    assert (found.name if found else None) == chip


def test_esptool_is_told_where_each_chip_boots_from() -> None:
    asked = {
        name: esptool.commands("esptool", "/dev/ttyUSB0", chips.CHIPS[name], Path("m.bin"))[1][-2:]
        for name in ("esp32", "esp32s3", "esp32c3")
    }
    assert asked["esp32"] == ["0x1000", "m.bin"]
    assert asked["esp32s3"] == asked["esp32c3"] == ["0x0", "m.bin"]


@pytest.mark.parametrize(
    ("more", "driver", "sensors"),
    [
        ({"driver": "ade7953"}, "ade7953", [1]),
        ({"driver": "ade7953", "generation": True}, "ade7953", [1, 2]),
        ({"driver": "hlw8012"}, "hlw8012", [1]),
        ({"pulses_per_kwh": (1000,)}, "s0", [1]),
        ({"pulses_per_kwh": (1000, 800), "generation": True}, "s0", [1, 2]),
        ({"meter_profile": "sdm120", "meter_address": 5}, "rs485_meter", [5]),
        ({"meter_profile": "em340", "meter_baud": 19200}, "rs485_meter", [1]),
    ],
)
def test_each_way_to_meter_gives_a_configuration_that_the_firmware_reads(
    more: dict, driver: str, sensors: list, micropython_native: list[str], tmp_path: Path
) -> None:
    config = settings.compose(profiles.load("esp32-devkitc"), wishes("meter", **more))
    assert config["metering"]["driver"] == driver
    assert [channel["sensor"] for channel in config["channels"]] == sensors
    assert config["reset_register"] == 0x3FF48034
    assert firmware_reads(config, micropython_native, tmp_path) == "read"


@pytest.mark.parametrize(
    ("board", "more", "why"),
    [
        ("esp32-c3", {"meter_profile": "sdm120"}, "one UART to give"),
        ("olimex-esp32-evb", {"driver": "ade7953"}, "metering over I2C: it has no pins"),
        ("lilygo-t-can485", {"pulses_per_kwh": (1000,)}, "metering over PULSES: it has no pins"),
        ("esp32-c3", {"driver": "hlw8012"}, "metering over COUNTERS: it has no pins"),
        ("esp32-s3", {"pulses_per_kwh": (1, 2, 3)}, "2 pins for S0 outputs, not 3"),
        ("esp32-devkitc", {"meter_profile": "em24_ethernet"}, "it talks tcp"),
    ],
)
def test_a_meter_that_a_board_cannot_have_is_refused_by_name(
    board: str, more: dict, why: str
) -> None:
    with pytest.raises(BoardCannot, match=why):
        settings.compose(profiles.load(board), wishes("meter", **more))


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"meter_profile": "sdm999"}, "no profile"),
        ({"meter_profile": "sdm120", "generation": True}, "one meter behind a board"),
        ({"meter_profile": "sdm120", "pulses_per_kwh": (1000,)}, "more than one way"),
        ({"driver": "s0"}, "s0 needs more"),
        ({"driver": "rs485_meter"}, "rs485_meter needs more"),
    ],
)
def test_wishes_that_contradict_each_other_are_refused(more: dict, why: str) -> None:
    with pytest.raises(BadOption, match=why):
        settings.compose(profiles.load("esp32-devkitc"), wishes("meter", **more))


@pytest.mark.parametrize(
    ("driver", "phase"),
    [("ade7953", -20), ("atm90e32", 0), ("bl0942", 0), ("cse7766", 0), ("hlw8012", 0)],
)
def test_the_firmware_takes_the_calibration_that_the_tool_makes(
    driver: str, phase: int, micropython_native: list[str], tmp_path: Path
) -> None:
    pairs = {"voltage": (228.1, 230.0), "power": (2046, 2001)}
    found = calibration.found(driver, pairs, phase)
    assert found["voltage"] == [1_008_330, 0]
    assert found["power"] == [978_006, 0]
    assert found["energy"] == 978_006
    config = settings.compose(profiles.load("esp32-devkitc"), wishes("meter", driver=driver))
    config["channels"][0]["calibration"] = found
    assert firmware_reads(config, micropython_native, tmp_path) == "read"
    found["power"] = [978_007, 0]
    assert "calibration.check" in firmware_reads(config, micropython_native, tmp_path)


@pytest.mark.parametrize(
    ("driver", "pairs", "phase", "why"),
    [
        ("bl0942", {"power": (200, 0)}, 0, "power: 200 and 0"),
        ("bl0942", {"power": (2, 2000)}, 0, "1e[+]03 times"),
        ("bl0942", {}, 5, "can't correct it"),
        ("ade7953", {}, 384, "383 steps at most"),
    ],
)
def test_what_is_no_calibration_is_refused(driver: str, pairs: dict, phase: int, why: str) -> None:
    with pytest.raises(BadOption, match=why):
        calibration.found(driver, pairs, phase)


@pytest.mark.parametrize(
    ("board", "links", "extra", "why"),
    [
        ("esp32-c3", {"address": None, "network": WIFI}, {"ble": {}}, "BLE beside Wi-Fi"),
        ("esp32-c3", {"address": None, "ble": True}, {"tcp": WIFI}, "BLE beside Wi-Fi"),
        ("esp32-c3", {"address": None, "ble": True}, {"bus": BUS}, "one UART to give"),
        ("esp32-devkitc", {}, {"metering": {"driver": "bl0942", "uart": 1}}, "one UART to give"),
        ("esp32-devkitc", {"role": "mlmd"}, {"relays": []}, "has no relay"),
    ],
)
def test_fields_that_win_are_held_to_the_board_like_options(
    board: str, links: dict, extra: dict, why: str
) -> None:
    profile, wanted = profiles.load(board), wishes(**{"role": "meter"} | links)
    assert settings.compose(profile, wanted)
    with pytest.raises(BoardCannot, match=why):
        settings.compose(profile, replace(wanted, extra=extra))


def test_fields_that_win_may_be_what_the_board_can_do() -> None:
    c3 = profiles.load("esp32-c3")
    by_air = wishes("meter", None, network=WIFI, extra={"mqtt": None, "ble": {}, "bus": None})
    assert settings.compose(c3, by_air)["ble"] == {}
    # Pins of one's own for a chip that the profile has none for.
    fields = {"metering": {"driver": "s0", "pins": [4], "pulses_per_kwh": [1000]}}
    assert settings.compose(c3, wishes("meter", None, ble=True, extra=fields | {"bus": BUS}))
    with pytest.raises(BadOption, match="role 'mlmd', but --role meter"):
        settings.compose(c3, replace(by_air, extra={"role": "mlmd"}))


WHO = ["--port", "none", "--board", "esp32-devkitc", "--role", "meter", "--name", "m1"]
WHOSE = ["--chain-id", "c", "--area", "1", "--operator-root", ROOT_KEY]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("--modbus-tcp", r"nothing without --wifi SSID \(--modbus-tcp\)"),
        ("--address 11 --sntp 10.0.0.9", r"nothing without --wifi SSID \(--sntp\)"),
        ("--address 11 --broker 10.0.0.1", r"nothing without --wifi SSID \(--broker\)"),
        ("--wifi s --broker h --tcp-connections 2", r"without --modbus-tcp \(--tcp-conn"),
        ("--wifi s --broker h --sntp-interval-s 90", r"without --sntp HOST \(--sntp-int"),
        ("--address 11 --wifi s", "no way to the gateway on it"),
        ("--wifi s --modbus-tcp --ble --board esp32-c3", "BLE beside Wi-Fi"),
    ],
)
def test_options_that_mean_nothing_alone_are_refused_before_the_board_is_touched(
    options: str, named: str, tmp_path: Path
) -> None:
    secret = tmp_path / "password"
    secret.write_text("correct horse\n")
    given = options.split()
    if "--wifi" in given:
        given += ["--wifi-password-file", str(secret)]
    with pytest.raises((BadOption, BoardCannot), match=named):
        main(["provision", *WHO, *WHOSE, *given])


def test_links_that_leave_too_little_heap_are_refused_before_the_board_is_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "password"
    secret.write_text("correct horse\n")
    wifi = ["--wifi", "s", "--wifi-password-file", str(secret), "--broker", "h"]
    mlmd = [*WHO[:5], "mlmd", "--limit-w", "9000", *WHO[6:]]
    asked = ["provision", *mlmd, *WHOSE, *wifi, "--address", "1"]
    with pytest.raises(LittleHeap, match="say --little-heap"):
        main(asked)
    # Whose module has more memory is warned, and gets as far as the port that is not there.
    with pytest.raises(NoPort):
        main([*asked, "--little-heap"])
    assert "LittleHeap: about" in capsys.readouterr().err


def test_links_from_a_file_count_too(tmp_path: Path) -> None:
    file = tmp_path / "more.json"
    file.write_text(json.dumps({"mqtt": WIFI}))
    mlmd = [*WHO[:5], "mlmd", "--limit-w", "9000", *WHO[6:], *WHOSE, "--address", "1"]
    with pytest.raises(LittleHeap, match="say --little-heap"):
        main(["provision", *mlmd, "--config", str(file)])
    file.write_text(json.dumps({"metering": 5}))
    with pytest.raises(NoPort):
        main(["provision", *mlmd, "--config", str(file)])


def test_a_heap_that_is_short_is_told_by_name() -> None:
    network = {"ssid": "s", "psk": "", "host": "h"}
    board = profiles.load("esp32-devkitc")
    alone = settings.compose(board, wishes("meter", None, network=network))
    assert heap.shortage(alone) is None
    both = settings.compose(board, wishes("mlmd", network=network))
    assert re.match(
        r"LittleHeap: about 1\d KiB stay free of 112, 20 should", str(heap.shortage(both))
    )
    assert "--tcp-connections" not in str(heap.shortage(both))
    full = {**both, "metering": {"driver": "atm90e32"}, "tcp": {}, "sntp": {"host": "h"}}
    # BLE, which has no field that must be given, counts as well.
    over_ble = settings.compose(board, wishes("mlmd", driver="atm90e32", ble=True))
    assert "bus, ble)" in str(heap.shortage(over_ble))
    assert heap.shortage({**over_ble, "bus": None}) is None
    # One link alone may be too much, and fewer connections the way out.
    served = settings.compose(board, wishes("mlmd", None, driver="ade7953", tcp={"ssid": "s"}))
    assert "give --tcp-connections 1, or take" in str(heap.shortage(served))
    served["tcp"]["connections"] = 1
    assert heap.shortage(served) is None
    assert "LittleHeap: it may not start" in str(heap.shortage(full | {"bus": {"address": 1}}))
