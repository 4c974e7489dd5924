"""What must hold between the keys of a profile, beyond the kind of each."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import cast

from gateway.profiles.profile import WIDTH_WORDS
from gateway.profiles.quantities import QUANTITIES
from gateway.schema import Problem

Row = dict[str, object]


def faults(values: Row) -> list[Problem]:
    """Every rule that the checked `values` of a file break."""
    return [
        *_sources(values),
        *_at_most_one(values),
        *_registers(values),
        *_overlaps(values),
        *_gaps(values),
    ]


def _sources(values: Row) -> Iterator[Problem]:
    """Two drivers that were written apart must agree, or the file says that they don't."""
    repositories = {row["repository"] for row in _rows(values, "source")}
    if (len(repositories) < 2) != values["single_source"]:
        expected = f"{str(len(repositories) < 2).lower()} with {len(repositories)} repository(s)"
        yield Problem("single_source", str(values["single_source"]).lower(), expected)


def _at_most_one(values: Row) -> Iterator[Problem]:
    for name in ("serial", "identity"):
        if len(_rows(values, name)) > 1:
            yield Problem(f"{name}[1]", "", f"at most one [[{name}]]")
    if values["transport"] == "rtu" and not _rows(values, "serial"):
        yield Problem("serial", "", "a [[serial]] table for a meter on a serial line")


def _registers(values: Row) -> Iterator[Problem]:
    for index, row in enumerate(_rows(values, "register")):
        at = f"register[{index}]"
        kind = QUANTITIES[cast(str, row["quantity"])]
        if row["unit"] not in kind.units:
            yield Problem(f"{at}.unit", str(row["unit"]), f"one of {', '.join(kind.units)}")
        if not Fraction(cast(str, row["scale"])):
            yield Problem(f"{at}.scale", str(row["scale"]), "more than 0")
        if row["wrap"] is not None and not kind.counter:
            yield Problem(f"{at}.wrap", str(row["wrap"]), "no such key: this is no counter")
        first, last = _span(row)
        if last > 0xFFFF:
            yield Problem(f"{at}.address", f"{first:#06x}", "an end within 0xffff")
        if last - first + 1 > cast(int, values["max_block_words"]):
            yield Problem(f"{at}.type", str(row["type"]), "a width within max_block_words")


def _overlaps(values: Row) -> Iterator[Problem]:
    rows = sorted(_rows(values, "register"), key=lambda row: cast(int, row["address"]))
    for before, row in pairwise(rows):
        if _span(row)[0] <= _span(before)[1]:
            at, other = row["quantity"], before["quantity"]
            yield Problem(f"register {at}", f"{row['address']:#06x}", f"an address behind {other}")


def _gaps(values: Row) -> Iterator[Problem]:
    for index, gap in enumerate(_rows(values, "gap")):
        first, last = cast(int, gap["first"]), cast(int, gap["last"])
        if last < first:
            yield Problem(f"gap[{index}].last", f"{last:#06x}", f"at least {first:#06x}")
        for row in _rows(values, "register"):
            low, high = _span(row)
            if low <= last and first <= high:
                where = f"register {row['quantity']}"
                yield Problem(where, f"{low:#06x}", f"an address outside of gap[{index}]")


def _span(row: Row) -> tuple[int, int]:
    first = cast(int, row["address"])
    return first, first + WIDTH_WORDS[cast(str, row["type"])] - 1


def _rows(values: Row, name: str) -> list[Row]:
    return cast(list[Row], values[name])
