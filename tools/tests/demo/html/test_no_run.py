"""A folder without a finished run is told apart from one with."""

from pathlib import Path

import pytest

from truewatt.demo.html import cli


@pytest.mark.parametrize("files", [{}, {"report.json": "{"}, {"report.json": "{}"}])
def test_no_run_is_said_and_nothing_is_written(
    tmp_path: Path, files: dict[str, str], capsys: pytest.CaptureFixture
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert cli.main([str(tmp_path)]) == 2
    assert "holds no finished run" in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()
