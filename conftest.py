"""Order of the suite, and what tests of every part share."""

from pathlib import Path

import pytest

from truewatt.toolchain import micropython

ROOT = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--device`: docs/hardware-tests.md."""
    parser.addoption(
        "--device",
        metavar="PORT",
        help="run the tests that a real board can do on the one at this serial port, and no others",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the cheap tests first, so that a plain mistake shows within seconds.

    With `--device` skip what needs emulated hardware.
    """
    items.sort(key=_cost)
    if config.getoption("--device"):
        why = pytest.mark.skip(reason="not for a board at --device: docs/hardware-tests.md")
        for item in items:
            if item.get_closest_marker("device") is None:
                item.add_marker(why)


def _cost(item: pytest.Item) -> tuple[bool, bool]:
    starts_boards = item.path.is_relative_to(ROOT / "hw-tests")
    return item.get_closest_marker("slow") is not None, starts_boards


@pytest.fixture(scope="session")
def shared_file() -> "SharedFiles":
    """Return a function from a name under ``../shared`` to its path; it skips when absent."""
    return SharedFiles(ROOT.parent / "shared")


class SharedFiles:
    """Reference vectors and data sets that are kept beside the checkout, not in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, name: str) -> Path:
        """Return the path of ``name``; skip the test that asks when it is not there."""
        path = self._folder / name
        if not path.exists():
            pytest.skip(f"../shared/{name} is not beside this checkout")
        return path


@pytest.fixture(scope="session")
def micropython_native() -> list[str]:
    """Return the start of a command line for the fastest MicroPython of this machine."""
    return micropython("native")


@pytest.fixture(scope="session")
def micropython_32bit() -> list[str]:
    """Return the start of a command line for MicroPython with a board's 32-bit words."""
    return micropython("32bit")
