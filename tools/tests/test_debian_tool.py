"""A Debian program is found or fetched, works, and what can't be had is a named error."""

import shutil
import subprocess
from pathlib import Path

import pytest

from truewatt.toolchain import debian_tool as find_tool
from truewatt.toolchain.debian_tool import _find
from truewatt.toolchain.errors import DebianSourceError, DebianToolError


def test_it_runs() -> None:
    done = subprocess.run([*find_tool("mbpoll"), "-h"], capture_output=True, text=True, timeout=30)
    assert "device|host [ writevalues... ]" in done.stdout


def test_mosquitto_starts_and_says_its_version() -> None:
    said = subprocess.run(
        [*find_tool("mosquitto"), "-h"], capture_output=True, text=True, timeout=30
    )
    assert "mosquitto version 2" in said.stdout


def test_one_that_nobody_described_is_refused() -> None:
    with pytest.raises(DebianToolError, match=r"no such tool: 'mbpol'.*Use mbpoll"):
        find_tool("mbpol")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty cache, and nothing on its PATH but what is in the returned folder."""
    path = tmp_path / "bin"
    path.mkdir()
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setenv("TRUEWATT_CACHE", str(tmp_path / "cache"))
    _find.cache_clear()
    yield path
    _find.cache_clear()


def test_a_broken_one_of_the_system_is_passed_over(elsewhere: Path, tmp_path: Path) -> None:
    (elsewhere / "mbpoll").symlink_to(shutil.which("false", path="/bin:/usr/bin"))
    with pytest.raises(DebianSourceError, match="no Debian machine"):
        find_tool("mbpoll")
    (elsewhere / "mbpoll").unlink()
    tool = elsewhere / "mbpoll"
    tool.write_text("#!/bin/sh\necho 'usage : mbpoll'\n")
    tool.chmod(0o755)
    assert find_tool("mbpoll") == [str(tool)]
