"""Measured homes from a CSV file (docs/profiles.md), checked strictly: no world is guessed."""

import csv
import gzip
import io
import math
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple, TextIO

Label = Literal["ending", "starting"]

_TIMED = ("time_local", "site", "load_kwh")
_SLOTTED = ("slot", "site", "load_kwh")
_OPTIONAL = ("pv_kwh", "pv_kwp")
# A slot file starts on a Monday 00:00; 1970-01-05 was one.
_SLOT_EPOCH_S = 4 * 86400
WEEK_S = 7 * 86400


class ProfileError(ValueError):
    """A profile file is unusable: `path`, `line` (1 is the header), `column`, what was expected."""

    def __init__(self, path: Path, line: int, column: str, found: str, expected: str) -> None:
        super().__init__(f"{path}, line {line}, column {column}: {found}; expected {expected}")
        self.path = path
        self.line = line
        self.column = column
        self.found = found
        self.expected = expected


@dataclass
class SiteProfile:
    """One site: energy in kWh per interval, `pv_kwp` of its plant (0: unknown or none)."""

    name: str
    load_kwh: "array[float]" = field(default_factory=lambda: array("d"))
    pv_kwh: "array[float]" = field(default_factory=lambda: array("d"))
    pv_kwp: float = 0.0


@dataclass(frozen=True)
class Profiles:
    """All sites of a file. `start_s`: begin of the first interval, local time read as UTC.

    `pv_path`: where generation comes from, if from another file (`pv_profiles`): a composite.
    """

    path: Path
    start_s: int
    interval_s: int
    sites: dict[str, SiteProfile]
    has_pv: bool
    pv_path: Path | None = None

    @property
    def weeks(self) -> int:
        """How often a site can be used: shifted by whole weeks, without meeting itself."""
        return max(1, self.intervals * self.interval_s // WEEK_S)

    @property
    def intervals(self) -> int:
        """How many intervals each site has."""
        return len(next(iter(self.sites.values())).load_kwh)


class _Row(NamedTuple):
    line: int
    time_s: int
    site: str
    load_kwh: float
    pv_kwh: float
    pv_kwp: float


def load_profiles(
    path: Path, *, sites: int = 1, label: Label = "ending", slot_minutes: int = 15
) -> Profiles:
    """Read a .csv or .csv.gz with enough for `sites` homes. Raises ProfileError.

    Sites are used again, shifted by whole weeks, as often as the file has weeks.

    `label`: whether time_local names the end or the start of its interval (slots: the start).
    """
    try:
        with open_text(path) as text:
            profiles = _read(path, csv.reader(text), label, slot_minutes * 60)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise ProfileError(path, 0, "-", str(error), "a readable CSV file") from error
    if len(profiles.sites) * profiles.weeks < sites:
        found = f"{len(profiles.sites)} sites of {profiles.weeks} whole weeks or less"
        expected = f"at least {sites} homes' worth: each site once a week of the file"
        raise ProfileError(path, 1, "site", found, expected)
    return profiles


def _read(path: Path, reader: Iterator[list[str]], label: Label, slot_s: int) -> Profiles:
    columns = _columns(path, next(reader, []))
    timed = "time_local" in columns
    rows = _rows(path, reader, columns, slot_s)
    found, interval_s, first_s = _collect(path, rows, None if timed else slot_s)
    if timed and label == "ending":
        first_s -= interval_s
    return Profiles(path, first_s, interval_s, found, "pv_kwh" in columns)


def open_text(path: Path) -> TextIO:
    """Open a .csv or a .csv.gz."""
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path, "rb"), encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _columns(path: Path, header: list[str]) -> dict[str, int]:
    """Column name -> index. Raises ProfileError for what is missing, unknown or twice."""
    columns = {name.strip(): i for i, name in enumerate(header)}
    required = _SLOTTED if "slot" in columns else _TIMED
    for name in required:
        if name not in columns:
            raise ProfileError(path, 1, name, "no such column", ",".join(required))
    for name in header:
        if name.strip() not in (*required, *_OPTIONAL):
            known = ",".join((*required, *_OPTIONAL))
            raise ProfileError(path, 1, name, "unknown column", known)
    if len(columns) != len(header):
        raise ProfileError(path, 1, "-", "a column twice", "each once")
    return columns


