"""Profile files: what is read, and the named error for each way a file can be wrong."""

import gzip
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truewatt.emulator.physics.profiles import ProfileError, Profiles, load_profiles
from truewatt.emulator.physics.pv_profiles import add_pv
from truewatt.emulator.physics.sources import MeasuredHome, ModelledHome, spread
from truewatt.emulator.rig_config import parse_rig_config
from truewatt.emulator.world import World

HEADER = "time_local,site,load_kwh,pv_kwh,pv_kwp\n"
GOOD = HEADER + (
    "2016-08-01 00:00:00,A,1.0,0,4\n"
    "2016-08-01 01:00:00,A,0.5,0.25,4\n"
    "2016-08-01 02:00:00,A,0.75,0.5,4\n"
    "2016-08-01 00:00:00,B,2.0,0,2\n"
    "2016-08-01 01:00:00,B,1.5,1,2\n"
    "2016-08-01 02:00:00,B,1.25,1,2\n"
)
AUGUST_S = 1_470_009_600  # 2016-08-01 00:00


def load(tmp_path: Path, text: str, **options):
    path = tmp_path / "homes.csv"
    path.write_text(text)
    return load_profiles(path, **options)


def test_energies_intervals_and_labels(tmp_path: Path) -> None:
    ending = load(tmp_path, GOOD)
    assert (ending.interval_s, ending.intervals, ending.start_s) == (3600, 3, AUGUST_S - 3600)
    assert list(ending.sites["B"].load_kwh) == [2.0, 1.5, 1.25]
    assert list(ending.sites["A"].pv_kwh) == [0, 0.25, 0.5]
    assert ending.sites["A"].pv_kwp == 4
    assert load(tmp_path, GOOD, label="starting").start_s == AUGUST_S
    # Sorted by time instead of by site is as good.
    lines = GOOD.splitlines(keepends=True)
    by_time = lines[0] + "".join(lines[i] for i in (1, 4, 2, 5, 3, 6))
    assert load(tmp_path, by_time).sites["B"].load_kwh == ending.sites["B"].load_kwh


def test_slots_gzip_and_no_pv(tmp_path: Path) -> None:
    path = tmp_path / "homes.csv.gz"
    path.write_bytes(gzip.compress(b"slot,site,load_kwh\n0,S,0.1\n1,S,0.2\n"))
    profiles = load_profiles(path)
    assert (profiles.interval_s, profiles.has_pv, profiles.start_s) == (900, False, 345_600)


def replaced(line: int, text: str) -> str:
    lines = GOOD.splitlines(keepends=True)
    lines[line - 1] = text + "\n" if text else ""
    return "".join(lines)


@pytest.mark.parametrize(
    ("text", "line", "column", "found"),
    [
        ("", 1, "time_local", "no such column"),
        ("time_local,site,kwh\n", 1, "load_kwh", "no such column"),
        (HEADER.replace("\n", ",note\n"), 1, "note", "unknown column"),
        ("slot,site,load_kwh,site\n", 1, "-", "twice"),
        (HEADER, 2, "-", "fewer than two rows"),
        (replaced(3, "2016-08-01 01:00:00,A,0.5,0.25"), 3, "-", "4 fields"),
        (replaced(3, "2016-08-01 01:00:00,,0.5,0.25,4"), 3, "site", "empty"),
        (replaced(3, "2016-08-01 01:00:00,A,much,0.25,4"), 3, "load_kwh", "'much'"),
        (replaced(3, "2016-08-01 01:00:00,A,,0.25,4"), 3, "load_kwh", "''"),
        (replaced(3, "2016-08-01 01:00:00,A,0.5,nan,4"), 3, "pv_kwh", "'nan'"),
        (replaced(3, "2016-08-01 01:00:00,A,inf,0.25,4"), 3, "load_kwh", "'inf'"),
        (replaced(3, "2016-08-01 01:00:00,A,-0.5,0.25,4"), 3, "load_kwh", "'-0.5'"),
        (replaced(3, "yesterday,A,0.5,0.25,4"), 3, "time_local", "'yesterday'"),
        (replaced(3, "2016-08-01 01:00:00+02:00,A,1,1,4"), 3, "time_local", "+02:00"),
        (replaced(3, "2016-08-01 00:00:00,A,0.5,0.25,4"), 3, "time_local or slot", "duplicate"),
        (replaced(3, "2016-07-31 23:00:00,A,0.5,0.25,4"), 3, "time_local or slot", "earlier"),
        (replaced(6, ""), 6, "time_local or slot", "a gap of 1 intervals after line 5"),
        (replaced(4, "2016-08-01 02:30:00,A,1,1,4"), 4, "time_local or slot", "5400 s after"),
        (replaced(3, "2016-08-01 00:00:30,A,1,1,4"), 3, "time_local or slot", "30 s"),
        (replaced(7, ""), 6, "site", "site B ends at another time"),
        ("slot,site,load_kwh\n0,S,1\none,S,1\n", 3, "slot", "'one'"),
    ],
)
def test_a_wrong_file_is_refused_with_line_and_column(
    tmp_path: Path, text: str, line: int, column: str, found: str
) -> None:
    with pytest.raises(ProfileError) as caught:
        load(tmp_path, text)
    error = caught.value
    assert (error.line, error.column) == (line, column)
    assert found in error.found
    assert error.expected
    assert all(part in str(error) for part in ("homes.csv", f"line {line}", column, "expected"))


