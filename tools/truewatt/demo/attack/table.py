"""The table of attacks for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from truewatt.demo.attack.verdict import Result

_NAMES_CHARS = 44


def line(result: Result) -> str:
    """One attack in a line."""
    seen = ", ".join(dict.fromkeys(one.seen for one in result.tries)) or "nothing"
    return f"attack {result.name}: {result.verdict} ({seen}; {result.seconds:.0f} s)"


def table(results: Sequence[dict[str, Any]]) -> str:
    """Attack, expected, seen, verdict, from the report; names that do not fit go on below."""
    width = max((len(one["attack"]) for one in results), default=6)
    head = _row(width, "attack", "expected", "seen", "tries", "verdict")
    rows = [head, "-" * len(head)]
    for one in results:
        rows += _rows(width, one)
    return "\n".join(rows)


def _row(width: int, name: str, expected: str, seen: str, tries: str, verdict: str) -> str:
    cells = (
        f"{name:{width}}  {expected:{_NAMES_CHARS}}  {seen:{_NAMES_CHARS}}  {tries:>5}  {verdict}"
    )
    return cells.rstrip()


def _rows(width: int, one: dict[str, Any]) -> list[str]:
    expected = _wrapped(one["expected"])
    seen = _wrapped(one["seen"])
    rows = []
    for index in range(max(len(expected), len(seen))):
        first = index == 0
        cells = [names[index] if index < len(names) else "" for names in (expected, seen)]
        count, verdict = (str(len(one["tries"])), one["verdict"]) if first else ("", "")
        rows.append(_row(width, one["attack"] if first else "", cells[0], cells[1], count, verdict))
    return rows + [f"{'':{width}}  ! {fault}" for fault in one["faults"]]


def _wrapped(names: Iterable[str]) -> list[str]:
    text = ", ".join(dict.fromkeys(names))
    return textwrap.wrap(text, _NAMES_CHARS) or ["-"]
