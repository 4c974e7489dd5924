"""A board's identity: made on the board, shown to people, and destroyed only on purpose."""

import asyncio
import io
import json
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from gateway.collect.bus import Bus
from gateway.collect.errors import CollectError
from gateway.collect.link import BoardLink
from gateway.config import BusConfig
from truewatt.device import profiles, settings
from truewatt.device.errors import (
    BoardRefused,
    NotConfirmed,
    NotFlashed,
    WrongChip,
    WrongRole,
)
from truewatt.device.label import label
from truewatt.device.link import attached
from truewatt.device.provisioning import check

CHAIN = "truewatt-test"
Desks = Callable[..., Any]


@pytest.fixture
def flashed(desk: Desks) -> Any:
    made = desk()
    made.flash()
    return made


def nvs(made: Any) -> dict[str, Any]:
    path = made.board.directory / "nvs.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found.get("tw", {})


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def starts(made: Any) -> int:
    """How often its firmware said at the cable that it runs."""
    return (made.board.directory / "console.log").read_text(errors="replace").count(" bytes free")


def runs(made: Any, times: int) -> None:
    """Wait until it said so that often."""
    deadline = time.monotonic() + 30
    while starts(made) < times:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def read_address(port: int) -> str:
    """The ledger address that a board serves by Modbus TCP."""

    async def read() -> str:
        bus = Bus(BusConfig("air", f"tcp://127.0.0.1:{port}", 9600, "N", 2000, 0, ()))
        while True:
            try:
                await bus.open()
                return (await BoardLink(bus, 1).status()).device.hex()
            except CollectError:
                await asyncio.sleep(0.1)
            finally:
                bus.close()

    return asyncio.run(asyncio.wait_for(read(), 30))


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text + "\n"))


