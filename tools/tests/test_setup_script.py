"""tools/setup on machines that lack something: it says what is missing and how to get it.

A whole set-up needs the network, so it is proved by running tools/test on a clean clone.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_TOOLS = ["cat", "cut", "dirname", "flock", "grep", "ln", "mkdir", "rm", "sh", "sha256sum", "tail"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with only what tools/setup reads, and a PATH with only what Debian's base has."""
    root = tmp_path / "checkout"
    (root / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "setup", root / "tools" / "setup")
    for name in ("requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)
    (tmp_path / "bin").mkdir()
    for name in _TOOLS:
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    return root


def put_python(checkout: Path, script: str) -> None:
    program = checkout.parent / "bin" / "python3"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def set_up(checkout: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": str(checkout.parent / "bin"),
        "HOME": str(checkout.parent),
        "TRUEWATT_PIP_WHEELS": str(checkout.parent / "no-wheels"),
    }
    return subprocess.run(
        [checkout / "tools" / "setup"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_python_it_says_how_to_get_one(checkout: Path) -> None:
    done = set_up(checkout)
    assert done.returncode == 1
    assert "no Python 3.11 to 3.14" in done.stderr
    assert "apt install python3" in done.stderr


def test_an_old_python_is_named(checkout: Path) -> None:
    put_python(checkout, '[ "$1" = --version ] && echo Python 3.9.2; exit 1')
    done = set_up(checkout)
    assert done.returncode == 1
    assert "found: Python 3.9.2" in done.stderr


def test_a_python_without_venv_names_the_package(checkout: Path) -> None:
    put_python(checkout, 'case "$*" in *"import venv"*) exit 1;; esac')
    done = set_up(checkout)
    assert done.returncode == 1
    assert "apt install python3-venv" in done.stderr


def test_without_pip_and_without_apt_it_names_the_package(checkout: Path) -> None:
    # A Python as on a fresh Debian: it makes environments, but only without pip.
    venv_bin = checkout / ".venv" / "bin"
    no_pip = 'case "$*" in *"import ensurepip"*|*"import pip"*) exit 1;; esac'
    make = f'case "$*" in *"-m venv"*) mkdir -p {venv_bin}; ln -s "$0" {venv_bin}/python;; esac'
    put_python(checkout, f"{no_pip}\n{make}")
    done = set_up(checkout)
    assert done.returncode == 1
    assert "python3-pip-whl could not be fetched" in done.stderr
    assert "apt install python3-venv" in done.stderr


def test_a_finished_set_up_is_left_alone() -> None:
    if not (ROOT / ".venv" / "truewatt-lock").exists():
        pytest.skip("this environment was not made by tools/setup")
    command = [ROOT / "tools" / "setup"]
    subprocess.run(command, capture_output=True, timeout=100, check=True)
    again = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert (again.stdout, again.stderr) == ("", "")
