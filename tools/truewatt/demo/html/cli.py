"""`truewatt demo report RUN_DIR`: the page of a finished run, made again."""

from __future__ import annotations

import argparse
from pathlib import Path

from truewatt.demo.progress import say

_EXIT_USAGE = 2
_MISSING = "the page's plots need matplotlib: pip install 'truewatt[demo]'"


def main(argv: list[str]) -> int:
    """Write the page; 2 if there is no run or no matplotlib."""
    parser = argparse.ArgumentParser(
        prog="truewatt demo report",
        description="Make the HTML report of a finished run from what it left in its folder.",
    )
    parser.add_argument("run", type=Path, nargs="?", default=Path("runs/latest"), metavar="RUN_DIR")
    parser.add_argument("--html", type=Path, metavar="FILE", help="default RUN_DIR/report.html")
    arguments = parser.parse_args(argv)
    return 0 if write(arguments.run, arguments.html) else _EXIT_USAGE


def write(run_dir: Path, *targets: Path | None) -> bool:
    """Write the page to each target (None: into the run's folder); False and a line if it can't."""
    try:
        from truewatt.demo.html import page
        from truewatt.demo.html.run_data import NoRun
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        say(_MISSING)
        return False
    try:
        for target in targets:
            say(f"the page: {page.write(run_dir, target)}")
    except (NoRun, OSError) as error:
        say(f"no page: {error}")
        return False
    return True
