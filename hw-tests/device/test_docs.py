"""Every command of docs/flashing.md, run in its order on an emulated board."""

import io
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from truewatt.cli import main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "flashing.md"


def commands() -> list[list[str]]:
    lines = re.findall(r"^ {4,}(truewatt device .+)$", PAGE.read_text(encoding="utf-8"), re.M)
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
    Path("ESP32_GENERIC.bin").write_bytes(b"no image")
    if shutil.which("esptool") or shutil.which("esptool.py"):
        monkeypatch.setenv("PATH", str(tmp_path))
    here = {"/dev/ttyUSB0": str(made.port), "esp32-devkitc": str(made.profile)}
    said = []
    for words in commands():
        monkeypatch.setattr("sys.stdin", io.StringIO("m1\n"))
        # Without esptool, which no registry has as a wheel, that one command tells how to get it.
        expected = 1 if "--erase-and-flash" in words else 0
        assert main([here.get(word, word) for word in words]) == expected, words
        out, err = capsys.readouterr()
        said.append(out + err)
    assert "EsptoolMissing" in said[1]
    assert "files written and verified" in said[2]
    assert Path("m1.enrolment").exists()
    assert Path("m1.svg").exists()
    assert len(said) == 8
    assert "no key and no configuration" in said[-1]
