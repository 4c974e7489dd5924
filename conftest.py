"""Order of the suite, and what tests of every part share."""

from collections import Counter
from pathlib import Path
from typing import Any

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
    parser.addoption(
        "--yes-this-board-may-be-wiped",
        action="store_true",
        help="let --device have a board that was provisioned",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the cheap tests first, so that a plain mistake shows within seconds.

    With `--device` skip what needs emulated hardware.
    """
    items.sort(key=_cost)
    if config.getoption("--device"):
        for item in items:
            if item.get_closest_marker("device") is None:
                item.add_marker(pytest.mark.skip(reason=_why_not(item)))


# What a board on a desk lacks for a test: the first whose word is in the test's name or path.
_LACKS = (
    ("power_cut", "needs power cuts at chosen flash operations"),
    ("bad_input/", "needs the fault injector"),
    ("flood", "needs the fault injector"),
    ("hostile", "needs the fault injector"),
    ("mutants", "needs the fault injector"),
    ("loop/", "needs physics: a feeder, homes and many boards"),
    ("drivers/", "needs physics: a metering chip whose truth is known"),
    ("emulator/", "tests the emulation itself"),
    ("crypto/", "not carried to a board yet"),
    ("wireformat/", "not carried to a board yet"),
    ("", "needs both ends of the board's wires, which the emulation holds"),
)


def _why_not(item: pytest.Item) -> str:
    if not item.path.is_relative_to(ROOT / "hw-tests"):
        return "no board takes part"
    name = item.nodeid.removeprefix("hw-tests/")
    return next(reason for word, reason in _LACKS if word in name)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """With `--device`: how many tests ran on the board, and why the others did not."""
    if not config.getoption("--device"):
        return
    stats = terminalreporter.stats
    ran = sum(len(stats.get(outcome, ())) for outcome in ("passed", "failed"))
    left = Counter(r.longrepr[2].removeprefix("Skipped: ") for r in stats.get("skipped", ()))
    terminalreporter.write_line(
        f"on the board: {ran} ran, {left.total()} left; docs/hardware-tests.md"
    )
    for reason, count in sorted(left.items()):
        terminalreporter.write_line(f"  {count} left: {reason}")


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
