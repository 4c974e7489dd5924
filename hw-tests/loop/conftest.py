"""Runs of the demo that several tests look at; each is done once."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent

sys.path.insert(0, str(HERE))


@pytest.fixture(scope="session")
def quiet_run(tmp_path_factory: pytest.TempPathFactory) -> "DemoRun":  # noqa: F821
    """48 minutes of three homes, undisturbed; measured ones if they are beside the checkout."""
    from demo_run import PROFILES, complete

    folder = tmp_path_factory.mktemp("quiet") / "run"
    homes = ("--profiles", str(PROFILES)) if PROFILES.exists() else ()
    picture = ("--snapshot", str(folder.with_suffix(".svg")))
    return complete(folder, 0.8, "--seed", "1", *picture, *homes)


@pytest.fixture(scope="session")
def killed_run(tmp_path_factory: pytest.TempPathFactory) -> "DemoRun":  # noqa: F821
    """36 minutes of modelled homes in which 20 power cuts hit every part but the world."""
    from demo_run import complete

    return complete(tmp_path_factory.mktemp("killed") / "run", 0.6, "--seed", "2", "--kill", "20")


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Street"]:  # noqa: F821
    """A meter and an M-LMD that have run for a while, with nobody on their bus."""
    from demo_run import wait_until
    from quiet_street import Street

    street = Street(tmp_path_factory.mktemp("street"))
    try:
        street.start()
        wait_until(lambda: street.physics("m1")["load"]["energy_wh"] > 20, "20 Wh of load")
        yield street
    finally:
        street.stop()
