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
        *_writes(values),
    ]


def _sources(values: Row) -> Iterator[Problem]:
    """Two drivers that were written apart must agree, or the file says that they don't."""
    repositories = {row["repository"] for row in _rows(values, "source")}
    if (len(repositories) < 2) != values["single_source"]:
        expected = f"{str(len(repositories) < 2).lower()} with {len(repositories)} repository(s)"
        yield Problem("single_source", str(values["single_source"]).lower(), expected)


def _at_most_one(values: Row) -> Iterator[Problem]:
    for name in ("serial", "identity", "failsafe"):
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
        yield from _rollback(at, row, kind.counter)
        first, last = _span(row)
        if last > 0xFFFF:
            yield Problem(f"{at}.address", f"{first:#06x}", "an end within 0xffff")
        if last - first + 1 > cast(int, values["max_block_words"]):
            yield Problem(f"{at}.type", str(row["type"]), "a width within max_block_words")


def _rollback(at: str, row: Row, is_counter: bool) -> Iterator[Problem]:
    """A fall must be told from a wrap, which is one too."""
    rollback, wrap = cast("int | None", row["rollback"]), cast("int | None", row["wrap"])
    if rollback is None:
        return
    if not is_counter:
        yield Problem(f"{at}.rollback", str(rollback), "no such key: this is no counter")
    elif wrap is not None and 2 * rollback >= wrap:
        yield Problem(f"{at}.rollback", str(rollback), "less than half of wrap")


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


def _writes(values: Row) -> Iterator[Problem]:
    """A value that can be set, and one to go back to, that the register can hold."""
    rows = _rows(values, "write")
    for index, row in enumerate(rows):
        at = f"write[{index}]"
        if (row["unit"] == "A") != (row["nominal_v"] is not None):
            yield Problem(f"{at}.nominal_v", str(row["nominal_v"]), "a voltage with unit A alone")
        least, most = cast(int, row["least"]), cast(int, row["most"])
        if not 0 <= least <= most:
            yield Problem(f"{at}.most", str(most), "at least `least`, and that from 0 on")
        off, default = cast("int | None", row["off"]), cast(int, row["default"])
        if not (least <= default <= most or default == off):
            yield Problem(f"{at}.default", str(default), "a value from least to most, or off")
        high = (1 << 16 * WIDTH_WORDS[cast(str, row["type"])]) - 1
        if max(most, off or 0) > (high >> 1 if cast(str, row["type"])[0] == "s" else high):
            yield Problem(f"{at}.type", str(row["type"]), "a width that holds most and off")
        if not Fraction(cast(str, row["scale"])):
            yield Problem(f"{at}.scale", str(row["scale"]), "more than 0")
    if rows and not _rows(values, "failsafe"):
        yield Problem("failsafe", "", "a [[failsafe]] table: what the device does when left alone")


def _span(row: Row) -> tuple[int, int]:
    first = cast(int, row["address"])
    return first, first + WIDTH_WORDS[cast(str, row["type"])] - 1


def _rows(values: Row, name: str) -> list[Row]:
    return cast(list[Row], values[name])
