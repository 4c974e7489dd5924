"""requirements.lock: complete, hashed, and independent of any one package index."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_REQUIREMENT = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[^\s;]+)(?P<rest>(?:[^\n]*\\\n)*[^\n]*)", re.M
)


@pytest.fixture(scope="module")
def lock() -> str:
    return (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_esptool_and_what_builds_it_are_pinned_with_hashes() -> None:
    text = (ROOT / "tools/truewatt/device/esptool.lock").read_text(encoding="utf-8")
    found = {match["name"]: match["rest"] for match in _REQUIREMENT.finditer(text)}
    assert {"esptool", "setuptools", "pyserial"} <= set(found)
    assert [name for name, rest in found.items() if "--hash=sha256:" not in rest] == []
    assert "://" not in text


@pytest.fixture(scope="module")
def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def declared(pyproject: dict) -> set[str]:
    project = pyproject["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    groups += pyproject["dependency-groups"].values()
    names = {re.match(r"[A-Za-z0-9_.-]+", line)[0] for group in groups for line in group}
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}


def test_every_declared_package_is_pinned(lock: str, pyproject: dict) -> None:
    pinned = {match["name"] for match in _REQUIREMENT.finditer(lock)}
    assert declared(pyproject) - pinned == set()


def test_the_build_backend_is_pinned_too(pyproject: dict) -> None:
    for requirement in pyproject["build-system"]["requires"]:
        assert requirement in pyproject["dependency-groups"]["build"]


def test_every_package_has_hashes(lock: str) -> None:
    found = list(_REQUIREMENT.finditer(lock))
    assert len(found) > 20
    assert [m["name"] for m in found if "--hash=sha256:" not in m["rest"]] == []


def test_the_lock_names_no_index(lock: str) -> None:
    assert "://" not in lock
    assert not re.search(r"^--", lock, re.M)
