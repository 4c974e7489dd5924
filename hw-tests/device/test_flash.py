"""Images to boards through the real mpremote, and everything that goes wrong on the way."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from truewatt.device import image, profiles
from truewatt.device.errors import (
    BoardCannot,
    BoardFull,
    CableLost,
    NoPort,
    NotFlashed,
    TooOld,
    WrongChip,
)
from truewatt.device.link import attached
from truewatt.device.provisioning import require_whole

Desks = Callable[..., Any]


def on_board(desk: Any, code: str) -> str:
    with attached(str(desk.port)) as link:
        link.require()
        return link.run(code)


def test_mpremote_itself_talks_to_the_emulated_board(desk: Desks) -> None:
    made = desk()
    done = subprocess.run(
        [sys.executable, "-m", "mpremote", "connect", str(made.port), "exec", "print(6*7)"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "42"), done.stderr


def test_a_new_board_is_flashed_verified_and_told_whole(
    desk: Desks, capsys: pytest.CaptureFixture[str]
) -> None:
    made = desk()
    assert made.device("info") == 1
    assert "NotFlashed" in capsys.readouterr().out
    assert made.flash() == 0
    assert "100 % of" in capsys.readouterr().err
    built = image.build(profiles.load(str(made.profile)))
    with attached(str(made.port)) as link:
        link.require()
        manifest = require_whole(link)
        there = link.value(
            "_d('/a')+_d('/stage')+['/'+e[0] for e in os.ilistdir('/') if e[1]&0x8000]"
        )
    assert manifest == json.loads(built.manifest) | {"folder": "/a"}
    ours = [*built.files, "files.cbor", "firmware.json"]
    assert set(there) == {f"/a/{path}" for path in ours} | set(built.stage)
    assert set(built.stage) == {"/main.py", "/stage/start.mpy"}
    assert made.device("info") == 0
    said = capsys.readouterr().out
    assert f"build {manifest['build']}" in said
    assert "0 of them damaged" in said


@pytest.mark.slow
def test_flashing_again_sends_nothing_and_mends_what_was_changed(
    desk: Desks, capsys: pytest.CaptureFixture[str]
) -> None:
    made = desk()
    made.flash()
    capsys.readouterr()
    made.flash()
    assert "has this image already" in capsys.readouterr().err
    changed = "/a/core/node.mpy"
    on_board(made, f"f=open({changed!r},'r+b');f.seek(40);f.write(b'evil');f.close()")
    on_board(made, "open('/a/json.py','w').write('raise ValueError')")
    assert made.device("info") == 1
    assert f"damaged    {changed}" in capsys.readouterr().out
    with pytest.raises(NotFlashed, match=changed):
        made.provision()
    made.flash()
    assert "1 files written" in capsys.readouterr().err
    assert made.device("info") == 0
    assert "json.py" not in on_board(made, "print(_d('/a'))")


@pytest.mark.slow
def test_a_pulled_cable_leaves_no_half_firmware_and_flashing_resumes(
    desk: Desks, capsys: pytest.CaptureFixture[str]
) -> None:
    made = desk()
    made.console.pull_after(60_000)
    with pytest.raises(CableLost, match="resumes"):
        made.flash()
    made.console.wait_until_pulled()
    made.console.plug()
    capsys.readouterr()
    assert made.device("info") == 1
    assert "half-way" in capsys.readouterr().out
    assert "main.py" not in on_board(made, "print(os.listdir('/'))")
    made.flash()
    written = int(capsys.readouterr().err.split(" files written")[0].split()[-1])
    whole = len(image.build(profiles.load(str(made.profile))).files)
    assert 0 < written < whole + 3
    assert made.device("info") == 0


@pytest.mark.parametrize(
    ("machine", "version", "error", "words"),
    [
        ("ESP32C3 module with ESP32C3", (1, 27, 0), WrongChip, "ESP32C3 module"),
        ("", (1, 24, 1), TooOld, r"1\.24\.1, at least 1\.25"),
    ],
)
def test_a_wrong_chip_or_an_old_micropython_is_refused_untouched(
    desk: Desks, machine: str, version: tuple[int, int, int], error: type, words: str
) -> None:
    made = desk(machine, version)
    with pytest.raises(error, match=words):
        made.flash()
    with attached(str(made.port)) as link:
        assert link.run("import os;print(os.listdir('/'))").strip() == "['rom']"


@pytest.mark.slow
def test_the_image_of_a_real_chip_arrives_byte_for_byte(desk: Desks) -> None:
    made = desk("Generic ESP32 module with ESP32", (1, 27, 0))
    assert made.device("flash", "--board", "esp32-devkitc", "--role", "meter") == 0
    built = image.build(profiles.load("esp32-devkitc"), "meter")
    assert not [path for path in built.files if path.startswith("mlmd/")]
    with attached(str(made.port)) as link:
        link.require()
        for path, data in built.files.items():
            assert link.digest(f"/a/{path}") == (len(data), hashlib.sha256(data).hexdigest())


@pytest.mark.slow
def test_a_full_filesystem_is_refused_before_anything_is_written(desk: Desks) -> None:
    made = desk()
    fill = "f=open('/big','wb')\nfor i in range(%d):f.write(bytes(4096))\nf.close()"
    on_board(made, fill % 470)
    with pytest.raises(BoardFull, match="KiB are needed"):
        made.flash()
    assert "firmware.json" not in on_board(made, "print(os.listdir('/'))")
    with pytest.raises(BoardFull, match="filesystem is full"):
        on_board(made, fill % 600)
    on_board(made, "os.remove('/big')")
    made.flash()
    assert made.device("info") == 0


def test_no_board_and_no_such_combination_have_names(desk: Desks, tmp_path: Any) -> None:
    made = desk()
    with pytest.raises(BoardCannot, match="BLE beside Wi-Fi"):
        made.device("flash", "--board", "esp32-c3", "--links", "wifi,ble")
    made.port = tmp_path / "ttyUSB9"
    with pytest.raises(NoPort, match="ttyUSB9"):
        made.device("info")