def test_a_board_makes_its_key_runs_and_forgets_it_only_when_told(
    flashed: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = flashed
    assert made.provision() == 0
    said = capsys.readouterr().out
    data = (made.out / "m1.enrolment").read_bytes()
    enrolled = check("m1", data, CHAIN)
    assert f"address    {enrolled.address}" in said
    assert data.hex() in said
    seed = nvs(made)["seed"]
    assert len(seed) == 64

    # The firmware that was flashed runs, and says so at the cable.
    runs(made, 1)
    made.device("logs", "--seconds", "3")
    assert re.search(r"^\[\d+\] \w+: ", capsys.readouterr().out, re.M)

    made.device("info")
    said += capsys.readouterr().out
    assert f"public_key {enrolled.record.public_key.hex()}" in said
    everything = said + "".join(p.read_text() for p in made.out.glob("*.svg"))
    everything += (made.board.directory / "console.log").read_text(errors="replace")
    assert seed not in everything

    # Configured anew it is the same board; reset by mistake too.
    made.provision("--generation")
    assert check("m1", (made.out / "m1.enrolment").read_bytes(), CHAIN).address == enrolled.address
    type_in(monkeypatch, "yes")
    with pytest.raises(NotConfirmed, match="Type: m1"):
        made.device("factory-reset")
    assert nvs(made)["seed"] == seed

    type_in(monkeypatch, "m1")
    # A board that was stopped for what is then refused runs again by itself.
    before = starts(made)
    with pytest.raises(WrongRole, match="the board is a meter, not a mlmd"):
        made.device("factory-reset", "--role", "mlmd")
    runs(made, before + 1)
    with pytest.raises(WrongChip):
        made.device("clear-lockout", "--board", "esp32-c3")
    runs(made, before + 2)
    assert nvs(made)["seed"] == seed
    capsys.readouterr()

    assert made.device("info", "--role", "meter", "--board", str(made.profile)) == 0
    assert "role       meter" in capsys.readouterr().out
    assert made.device("factory-reset", "--role", "meter") == 0
    assert seed not in (made.board.directory / "nvs.json").read_text()
    capsys.readouterr()
    assert made.device("info") == 0
    assert "public_key None" in capsys.readouterr().out
    with pytest.raises(WrongRole, match="the board is none yet, not a meter"):
        made.device("info", "--role", "meter")
    made.provision()
    assert check("m1", (made.out / "m1.enrolment").read_bytes(), CHAIN).address != enrolled.address


def test_what_the_board_refuses_is_told_by_its_own_name(
    flashed: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = tmp_path / "extra.json"
    extra.write_text('{"interval_s": 7, "boundary_s": 60}')
    with pytest.raises(BoardRefused, match="ConfigError: boundary_s: expected a multiple"):
        flashed.provision("--config", str(extra))
    assert "seed" not in nvs(flashed)
    secret = tmp_path / "password"
    secret.write_text("correct horse\n")
    network = ["--wifi", "home", "--broker", "10.0.0.1", "--wifi-password-file", str(secret)]
    assert flashed.provision(*network) == 0
    said = capsys.readouterr()
    label_text = (flashed.out / "m1.svg").read_text()
    console = (flashed.board.directory / "console.log").read_text(errors="replace")
    assert "correct horse" not in said.out + said.err + label_text + console


def test_a_board_on_the_network_serves_modbus_and_asks_for_the_time(
    flashed: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "password"
    secret.write_text("correct horse\n")
    port = free_port()
    air = ["--wifi", "street", "--wifi-password-file", str(secret)]
    served = [*air, "--modbus-tcp", str(port), "--tcp-connections", "1"]
    asks = ["--sntp", "127.0.0.1", "--sntp-interval-s", "600", "--drift"]
    assert flashed.provision(*served, *asks) == 0
    said = capsys.readouterr()
    assert "LittleHeap" not in said.err
    assert f"meter, Wi-Fi street, port {port}" in (flashed.out / "m1.svg").read_text()
    enrolled = check("m1", (flashed.out / "m1.enrolment").read_bytes(), CHAIN)
    with attached(str(flashed.port)) as link:
        config = json.loads(link.run("print(open('/config.json').read())"))
        link.restart()
    wanted = {"ssid": "street", "psk": "correct horse", "port": port, "connections": 1}
    assert config["tcp"] == wanted
    assert (config["sntp"], config["drift"]) == ({"host": "127.0.0.1", "interval_s": 600}, True)
    assert "mqtt" not in config
    assert read_address(port) == enrolled.address
    assert flashed.provision(*served) == 0
    again = check("m1", (flashed.out / "m1.enrolment").read_bytes(), CHAIN)
    assert again.address == enrolled.address


def test_the_passkey_of_a_board_is_on_its_label_and_nowhere_else(
    flashed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    made = flashed
    passkeys = set()
    for _ in range(2):
        assert made.provision("--ble") == 0
        said = capsys.readouterr()
        passkey = f"{nvs(made)['passkey']:06d}"
        drawing = ElementTree.fromstring((made.out / "m1.svg").read_text())
        assert passkey in [node.text for node in drawing if node.tag.endswith("text")]
        assert (made.out / "m1.svg").stat().st_mode & 0o077 == 0
        enrolled = check("m1", (made.out / "m1.enrolment").read_bytes(), CHAIN)
        assert f"on the air TW-{enrolled.address[:8]}" in said.out
        made.device("info")
        said_later = capsys.readouterr().out
        assert "ble_passkey_set True" in said_later
        assert passkey not in said.out + said.err + said_later
        passkeys.add(passkey)
    # A new one each time: who has read the old label has nothing any more.
    assert len(passkeys) == 2


@pytest.mark.slow
def test_a_board_that_restarts_all_the_time_is_caught_at_the_cable(
    desk: Desks, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = desk(radio=False)
    made.flash("--role", "meter")
    secret = tmp_path / "password"
    secret.write_text("correct horse\n")
    made.provision("--wifi", "home", "--broker", "h", "--wifi-password-file", str(secret))
    made.device("logs", "--seconds", "4")
    assert capsys.readouterr().out.count("no module named 'network'") > 1
    assert made.device("info") == 0
    assert made.provision() == 0


def test_an_unflashed_board_is_not_provisioned(desk: Desks) -> None:
    with pytest.raises(NotFlashed, match="truewatt device flash"):
        desk().provision()


@pytest.mark.slow
def test_an_mlmd_at_the_cable_protects_after_its_provisioning(
    desk: Desks, capsys: pytest.CaptureFixture[str]
) -> None:
    made = desk()
    made.flash("--role", "mlmd")
    with pytest.raises(BoardRefused, match="role mlmd"):
        made.provision()
    assert made.provision("--limit-w", "20000", role="mlmd", name="x1") == 0
    record = check("x1", (made.out / "x1.enrolment").read_bytes(), CHAIN).record
    assert (record.role, record.fixed_limit_w, record.relays) == (2, 20_000, 1)


def test_the_label_is_a_drawing_that_says_who_it_is() -> None:
    address = "0123456789abcdef0123456789abcdef01234567"
    drawing = ElementTree.fromstring(label(address, "a<b", "chain", "meter", "address 11"))
    texts = [node.text for node in drawing if node.tag.endswith("text")]
    assert texts[:3] == ["a<b", "meter, address 11", "chain"]
    assert "".join(texts[3:5]).replace(" ", "") == address
    assert "BLE passkey:" in texts


def test_pins_that_enable_a_board_are_driven_high(on_chip: Callable[[str], str]) -> None:
    code = (
        "import board,machine,chip_pin\nfrom core import config\n"
        "with open('/config.json','w') as file: file.write(%r)\n"
        "board.Board(config.load(),None)\n"
        "print([chip_pin._ports[n].level for n in (16,17,19)])"
    )
    profile = profiles.load("lilygo-t-can485")
    wishes = settings.Wishes("meter", "m1", CHAIN, 1, "ab" * 32, address=11)
    said = on_chip(code % json.dumps(settings.compose(profile, wishes)))
    assert said.strip() == "[1, 1, 1]"
