"""Every command of docs/flashing.md and docs/updating.md, run in order on an emulated board."""

import io
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from release_shop import ROOT_SEED, install, meter

from ledger.keys import save_seed
from truewatt.cli import main
from truewatt.device.image import Image
from truewatt.emulator.wires.rom_loader import ROM_CHIPS, RomLoader

DOCS = Path(__file__).resolve().parents[2] / "docs"


def commands(page: str) -> list[list[str]]:
    text = (DOCS / page).read_text(encoding="utf-8")
    lines = re.findall(r"^ {4,}(truewatt device .+)$", text, re.M)
    return [shlex.split(line)[1:] for line in lines]


def test_each_command_of_the_page_does_what_it_says(
    desk: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = desk()
    monkeypatch.chdir(tmp_path)
    Path("root.pub").write_text("ab" * 32 + "\n")
    Path("password").write_text("correct horse\n")
    Path("ESP32_GENERIC.bin").write_bytes(b"\xe9" + b"micropython" * 2000)
    said = [erased_and_flashed(desk, commands("flashing.md")[1], capsys)]
    here = {"/dev/ttyUSB0": str(made.port), "esp32-devkitc": str(made.profile)}
    for words in commands("flashing.md"):
        if "--erase-and-flash" in words:
            continue
        monkeypatch.setattr("sys.stdin", io.StringIO("m1\n"))
        assert main([here.get(word, word) for word in words]) == 0, words
        out, err = capsys.readouterr()
        said.append(out + err)
    assert "Hash of data verified" in said[0]
    assert "files written and verified" in said[0]
    assert "files written and verified" in said[2]
    assert Path("m1.enrolment").exists()
    assert Path("m1.svg").exists()
    assert len(said) == 13
    assert "no key and no configuration" in said[-1]


def erased_and_flashed(
    desk: Callable[..., Any], words: list[str], capsys: pytest.CaptureFixture[str]
) -> str:
    """A chip in its ROM's download mode gets MicroPython, restarts with it, gets the firmware."""
    made = desk("Generic ESP32 module with ESP32", (1, 27, 0))
    made.console.pull()
    loader = RomLoader(ROM_CHIPS["esp32"], made.port, made.console.plug)
    here = {"/dev/ttyUSB0": str(made.port)}
    assert main([here.get(word, word) for word in words]) == 0, words
    loader.close()
    out, err = capsys.readouterr()
    return out + err


def test_each_command_of_the_page_on_updates_does_what_it_says(
    desk: Callable[..., Any],
    meter_image: Image,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = desk(speed=60, prepare=lambda board: install(board, meter_image, meter(interval_s=10)))
    monkeypatch.chdir(tmp_path)
    save_seed(Path("operator.key"), ROOT_SEED)
    here = {"/dev/ttyUSB0": str(made.port), "esp32-devkitc": str(made.profile)}
    said = []
    for words in commands("updating.md"):
        assert main([here.get(word, word) for word in words]) == 0, words
        out, err = capsys.readouterr()
        said.append(out + err)
    assert len(said) == 4
    assert "release.cert" in said[0]
    assert "0.2.0, roll-back index 2, for meter on EMULATED" in said[1]
    # The same files as those that run: none of them is sent.
    assert "0 bytes in" in said[2]
    assert "confirmed  0.2.0" in said[2]
    assert "slot       /b, roll-back index 2, signed release" in said[3]
