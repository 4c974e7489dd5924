"""What leaves the store is what the boards signed."""

import csv
import json

import pytest

from gateway import cli
from gateway.keep.errors import BackupExists, BadTime, NoSuchBoard
from gateway.keep.times import iso
from gateway.tests.signing import T0
from wireformat import codes
from wireformat.chained import Reading
from wireformat.cose import split


def export(config, *more: str) -> int:
    return cli.main(["export", "--config", str(config), *more])


def test_csv_has_each_channel_of_each_reading(store, config, meter, tmp_path, capsys):
    out = tmp_path / "out.csv"
    assert export(config, "--board", meter.address.hex()[:6], "--out", str(out)) == 0
    rows = list(csv.DictReader(out.open()))
    assert len(rows) == 40 * 2
    signed = Reading.from_payload(split(store.data_at(meter.address, 1, 3)).payload)
    row = next(r for r in rows if (r["epoch"], r["seq"], r["channel"]) == ("1", "3", "1"))
    assert [int(row[k]) for k in ("import_wh", "export_wh", "mean_w", "max_w", "mean_var")] == (
        signed.channels[1]
    )
    assert (row["time"], row["voltage_v"], row["max_a"]) == (iso(signed.time_s), "230.0", "2.000")
    assert row["clock_trusted"] == "1"


def test_senml_is_one_pack_with_base_fields(store, config, meter, mlmd, capsys):
    untrusted = meter.add(meter.reading(flags=codes.CLOCK_UNTRUSTED))
    assert untrusted
    assert export(config, "--format", "senml") == 0
    pack = json.loads(capsys.readouterr().out)
    bases = [entry for entry in pack if "bn" in entry]
    assert len(bases) == 70
    assert {entry["bver"] for entry in bases} == {26}
    assert bases[0]["bn"].rstrip(":") in (meter.address.hex(), mlmd.address.hex())
    assert {entry["u"] for entry in pack} == {"Wh", "W", "var", "V"}
    assert all(isinstance(entry["v"], int | float) for entry in pack)


def test_a_span_of_time_is_half_open(store, config, mlmd, capsys):
    board = mlmd.address.hex()
    span = ("--from", iso(T0 + 60), "--to", iso(T0 + 180))
    assert export(config, "--board", board, *span) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["time"] for row in rows] == [iso(T0 + 60), iso(T0 + 120)]


def test_wrong_wishes_have_names(store, config, tmp_path):
    with pytest.raises(NoSuchBoard):
        export(config, "--board", "ffff")
    with pytest.raises(BadTime):
        export(config, "--from", "yesterday")
    with pytest.raises(BackupExists):
        export(config, "--out", str(config))
