"""Every command of the pages for people with a board is run, in order, on an emulated board."""

import inspect
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from docs_commands import PAGES, RUN_BY, Line, lines, lines_in, runners
from label_code import matrix_in, matrix_of
from release_shop import CHAIN, ROOT_SEED, install, meter

from gateway.tests.test_config import GOOD
from ledger.keys import save_seed
from truewatt import cli
from truewatt.device.cli import main
from truewatt.device.image import Image
from truewatt.device.link import attached
from truewatt.device.provisioning import check
from truewatt.emulator.wires.rom_loader import ROM_CHIPS, RomLoader
from truewatt.toolchain import debian_tool

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "hw-tests" / name) for name in ("desk", "firmware")]

from emulated_desk import Wired, at_prompt, at_work  # noqa: E402


@pytest.fixture
def mine(request: pytest.FixtureRequest) -> list[Line]:
    """The commands that the test which asks has to run."""
    return [line for line in lines() if request.node.originalname in runners(line)]


@pytest.mark.parametrize("line", lines(), ids=lambda line: line.key)
def test_every_command_is_whole_and_one_test_runs_it(line: Line) -> None:
    assert "..." not in line.text, "a command that nobody can type"
    assert len(runners(line)) == 1


def test_the_tests_that_run_commands_are_there_and_have_some() -> None:
    claimed = {test for line in lines() for test in runners(line)}
    assert claimed == set(RUN_BY)
    assert {line.page for line in lines()} == set(PAGES)
    for test in RUN_BY:
        assert "mine" in inspect.signature(globals()[test]).parameters


def test_the_walk_sees_commands_wherever_they_stand() -> None:
    text = """
    truewatt device flash --port P \\
        --role meter
Say `mpremote reset` or `provision.clear_lockout()`, see `tools/truewatt/device`.

   ```sh
   tools/demo --headless  # a comment
   ```
    main.py            no command
"""
    found = lines_in("flashing", text)
    assert [(line.words, line.is_inline) for line in found] == [
        (["truewatt", "device", "flash", "--port", "P", "--role", "meter"], False),
        (["mpremote", "reset"], True),
        (["provision.clear_lockout()"], True),
        (["tools/demo", "--headless"], False),
    ]
    assert [runners(line) for line in found[2:]] == [[], []]


