"""Generation measured at other sites than the loads: a composite community from two files.

The second file has a `time` column (local, `YYYY-MM-DD HH:MM:SS`, the start of an interval) and one
column for each plant, in kW per kWp. Home n takes plant n in turn; both begin at the same time of
the week, because neither sun nor people of one date are those of the other.
"""

import csv
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from truewatt.emulator.physics.profiles import (
    WEEK_S,
    ProfileError,
    Profiles,
    SiteProfile,
    open_text,
    read_energy,
)

_TIME = "time"
_KWP = 1.0


def add_pv(loads: Profiles, path: Path) -> Profiles:
    """`loads` with the generation of `path` for plants of 1 kWp each. Raises ProfileError."""
    try:
        with open_text(path) as text:
            start_s, interval_s, plants = _read(path, csv.reader(text))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
        raise ProfileError(path, 0, "-", str(error), "a readable CSV file") from error
    _check_fit(loads, path, start_s, interval_s, len(plants[0]))
    hours = interval_s / 3600
    sites = {}
    for number, (name, site) in enumerate(loads.sites.items()):
        plant = plants[number % len(plants)]
        energy = array("d", (kw * hours for kw in plant[: loads.intervals]))
        sites[name] = SiteProfile(name, site.load_kwh, energy, _KWP)
    return replace(loads, sites=sites, has_pv=True, pv_path=path)


def _read(path: Path, reader: Iterator[list[str]]) -> tuple[int, int, list["array[float]"]]:
    header = next(reader, [])
    if len(header) < 2 or header[0] != _TIME or len(set(header)) != len(header):
        expected = "time, and a column for each plant, each once"
        raise ProfileError(path, 1, ",".join(header) or _TIME, "another header", expected)
    plants: list[array[float]] = [array("d") for _ in header[1:]]
    times: list[int] = []
    for line, fields in enumerate(reader, 2):
        if len(fields) != len(header):
            raise ProfileError(path, line, "-", f"{len(fields)} fields", f"{len(header)} fields")
        times.append(_time(path, line, fields[0]))
        if len(times) > 2 and times[-1] - times[-2] != times[1] - times[0]:
            raise ProfileError(path, line, _TIME, "another interval", "equal intervals")
        for plant, name, text in zip(plants, header[1:], fields[1:], strict=True):
            plant.append(read_energy(path, line, name, text))
    if len(times) < 2 or times[1] <= times[0]:
        raise ProfileError(path, 2, _TIME, "fewer than two rows in order of time", "a time series")
    return times[0], times[1] - times[0], plants


def _time(path: Path, line: int, text: str) -> int:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is not None:
        raise ProfileError(path, line, _TIME, repr(text), "YYYY-MM-DD HH:MM:SS, no zone")
    return int(time.replace(tzinfo=UTC).timestamp())


def _check_fit(loads: Profiles, path: Path, start_s: int, interval_s: int, rows: int) -> None:
    if interval_s != loads.interval_s:
        expected = f"{loads.interval_s} s, as in {loads.path}"
        raise ProfileError(path, 3, _TIME, f"an interval of {interval_s} s", expected)
    if (start_s - loads.start_s) % WEEK_S:
        expected = f"the time of the week at which {loads.path} begins"
        raise ProfileError(path, 2, _TIME, "another weekday or time of day", expected)
    if rows < loads.intervals:
        raise ProfileError(path, rows + 1, _TIME, f"{rows} rows", f"at least {loads.intervals}")