def test_too_few_sites_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="at least 3 homes' worth"):
        load(tmp_path, GOOD, sites=3)
    with pytest.raises(ProfileError, match="No such file"):
        load_profiles(tmp_path / "nowhere.csv")
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(gzip.compress(GOOD.encode())[:40])
    with pytest.raises(ProfileError, match="a readable CSV file"):
        load_profiles(broken)
    (tmp_path / "latin.csv").write_bytes(GOOD.replace("A,", "é,").encode("latin-1"))
    with pytest.raises(ProfileError, match="a readable CSV file"):
        load_profiles(tmp_path / "latin.csv")


def test_minutes_vary_and_hours_keep_their_energy(tmp_path: Path) -> None:
    profiles = load(tmp_path, GOOD)
    home = MeasuredHome(profiles, profiles.sites["A"], seed=1)
    start = profiles.start_s // 60
    loads, pvs = zip(*(home.minute(start + i) for i in range(180)), strict=True)
    for hour, (load_kwh, pv_kwh) in enumerate([(1.0, 0), (0.5, 0.25), (0.75, 0.5)]):
        of_hour = slice(60 * hour, 60 * hour + 60)
        assert sum(loads[of_hour]) / 60 == pytest.approx(1000 * load_kwh, rel=1e-12)
        assert sum(pvs[of_hour]) / 60 == pytest.approx(1000 * pv_kwh, rel=1e-12)
        assert len(set(loads[of_hour])) == 60
    again = MeasuredHome(profiles, profiles.sites["A"], seed=1)
    assert [again.minute(start + i)[0] for i in (170, 3, 61)] == [loads[i] for i in (170, 3, 61)]
    other = MeasuredHome(profiles, profiles.sites["A"], seed=2)
    assert other.minute(start) != home.minute(start)
    # It begins anew when it has run out.
    assert home.minute(start + 180) == home.minute(start)
    scaled = MeasuredHome(profiles, profiles.sites["A"], seed=1, pv_kwp=8)
    assert scaled.minute(start + 70)[1] == pytest.approx(2 * pvs[70])


@given(st.floats(0, 1e5), st.integers(1, 60), st.floats(0, 1), st.integers())
def test_spreading_keeps_the_mean(mean_w: float, minutes: int, share: float, seed: int) -> None:
    powers = spread(mean_w, minutes, share, Random(seed))
    assert all(power >= 0 for power in powers)
    assert sum(powers) / minutes == pytest.approx(mean_w, rel=1e-9, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 10_000))
def test_a_modelled_home_is_a_home(seed: int, day: int) -> None:
    home = ModelledHome(seed, "h1", pv_kwp=5.0)
    powers = [home.minute(day * 1440 + minute) for minute in range(0, 1440, 10)]
    load_kwh = sum(load for load, _ in powers) / 6000
    pv_kwh = sum(pv for _, pv in powers) / 6000
    assert 3 < load_kwh < 40
    assert 5 < pv_kwh < 45
    assert all(pv == 0 for _, pv in powers[:36]), "no sun before six"
    assert all(load > 0 and 0 <= pv <= 5000 for load, pv in powers)


