"""Devices that the gateway signs for are counted apart, and held against the physics."""

from pathlib import Path

from truewatt.demo.accounting import SignedRecord
from truewatt.demo.attested import failures, take_stock
from truewatt.demo.physics_log import PhysicsLog
from truewatt.demo.plant import DevicePlan
from wireformat.chained import Reading

BATTERY = DevicePlan("b1", 21, "sunspec_storage", "generation", "battery", "x1", "h2", "battery")


def reading(time_s: int, import_wh: int, export_wh: int, seq: int) -> SignedRecord:
    record = Reading(
        epoch=1,
        seq=seq,
        time_s=time_s,
        flags=0,
        prev=bytes(16),
        interval_s=60,
        channels=[[import_wh, export_wh, 0, 0, 0]],
        voltage_dv=2300,
        max_ma=0,
    )
    return SignedRecord((1, seq), record.payload(), record)


def physics(tmp_path: Path) -> PhysicsLog:
    path = tmp_path / "physics.csv"
    path.write_text("t_ms,b1.import_wh,b1.export_wh\n0,0,0\n120000,1000,200\n")
    return PhysicsLog(path)


def test_registers_are_held_against_the_physics_at_their_time(tmp_path: Path) -> None:
    kept = {"b1": [reading(60, 480, 90, 1), reading(120, 990, 203, 2)]}
    stock = take_stock([BATTERY], kept, kept, physics(tmp_path), 120)
    (device,) = stock.devices
    assert (device.import_wh, device.export_wh, device.deviation_wh) == (990, 203, 13.0)
    assert stock.energy_error == 13 / 1200
    assert failures(stock.to_json()) == []


def test_a_record_that_the_ledger_lacks_is_lost(tmp_path: Path) -> None:
    kept = {"b1": [reading(60, 480, 90, 1), reading(120, 990, 200, 2)]}
    stock = take_stock([BATTERY], kept, {"b1": kept["b1"][1:]}, physics(tmp_path), 120)
    (failure,) = failures(stock.to_json())
    assert "records_lost is 1" in failure


def test_a_device_that_said_nothing_has_no_energy(tmp_path: Path) -> None:
    stock = take_stock([BATTERY], {"b1": []}, {"b1": []}, physics(tmp_path), 120)
    assert stock.devices[0].records_admitted == 0
    assert stock.energy_error == 0.0


def test_a_run_without_devices_breaks_nothing() -> None:
    assert failures(None) == []
