"""The yardstick of a run: interpolation, demand, balance, and torn last lines."""

from pathlib import Path

import pytest

from truewatt.demo.accounting import SignedRecord
from truewatt.demo.physics_log import PhysicsLog, balance, switchings
from wireformat.chained import Feeder, Reading
from wireformat.codes import CLOCK_UNTRUSTED


def log_of(tmp_path: Path, rows: list[str]) -> PhysicsLog:
    path = tmp_path / "physics.csv"
    path.write_text("t_ms,feeder_wh,m1.load_wh,m1.pv_wh\n" + "\n".join(rows) + "\n")
    return PhysicsLog(path)


def reading(time_s: int, load_wh: int, pv_wh: int, seq: int = 0, flags: int = 0) -> SignedRecord:
    record = Reading(
        epoch=1,
        seq=seq,
        time_s=time_s,
        flags=flags,
        prev=bytes(16),
        interval_s=60,
        channels=[[load_wh, 0, 0, 0, 0], [0, pv_wh, 0, 0, 0]],
        voltage_dv=2300,
        max_ma=0,
    )
    return SignedRecord((1, seq), record.payload(), record)


def names(_: str) -> tuple[str, ...]:
    return ("load", "pv")


def test_values_between_samples_are_linear_and_flat_beyond_the_ends(tmp_path: Path) -> None:
    log = log_of(tmp_path, ["0,0,0,0", "10000,100,50,10"])
    assert log.at("feeder_wh", 2500) == 25.0
    assert log.at("feeder_wh", -1) == 0.0
    assert log.at("feeder_wh", 99_999) == 100.0


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    assert log_of(tmp_path, ["0,0,0,0", "10000,1"]).t_ms == [0]


def test_demand_is_the_highest_mean_of_any_quarter_of_an_hour(tmp_path: Path) -> None:
    # 1 kW throughout but for 4 kW over the second ten minutes.
    hourly = [1000, 1000, 4000, 4000, 1000, 1000, 1000]
    energy, rows = 0.0, []
    for index, power_w in enumerate(hourly):
        rows.append(f"{index * 300_000},{energy},0,0")
        energy += power_w / 12
    log = log_of(tmp_path, rows)
    assert log.peak_demand_w("feeder_wh") == pytest.approx((4000 + 4000 + 1000) / 3)


def test_a_run_shorter_than_the_period_has_no_demand(tmp_path: Path) -> None:
    assert log_of(tmp_path, ["0,0,0,0", "60000,100,0,0"]).peak_demand_w("feeder_wh") == 0.0


def test_deviations_of_channels_do_not_cancel(tmp_path: Path) -> None:
    log = log_of(tmp_path, ["0,0,0,0", "60000,0,100,100"])
    found = balance(log, {"m1": [reading(60, 110, 90)]}, names)
    assert found.error == pytest.approx(20 / 200)
    assert abs(found.worst_deviation_wh) == pytest.approx(10)


def test_only_the_last_reading_with_trusted_time_counts(tmp_path: Path) -> None:
    log = log_of(tmp_path, ["0,0,0,0", "60000,0,60,0", "120000,0,120,0"])
    kept = [reading(60, 60, 0), reading(0, 999, 0, seq=1, flags=CLOCK_UNTRUSTED)]
    assert balance(log, {"m1": kept}, names).error == 0.0


def section(epoch: int, time_s: int, drawn_wh: int, given_wh: int) -> SignedRecord:
    fields = {"interval_s": 60, "voltage_dv": 2300, "max_ma": 0, "prev": bytes(16), "flags": 0}
    record = Feeder(
        epoch=epoch,
        seq=time_s,
        time_s=time_s,
        channels=[[drawn_wh, given_wh, 0, 0, 0]],
        breaker=1,
        trip_cause=0,
        reclose_count=0,
        limit_w=1,
        **fields,
    )
    return SignedRecord((epoch, time_s), record.payload(), record)


def test_a_section_is_compared_while_its_board_is_on_and_both_ways_count(tmp_path: Path) -> None:
    path = tmp_path / "physics.csv"
    # 1 Wh a second; the board is off, and its chip with it, from second 60 to 100.
    path.write_text("t_ms,x1.section_wh\n0,0\n200000,200\n")
    kept = [section(1, 20, 5, 0), section(1, 60, 30, 15), section(2, 100, 30, 15)]
    kept.append(section(2, 160, 50, 55))
    found = balance(PhysicsLog(path), {"x1": kept}, lambda _: ("section",))
    assert (found.metered_wh, found.physics_wh, found.error) == (100, 100, 0.0)
    kept.append(section(2, 180, 50, 65))
    found = balance(PhysicsLog(path), {"x1": kept}, lambda _: ("section",))
    assert found.error == pytest.approx(10 / 120)


def test_without_readings_the_balance_is_broken_not_perfect(tmp_path: Path) -> None:
    log = log_of(tmp_path, ["0,0,0,0", "60000,0,100,0"])
    assert balance(log, {"m1": []}, names).error == 1.0


def test_switchings_say_what_they_did_to_the_load(tmp_path: Path) -> None:
    path = tmp_path / "switches.jsonl"
    path.write_text(
        '{"t_ms": 5, "board": "m1", "relay": "ev", "pin": 27, "state": "open",'
        ' "before": {"feeder_w": 5000.0}, "after": {"feeder_w": 1300.0}}\n{"t_ms": 6, "bo'
    )
    (move,) = switchings(path)
    assert (move.board, move.asset, move.closed) == ("m1", "ev", False)
    assert move.drop_w("feeder_w") == 3700.0
    assert switchings(tmp_path / "none.jsonl") == []
