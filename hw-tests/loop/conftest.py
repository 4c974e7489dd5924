"""Runs of the demo that several tests look at; each is done once."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent

sys.path.insert(0, str(HERE))


@pytest.fixture(scope="session")
def quiet_run(tmp_path_factory: pytest.TempPathFactory) -> "DemoRun":  # noqa: F821
    """An hour of three homes without disturbance; measured ones if they are beside the checkout."""
    from demo_run import PROFILES, complete

    homes = ("--profiles", str(PROFILES)) if PROFILES.exists() else ()
    return complete(tmp_path_factory.mktemp("quiet") / "run", 1, "--seed", "1", *homes)


@pytest.fixture(scope="session")
def killed_run(tmp_path_factory: pytest.TempPathFactory) -> "DemoRun":  # noqa: F821
    """An hour of modelled homes in which 20 power cuts hit every part but the world."""
    from demo_run import complete

    return complete(tmp_path_factory.mktemp("killed") / "run", 1, "--seed", "2", "--kill", "20")
