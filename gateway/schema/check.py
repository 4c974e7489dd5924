"""Checks what TOML gave against a table and reports every problem, not only the first."""

import difflib
from dataclasses import dataclass

from gateway.schema.kinds import Rows, Table

Values = dict[str, object]

SHOWN_CHARS = 60


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: at which key, with which value, and what was expected."""

    key: str
    value: str
    expected: str

    def __str__(self) -> str:
        value = f" = {self.value}" if self.value else ""
        return f"{self.key}{value}: expected {self.expected}"


def shown(value: object) -> str:
    """`value` as the operator wrote it, about; cut to a line's length."""
    try:
        text = repr(value)
    except ValueError:
        # TOML may spell thousands of digits in hex, which Python won't in decimal.
        text = "(a number of thousands of digits)"
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 3] + "..."


def check_table(raw: object, table: Table, at: str, problems: list[Problem]) -> Values:
    """The checked values of `raw` with defaults filled in; adds to `problems`.

    A value with a problem is left out of the result.
    """
    if not isinstance(raw, dict):
        problems.append(Problem(at, shown(raw), "a table"))
        return {}
    checked = _fields(raw, table, at, problems)
    for name, below in table.tables.items():
        checked[name] = check_table(raw.get(name, {}), below, _join(at, name), problems)
    for name, rows in table.rows.items():
        checked[name] = check_rows(raw.get(name, []), rows, _join(at, name), problems)
    _unknown(raw, [*table.fields, *table.tables, *table.rows], at, problems)
    return checked


def check_rows(raw: object, rows: Rows, at: str, problems: list[Problem]) -> list[Values]:
    """The checked rows of `[[at]]`, with unique fields held against each other."""
    if not isinstance(raw, list) or any(not isinstance(row, dict) for row in raw):
        problems.append(Problem(at, shown(raw), f"tables written as [[{at}]]"))
        return []
    if len(raw) < rows.least:
        problems.append(Problem(at, "", f"at least {rows.least} table [[{at}]]"))
    checked = [
        check_table(row, rows.table, f"{at}[{index}]", problems) for index, row in enumerate(raw)
    ]
    for name in rows.unique:
        _unique(checked, name, at, problems)
    return checked


def unknown_key(name: str, known: list[str], at: str, value: object) -> Problem:
    """The problem of a key that does not exist, with the nearest one that does."""
    near = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return Problem(_join(at, name), shown(value), f"one of {', '.join(sorted(known))}{hint}")


def _fields(raw: Values, table: Table, at: str, problems: list[Problem]) -> Values:
    checked: Values = {}
    for name, field in table.fields.items():
        if name not in raw:
            if field.required:
                problems.append(
                    Problem(_join(at, name), "", f"{field.kind.expected}; it is missing")
                )
            checked[name] = field.default
        elif field.kind.accepts(raw[name]):
            checked[name] = raw[name]
        else:
            problems.append(Problem(_join(at, name), shown(raw[name]), field.kind.expected))
    return checked


def _unknown(raw: Values, known: list[str], at: str, problems: list[Problem]) -> None:
    for name in raw:
        if name not in known:
            problems.append(unknown_key(name, known, at, raw[name]))


def _unique(checked: list[Values], name: str, at: str, problems: list[Problem]) -> None:
    first: dict[object, int] = {}
    for index, row in enumerate(checked):
        value = row.get(name)
        if value is None:
            continue
        if value in first:
            key = f"{at}[{index}].{name}"
            expected = f"another than that of {at}[{first[value]}]: each must be unique"
            problems.append(Problem(key, shown(value), expected))
        first.setdefault(value, index)


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