def test_each_command_of_the_page_does_what_it_says(
    mine: list[Line],
    desk: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = desk()
    flashing, chips = (
        [line.words[2:] for line in mine if line.page == page]
        for page in ("flashing", "metering-chips")
    )
    monkeypatch.chdir(tmp_path)
    Path("root.pub").write_text("ab" * 32 + "\n")
    Path("password").write_text("correct horse\n")
    Path("ESP32_GENERIC.bin").write_bytes(b"\xe9" + b"micropython" * 2000)
    said = [erased_and_flashed(desk, flashing[1], capsys)]
    here = {"/dev/ttyUSB0": str(made.port), "esp32-devkitc": str(made.profile)}
    for words in flashing:
        if "--erase-and-flash" in words:
            continue
        monkeypatch.setattr("sys.stdin", io.StringIO("m1\n"))
        assert main([here.get(word, word) for word in words]) == 0, words
        out, err = capsys.readouterr()
        said.append(out + err)
    assert "Hash of data verified" in said[0]
    assert "files written and verified" in said[0]
    assert "files written and verified" in said[2]
    assert Path("m1.enrolment").exists()
    enrolled = check("m1", Path("m1.enrolment").read_bytes(), CHAIN)
    text = f"TW1 {enrolled.address} m1 {CHAIN}"
    assert matrix_in(Path("m1.svg").read_text()) == matrix_of(text)
    assert len(said) == 13
    assert "no key and no configuration" in said[-1]
    for words in chips:
        assert main([here.get(word, word) for word in words]) == 0, words
        assert re.search(r"^calibrated |\"calibration\": ", capsys.readouterr().out, re.M)


def erased_and_flashed(
    desk: Callable[..., Any], words: list[str], capsys: pytest.CaptureFixture[str]
) -> str:
    """A chip in its ROM's download mode gets MicroPython, restarts with it, gets the firmware."""
    made = desk("Generic ESP32 module with ESP32", (1, 27, 0))
    made.console.pull()
    loader = RomLoader(ROM_CHIPS["esp32"], made.port, made.console.plug)
    here = {"/dev/ttyUSB0": str(made.port)}
    assert main([here.get(word, word) for word in words]) == 0, words
    loader.close()
    out, err = capsys.readouterr()
    return out + err


def test_each_command_of_the_page_on_updates_does_what_it_says(
    mine: list[Line],
    desk: Callable[..., Any],
    meter_image: Image,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = desk(speed=60, prepare=lambda board: install(board, meter_image, meter(interval_s=10)))
    monkeypatch.chdir(tmp_path)
    save_seed(Path("operator.key"), ROOT_SEED)
    here = {"/dev/ttyUSB0": str(made.port), "esp32-devkitc": str(made.profile)}
    device, gateway = (
        [line.words for line in mine if line.words[1] == part] for part in ("device", "gateway")
    )
    said = []
    for words in device:
        assert cli.main([here.get(word, word) for word in words[1:]]) == 0, words
        out, err = capsys.readouterr()
        said.append(out + err)
    assert len(said) == 4
    assert "release.cert" in said[0]
    assert "0.2.0, roll-back index 2, for meter on EMULATED" in said[1]
    # The same files as those that run: none of them is sent.
    assert "0 bytes in" in said[2]
    assert "confirmed  0.2.0" in said[2]
    assert "slot       /b, roll-back index 2, signed release" in said[3]
    Path("gateway.toml").write_text(GOOD + "".join(map(BOARD.format, range(2, 11))))
    for words in gateway:
        # Nobody brings it here: test_update_bus.py and test_update_air.py do.
        assert cli.main([*words[1:], "--no-wait"]) == 0, words
        names = words[words.index("--device") + 1].replace(",", ", ")
        assert f"{names}: firmware 0.2.0, roll-back index 2" in capsys.readouterr().out


BOARD = '[[bus.device]]\naddress = 1{0}\nname = "m{0}"\n'


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wired]:
    with at_work(tmp_path_factory.mktemp("wired")) as wired:
        yield wired


@pytest.mark.slow
def test_a_board_at_work_shows_volts(
    mine: list[Line], wired: Wired, capsys: pytest.CaptureFixture[str]
) -> None:
    here = {"/dev/ttyUSB1": wired.port, "11": str(wired.address)}
    shown = {}
    for line in mine:
        program, *words = [here.get(word, word) for word in line.words]
        if program == "truewatt":
            assert cli.main(words) == 0
            shown[program] = capsys.readouterr().out
        else:
            argv = [*debian_tool(program), *words]
            done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stdout + done.stderr
            shown[program] = done.stdout
    assert re.search(r"[Vv]oltage.* 230\.0", shown["truewatt"]), shown
    assert re.search(r"^\[1\]:\s+230$", shown["mbpoll"], re.M), shown


def mpremote(words: list[str]) -> str:
    argv = [sys.executable, "-m", *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_what_a_killed_run_left_goes_by_mpremote(mine: list[Line], tmp_path: Path) -> None:
    with at_prompt(tmp_path) as port:
        with attached(str(port)) as link:
            link.run("import os\nos.mkdir('/hwtest')\nopen('/hwtest/a.mpy','w').close()")
        for line in mine:
            mpremote([{"/dev/ttyUSB0": str(port)}.get(word, word) for word in line.words])
        with attached(str(port)) as link:
            assert link.value("'hwtest' in __import__('os').listdir('/')") is False


def test_the_ports_are_listed(mine: list[Line]) -> None:
    for line in mine:
        assert all(part.startswith("/dev/") for part in mpremote(line.words).splitlines())


@pytest.mark.slow
def test_options_of_a_run_on_a_real_board_are_those_that_there_are(mine: list[Line]) -> None:
    for line in mine:
        program, path, *options = line.words
        assert os.access(ROOT / program, os.X_OK)
        assert (ROOT / path).is_dir()
        # Of its tests the desk's alone: to find all of them takes its time.
        collect = ["--collect-only", "-q", "-p", "no:cacheprovider", f"{path}/desk"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *collect, *options],
            cwd=ROOT,
            env=os.environ | {"PYTEST_ADDOPTS": ""},
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "on the board: 0 ran" in done.stdout


def test_a_breakers_lockout_is_cleared(mine: list[Line], desk: Any, meter_image: Image) -> None:
    made = desk(prepare=lambda board: locked_out(board, meter_image))
    assert lockout(made) == 1
    for line in mine:
        assert main([{"/dev/ttyUSB0": str(made.port)}.get(w, w) for w in line.words[2:]]) == 0
    assert lockout(made) == 0


def locked_out(board: Any, built: Image) -> None:
    install(board, built, meter())
    board.execute("from esp32 import NVS\nn=NVS('tw')\nn.set_i32('lockout',1)\nn.commit()")


def lockout(made: Any) -> int:
    with attached(str(made.port)) as link:
        return int(link.run("from esp32 import NVS\nprint(NVS('tw').get_i32('lockout'))"))


@pytest.mark.slow
def test_a_crash_is_put_into_the_sources_names(
    mine: list[Line], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crash = tmp_path / "console"
    crash.write_text('  File "core/node.py", in _fall_back\n')
    (words,) = {tuple(line.words) for line in mine}
    assert cli.main([{"FILE": str(crash)}.get(word, word) for word in words[1:]]) == 0
    assert "_fall_back" in capsys.readouterr().out


def test_each_command_that_is_named_is_there(
    mine: list[Line], capsys: pytest.CaptureFixture[str]
) -> None:
    for line in mine:
        with pytest.raises(SystemExit) as ended:
            raise SystemExit(cli.main([*line.words[1:], "--help"]))
        said = capsys.readouterr().out
        assert ended.value.code == 0, line.text
        assert " ".join(takewhile(lambda word: word[0] != "-", line.words)) in said, line.text
        assert all(word in said for word in line.words if word.startswith("--")), line.text
