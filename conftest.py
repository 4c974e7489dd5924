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
    parser.addoption(
        "--bus",
        metavar="PORT",
        help="run the tests for a provisioned board at work on the one at this RS-485 adapter",
    )
    parser.addoption("--chain-id", metavar="ID", help="of --bus: the chain it was provisioned for")
    parser.addoption("--address", metavar="N", type=int, default=1, help="of --bus: its own (1)")
    parser.addoption("--baud", type=int, default=9600, help="of --bus (9600)")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse options that don't go together."""
    option = config.getoption
    if option("--bus") and option("--device"):
        raise pytest.UsageError(
            "--bus wants a board that runs its firmware, --device stops it: one run for each"
        )
    if option("--bus") and not option("--chain-id"):
        raise pytest.UsageError(
            "--bus needs --chain-id: records are signed for one chain (`truewatt device info`)"
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the cheap tests first, so that a plain mistake shows within seconds.

    With `--device` or `--bus` skip what needs emulated hardware, or the other of the two.
    """
    items.sort(key=_cost)
    if marker := _real(config):
        for item in items:
            if item.get_closest_marker(marker) is None:
                item.add_marker(pytest.mark.skip(reason=_why_not(item)))


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand whole files to processes, and those that share a run to one process: it runs once."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    scheduler = LoadFileScheduling(config, log)
    by_file = scheduler._split_scope
    scheduler._split_scope = lambda test: _shared_run(test) or by_file(test)
    return scheduler


# Files whose fixture of a whole session is a street at work: one of it, not one a process.
_STREETS = {
    "hw-tests/loop/test_pictures.py": "quiet run",
    "hw-tests/loop/test_whole_loop.py": "quiet run",
    "hw-tests/bad_input/": "street under bad input",
}


def _shared_run(test: str) -> str:
    return next((run for start, run in _STREETS.items() if test.startswith(start)), "")


def _real(config: pytest.Config) -> str:
    """The marker of what runs on real hardware in this run; empty if nothing does."""
    return next((name for name in ("device", "bus") if config.getoption(f"--{name}")), "")


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
    for marker, lacks in (("device", "the cable: --device PORT"), ("bus", "the bus: --bus PORT")):
        if item.get_closest_marker(marker) is not None:
            return f"needs {lacks}"
    name = item.nodeid.removeprefix("hw-tests/")
    return next(reason for word, reason in _LACKS if word in name)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """With `--device` or `--bus`: how many tests ran on the board, and why others did not."""
    if not _real(config):
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
