"""`pytest hw-tests --device PORT`, with an emulated board behind the port."""

import os
import pty
import subprocess
import sys
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from truewatt.device.link import attached

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "hw-tests" / name) for name in ("desk", "firmware")]

from emulated_desk import at_prompt, at_work  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Path]:
    """A board with MicroPython and nothing else on it."""
    with at_prompt(tmp_path) as port:
        yield port


def pytest_on(port: Path | str, *options: str, option: str = "--device") -> str:
    """A run of its own, with the real mpremote at that port."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", option, str(port),
         *options],
        cwd=ROOT,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=220,
    )  # fmt: skip
    return done.stdout[-3000:] + done.stderr[-500:]


def test_tests_run_on_the_board_at_the_port_and_others_say_why_not(port: Path) -> None:
    tests = ["hw-tests/firmware/test_units.py", "hw-tests/crypto/test_vectors.py"]
    said = pytest_on(port, *tests, "-k", "clock or gate or commands or rfc or journal")
    # clock, gate and commands; the RFC's vectors; not the journal, whose flash is memory, twice,
    # and not the other word size.
    assert "4 passed, 3 skipped" in said.replace("deselected", ""), said
    assert "docs/hardware-tests.md" in said
    assert "the board at --device has one word size" in said
    assert "on the board: 4 ran, 3 left" in said
    assert "2 left: needs power cuts at chosen flash operations" in said
    with attached(str(port)) as link:
        assert "hwtest" not in link.value("__import__('os').listdir('/')")


def test_a_provisioned_board_is_let_alone_unless_it_may_be_wiped(port: Path) -> None:
    with attached(str(port)) as link:
        link.run("f=open('/config.json','w');f.write('{}');f.close()")
    one = ["hw-tests/firmware/test_units.py", "-k", "clock"]
    said = pytest_on(port, *one)
    assert "BoardInUse" in said
    assert "--yes-this-board-may-be-wiped" in said
    with attached(str(port)) as link:
        assert "hwtest" not in link.value("__import__('os').listdir('/')")
    assert "1 passed" in pytest_on(port, *one, "--yes-this-board-may-be-wiped")


def test_a_test_that_fails_on_the_board_fails(port: Path, tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT / "hw-tests"))
    from cabled import CabledBoard

    script = tmp_path / "unit_wrong.py"
    script.write_text("import sys\nprint('begun')\nsys.exit(1)\n")
    assert CabledBoard(str(port)).run(script).split() == ["begun", "exit", "1"]


def test_a_port_without_a_board_is_an_error_and_no_skip(tmp_path: Path) -> None:
    said = pytest_on(tmp_path / "none", "hw-tests/firmware/test_units.py", "-k", "clock")
    assert "NoPort" in said
    assert "1 failed" in said


def test_what_it_tells_of_itself_at_its_cable(port: Path) -> None:
    said = pytest_on(port, "hw-tests/desk", "-rP")
    assert "3 passed, 5 skipped" in said, said
    assert "on the board: 3 ran, 5 left" in said
    assert "5 left: needs the bus: --bus PORT" in said
    assert "estimate" in said


def test_a_board_at_work_is_seen_from_its_bus(tmp_path: Path) -> None:
    with at_work(tmp_path) as board:
        options = ["--chain-id", board.chain_id, "--address", str(board.address)]
        said = pytest_on(board.port, "hw-tests/desk", *options, option="--bus")
    assert "5 passed, 3 skipped" in said, said
    assert "3 left: needs the cable: --device PORT" in said


def test_options_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    nowhere = tmp_path / "none"
    assert "--bus needs --chain-id" in pytest_on(nowhere, "hw-tests/desk", option="--bus")
    both = pytest_on(nowhere, "hw-tests/desk", "--bus", str(nowhere), "--chain-id", "c")
    assert "one run for each" in both
    alone = pytest_on(nowhere, "hw-tests/desk", "--chain-id", "c", option="--bus")
    assert "no such port" in alone


def test_a_bus_that_nobody_answers_on_is_one_error_that_says_what_to_look_at() -> None:
    master, slave = pty.openpty()
    try:
        tty.setraw(slave)
        options = ["--chain-id", "c", "--address", "7"]
        said = pytest_on(os.ttyname(slave), "hw-tests/desk", *options, option="--bus")
    finally:
        os.close(master)
        os.close(slave)
    assert "nobody answers at address 7, 9600 baud" in said
    assert "A and B swapped" in said
    assert "Traceback" not in said
