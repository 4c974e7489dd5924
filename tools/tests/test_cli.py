"""The command line: help, dispatch, and one way to report errors."""

import subprocess
import sys
from pathlib import Path

import pytest

from truewatt import cli


@pytest.fixture
def part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that makes an importable subcommand from the body of its ``main``."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name: str, body: str) -> str:
        (tmp_path / f"{name}.py").write_text(f"def main(argv):\n    {body}\n")
        return name

    return make


def test_help_names_every_command_and_shows_examples(capsys) -> None:
    assert cli.main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n  {name} " in said for name in cli.COMMANDS)
    assert "truewatt demo --headless" in said


def test_no_command_is_a_usage_error_that_teaches(capsys) -> None:
    assert cli.main([]) == cli.EXIT_USAGE
    assert "examples:" in capsys.readouterr().out


def test_an_unknown_command_lists_the_known(capsys) -> None:
    assert cli.main(["gatewey"]) == cli.EXIT_USAGE
    said = capsys.readouterr().err
    assert "'gatewey'" in said
    assert "gateway" in said


def test_an_unknown_benchmark_is_a_usage_error(capsys) -> None:
    assert cli.main(["bench", "no-such"]) == cli.EXIT_USAGE
    assert "no such benchmark" in capsys.readouterr().err


def test_the_installed_command_answers() -> None:
    command = Path(sys.executable).parent / "truewatt"
    done = subprocess.run(
        [command, "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith("truewatt 0.")


def test_arguments_and_status_pass_through(part) -> None:
    assert cli.run(part("passes_through", "return len(argv)"), ["a", "b", "c"]) == 3


def test_an_interrupt_ends_with_130(part) -> None:
    assert cli.run(part("interrupted", "raise KeyboardInterrupt"), []) == cli.EXIT_INTERRUPTED


def test_a_bug_keeps_its_traceback(part) -> None:
    with pytest.raises(ZeroDivisionError):
        cli.run(part("buggy", "return 1 // 0"), [])


RAISES_OURS = """from truewatt.toolchain import ToolchainError
    raise ToolchainError("no qemu", "PATH", "Run: apt install qemu-user")"""


def test_a_named_error_is_one_message_without_traceback(part, capsys, monkeypatch) -> None:
    monkeypatch.delenv("TRUEWATT_TRACEBACK", raising=False)
    assert cli.run(part("fails_by_name", RAISES_OURS), []) == cli.EXIT_FAILED
    assert capsys.readouterr().err == (
        "truewatt: no qemu\n  where:      PATH\n  what to do: Run: apt install qemu-user\n"
    )


def test_a_traceback_can_be_asked_for(part, monkeypatch) -> None:
    monkeypatch.setenv("TRUEWATT_TRACEBACK", "1")
    with pytest.raises(Exception, match="no qemu"):
        cli.run(part("fails_with_trace", RAISES_OURS), [])


def test_doctor_reports_every_check(capsys) -> None:
    assert cli.main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "MicroPython, 32-bit" in said
    assert "FAIL" not in said


def test_the_benches_say_what_they_measure(capsys) -> None:
    assert cli.main(["bench", "--help"]) == 0
    rows = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[2:]]
    assert {name for name, _ in rows} >= {"crypto", "demo", "faults", "firmware", "gateway"}
    assert all(len(summary) > 20 for _, summary in rows)