def test_measured_homes_of_a_year(shared_file: Callable[[str], Path]) -> None:
    profiles = load_profiles(shared_file("data/citylearn17_60min.csv.gz"), sites=17)
    assert (profiles.interval_s, profiles.intervals, len(profiles.sites)) == (3600, 8760, 17)


def hourly_weeks(weeks: int) -> str:
    rows = [f"{slot},{site},{slot % 97}" for site in "AB" for slot in range(weeks * 168)]
    return "slot,site,load_kwh\n" + "\n".join(rows) + "\n"


def test_homes_beyond_the_sites_live_another_week(tmp_path: Path) -> None:
    path = tmp_path / "homes.csv"
    path.write_text(hourly_weeks(3))
    homes = [{"name": f"h{n}"} for n in range(6)]
    text = {"profiles": str(path), "slot_minutes": 60, "homes": homes}
    made = World(parse_rig_config(text, tmp_path), 1_700_000_000)
    uses = [(use.site, use.weeks_on) for use in made.sites.uses.values()]
    assert uses == [("A", 0), ("B", 0), ("A", 1), ("B", 1), ("A", 2), ("B", 2)]
    summary = made.summary()["profiles"]
    assert (summary["sites"], summary["homes_on_a_used_site"]) == (2, 4)
    assert (summary["most_weeks_on"], summary["composite"]) == (2, True)
    profiles = made.sites.profiles
    assert profiles is not None
    start = profiles.start_s // 60
    later = MeasuredHome(profiles, profiles.sites["A"], 1, weeks_on=1)
    first = MeasuredHome(profiles, profiles.sites["A"], 1)
    assert later.minute(start) == first.minute(start + 7 * 1440) != first.minute(start)
    with pytest.raises(ProfileError, match="at least 7 homes' worth"):
        load_profiles(path, sites=7, slot_minutes=60)


PV = "time,P1,P2\n2016-10-31 00:00:00,0,0\n2016-10-31 00:15:00,0.4,0.8\n"


def composite(tmp_path: Path, pv: str) -> Profiles:
    (tmp_path / "pv.csv").write_text(pv)
    return add_pv(load(tmp_path, "slot,site,load_kwh\n0,S,1\n1,S,1\n"), tmp_path / "pv.csv")


def test_loads_and_generation_from_two_files(tmp_path: Path) -> None:
    made = composite(tmp_path, PV)
    assert list(made.sites["S"].pv_kwh) == [0, 0.1]
    assert made.sites["S"].pv_kwp == 1
    home = MeasuredHome(made, made.sites["S"], 1, pv_kwp=5.0)
    start = made.start_s // 60
    assert sum(home.minute(start + 15 + i)[1] for i in range(15)) / 15 == pytest.approx(2000)


@pytest.mark.parametrize(
    ("pv", "line", "found"),
    [
        (PV.replace("time,", "when,"), 1, "another header"),
        (PV.replace("10-31", "10-30"), 2, "another weekday"),
        (PV.replace("00:15", "00:30"), 3, "an interval of 1800 s"),
        (PV.replace("0.4,", "much,"), 3, "'much'"),
        (PV.replace("0.4,0.8", "0.4"), 3, "2 fields"),
        (PV.replace("2016-10-31 00:15:00", "soon"), 3, "'soon'"),
        (PV.splitlines()[0] + "\n", 2, "fewer than two rows"),
    ],
)
def test_a_wrong_generation_file_is_refused(tmp_path: Path, pv: str, line: int, found: str) -> None:
    with pytest.raises(ProfileError) as caught:
        composite(tmp_path, pv)
    assert caught.value.line == line
    assert found in caught.value.found


def test_the_swiss_and_simbench_community(shared_file: Callable[[str], Path]) -> None:
    loads = load_profiles(shared_file("data/swiss48_load_15min.csv.gz"), sites=300)
    made = add_pv(loads, shared_file("data/simbench_pv8_pu_15min.csv.gz"))
    assert (len(made.sites), made.weeks, made.has_pv) == (48, 7, True)
    assert 0 < sum(made.sites["S01"].pv_kwh) < 49 * 8