def _rows(
    path: Path, reader: Iterator[list[str]], columns: dict[str, int], slot_s: int
) -> Iterator[_Row]:
    site_at = columns["site"]
    time_name = "slot" if "slot" in columns else "time_local"
    time_at = columns[time_name]
    energies_at = [(name, columns.get(name)) for name in ("load_kwh", *_OPTIONAL)]
    # Every site has the same times, and reading them is what costs most.
    times: dict[str, int] = {}
    for line, fields in enumerate(reader, 2):
        if len(fields) != len(columns):
            expected = f"{len(columns)} fields"
            raise ProfileError(path, line, "-", f"{len(fields)} fields", expected)
        if not fields[site_at]:
            raise ProfileError(path, line, "site", "empty", "a name")
        text = fields[time_at]
        time_s = times.get(text)
        if time_s is None:
            time_s = times[text] = _time(path, line, time_name, text, slot_s)
        energies = [
            0.0 if at is None else read_energy(path, line, name, fields[at])
            for name, at in energies_at
        ]
        yield _Row(line, time_s, fields[site_at], *energies)


def _time(path: Path, line: int, column: str, text: str, slot_s: int) -> int:
    if column == "slot":
        if not text.isdecimal():
            raise ProfileError(path, line, column, repr(text), "a whole number from 0")
        return _SLOT_EPOCH_S + int(text) * slot_s
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is not None:
        raise ProfileError(path, line, column, repr(text), "YYYY-MM-DD HH:MM:SS, no zone")
    return int(time.replace(tzinfo=UTC).timestamp())


def read_energy(path: Path, line: int, column: str, text: str) -> float:
    """Energy or power of one field. Raises ProfileError."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    # Refuses NaN too.
    if not 0 <= value < math.inf:
        raise ProfileError(path, line, column, repr(text), "a number, 0 or more")
    return value


def _collect(
    path: Path, rows: Iterator[_Row], interval_s: int | None
) -> tuple[dict[str, SiteProfile], int, int]:
    """Rows by site, each site without gap; also the interval and the first label, seconds."""
    sites: dict[str, SiteProfile] = {}
    last: dict[str, _Row] = {}
    first: dict[str, _Row] = {}
    for row in rows:
        before = last.get(row.site)
        if before is None:
            sites[row.site] = SiteProfile(row.site, pv_kwp=row.pv_kwp)
            first[row.site] = row
        else:
            interval_s = _check_step(path, before, row, interval_s)
        last[row.site] = row
        sites[row.site].load_kwh.append(row.load_kwh)
        sites[row.site].pv_kwh.append(row.pv_kwh)
    if not sites or interval_s is None:
        raise ProfileError(path, 2, "-", "fewer than two rows of a site", "a time series")
    _check_alignment(path, first, last)
    return sites, interval_s, next(iter(first.values())).time_s


def _check_step(path: Path, before: _Row, row: _Row, interval_s: int | None) -> int:
    column = "time_local or slot"
    step_s = row.time_s - before.time_s
    if step_s == interval_s:
        return step_s
    if step_s == 0:
        raise ProfileError(path, row.line, column, f"duplicate of line {before.line}", "each once")
    if step_s < 0:
        found = f"earlier than line {before.line}"
        raise ProfileError(path, row.line, column, found, "each site's rows in order of time")
    if interval_s is None:
        if step_s % 60 or 86400 % step_s:
            expected = "whole minutes that divide a day"
            raise ProfileError(path, row.line, column, f"an interval of {step_s} s", expected)
        return step_s
    if step_s % interval_s == 0:
        found = f"a gap of {step_s // interval_s - 1} intervals after line {before.line}"
        raise ProfileError(path, row.line, column, found, f"a row each {interval_s} s")
    found = f"{step_s} s after line {before.line}"
    raise ProfileError(path, row.line, column, found, f"equal intervals of {interval_s} s")


def _check_alignment(path: Path, first: dict[str, _Row], last: dict[str, _Row]) -> None:
    """All sites must cover the same time."""
    model = next(iter(first))
    for rows, what in ((first, "begins"), (last, "ends")):
        for site, row in rows.items():
            if row.time_s != rows[model].time_s:
                found = f"site {site} {what} at another time than {model}"
                raise ProfileError(path, row.line, "site", found, "the same time for all sites")
