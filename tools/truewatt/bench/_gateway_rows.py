"""What the parts of `truewatt bench gateway` found: figures beside their limits, in one table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Row(NamedTuple):
    """A figure; `limit` and `passed` say nothing where there is no bar."""

    name: str
    value: str
    unit: str
    limit: str = ""
    passed: bool | None = None


def all_met(rows: Iterable[Row]) -> bool:
    """Whether no bar was missed, and there was one."""
    verdicts = [row.passed for row in rows if row.passed is not None]
    return bool(verdicts) and all(verdicts)


def print_summary(parts: dict[str, list[Row]]) -> None:
    """Everything that was measured; a part without figures has failed."""
    print(f"\n{'part':8} {'figure':44} {'value':>12} {'unit':8} {'limit':>12}")
    for part, rows in parts.items():
        for row in rows or [Row("ended without figures", "", "", "", False)]:
            verdict = {None: "", True: "pass", False: "MISS"}[row.passed]
            print(f"{part:8} {row.name:44} {row.value:>12} {row.unit:8} {row.limit:>12} {verdict}")
