"""The live view on the command line: when it shows, and `truewatt demo view RUN_DIR`."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from truewatt.demo.progress import say

if TYPE_CHECKING:
    from truewatt.demo.view.live import LiveObserver

_EXIT_USAGE = 2
_MIN_SIZE, _MAX_SIZE = (20, 8), (500, 200)
_MISSING = "the live view needs textual: pip install 'truewatt[demo]'; going on in lines"


def add_options(parser: argparse.ArgumentParser) -> None:
    """`--snapshot`, its size and its time."""
    group = parser.add_argument_group(
        "live view", "shown unless --headless; needs a terminal, any from 80 x 24"
    )
    add = group.add_argument
    add("--snapshot", type=Path, metavar="FILE.svg", help="write the screen there, headless too")
    add("--snapshot-at", type=_minute, metavar="HH:MM", help="at that simulated time, not the end")
    add("--snapshot-size", type=_size, metavar="WxH", default=(160, 50), help="default 160x50")


def observer(arguments: argparse.Namespace) -> LiveObserver | None:
    """What shows the run; None for lines only. Says why if a person may have expected it."""
    terminal = not arguments.headless and sys.stdin.isatty() and sys.stdout.isatty()
    if not arguments.headless and not terminal:
        say("no terminal: telling in lines (--headless says so beforehand)")
    if not terminal and arguments.snapshot is None:
        return None
    try:
        from truewatt.demo.view.live import LiveObserver, Picture
    except ModuleNotFoundError as error:
        if error.name not in ("textual", "rich"):
            raise
        say(_MISSING)
        return None
    picture = None
    if arguments.snapshot is not None:
        picture = Picture(arguments.snapshot, arguments.snapshot_size, arguments.snapshot_at)
    return LiveObserver(terminal, picture)


def main(argv: list[str]) -> int:
    """`truewatt demo view RUN_DIR`: look at a run that goes on elsewhere."""
    parser = argparse.ArgumentParser(
        prog="truewatt demo view",
        description="The live view of a run that another process does, headless or not. Keys act"
        " on that run; q only leaves the view.",
    )
    parser.add_argument("run", type=Path, nargs="?", default=Path("runs/latest"), metavar="RUN_DIR")
    arguments = parser.parse_args(argv)
    try:
        from truewatt.demo.view.live import attach

        asyncio.run(attach(arguments.run))
    except ModuleNotFoundError as error:
        say(f"{error}: pip install 'truewatt[demo]'")
        return _EXIT_USAGE
    except (OSError, LookupError, ValueError) as error:
        say(f"{arguments.run}: no run that can be looked at: {error}")
        return _EXIT_USAGE
    return 0


def _minute(text: str) -> int:
    match = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text)
    if match is None:
        raise argparse.ArgumentTypeError("expected HH:MM")
    return int(match[1]) * 60 + int(match[2])


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,3})x(\d{1,3})", text)
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(a <= b <= c for a, b, c in zip(_MIN_SIZE, size, _MAX_SIZE, strict=True)):
        least, most = ("x".join(map(str, bounds)) for bounds in (_MIN_SIZE, _MAX_SIZE))
        raise argparse.ArgumentTypeError(f"expected columns x lines, {least} to {most}")
    return size
