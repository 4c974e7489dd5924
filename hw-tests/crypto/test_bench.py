"""`truewatt bench crypto` tells a met bar from a missed one, and says what it lacks."""

import shutil

import pytest

from truewatt.bench import _instructions, crypto


def _figures(*values: int) -> list[crypto.Figure]:
    return [crypto.Figure(f"figure {v}", v, "instructions", 100) for v in values]


def test_it_fails_if_any_bar_is_missed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(crypto, "measure", lambda: iter(_figures(99, 100)))
    assert crypto.main([]) == 0
    monkeypatch.setattr(crypto, "measure", lambda: iter(_figures(101, 100)))
    assert crypto.main([]) == 1
    assert "figure 101" in capsys.readouterr().out


def test_a_missing_compiler_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr(_instructions.shutil, "which", lambda name: None)
    with pytest.raises(_instructions.InstructionCountError, match="apt-get install gcc"):
        _instructions._compile(tmp_path_factory.mktemp("plugin") / "x.so", 1)


def test_counts_repeat_and_grow_with_the_work(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    folder = tmp_path_factory.mktemp("empty")
    script = "import sys\nfor _ in range(int(sys.argv[1])):\n    pass\n"
    none, some = (_instructions.count_instructions(script, folder, n) for n in ("0", "1000"))
    again = _instructions.count_instructions(script, folder, "1000")
    assert some.total - none.total > 10_000
    assert abs(again.total - some.total) < some.total // 200
