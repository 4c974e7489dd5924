"""A back-up is one moment of a store in use; a restore never overwrites anything."""

import subprocess
import sys

import pytest

from gateway import cli
from gateway.keep.backup import back_up, restore
from gateway.keep.errors import BackupExists, BackupUnsound, StoreInPlace
from gateway.store import Store
from gateway.tests import storing


def test_a_copy_taken_under_a_writer_holds_all_that_was_acked_before(tmp_path):
    path = tmp_path / "gateway.db"
    writer = subprocess.Popen(
        [sys.executable, storing.__file__, str(path), "100000"], stdout=subprocess.PIPE, text=True
    )
    try:
        for copy in range(5):
            acked = max(int(writer.stdout.readline()) for _ in range(20))
            target = tmp_path / f"copy{copy}.db"
            back_up(path, target)
            kept = Store.open_readonly(target)
            (head,) = kept.heads().values()
            assert head.seq >= acked
            assert sum(kept.counts().values()) == head.seq + 1
            kept.close()
    finally:
        writer.kill()
        writer.communicate()


def test_a_back_up_takes_no_ones_place(store, path, tmp_path):
    target = tmp_path / "there"
    target.write_text("something else")
    with pytest.raises(BackupExists):
        back_up(path, target)
    assert target.read_text() == "something else"


def test_restored_is_what_was_saved(store, path, config, tmp_path, meter, capsys):
    copy = tmp_path / "copy.db"
    assert cli.main(["backup", "--config", str(config), str(copy)]) == 0
    with pytest.raises(StoreInPlace):
        restore(copy, path)
    records = list(store.records(meter.address))
    store.close()
    for file in path.parent.glob("gateway.db*"):
        file.unlink()
    assert cli.main(["restore", "--config", str(config), str(copy)]) == 0
    assert path.stat().st_mode & 0o777 == 0o600
    back = Store.open(path)
    assert list(back.records(meter.address)) == records
    back.close()
    assert cli.main(["verify", "--config", str(config)]) == 0


@pytest.mark.parametrize("damage", ["cut", "overwritten", "empty", "text"])
def test_what_is_no_whole_copy_is_not_restored(store, path, tmp_path, damage):
    copy = tmp_path / "copy.db"
    back_up(path, copy)
    data = bytearray(copy.read_bytes())
    damaged = {
        "cut": data[: len(data) // 2],
        "overwritten": data[:8192] + b"\xa5" * 4096 + data[12288:],
        "empty": b"",
        "text": b"not a database, but long enough to be taken for one" * 100,
    }[damage]
    copy.write_bytes(damaged)
    with pytest.raises(BackupUnsound):
        restore(copy, tmp_path / "elsewhere.db")
    assert not (tmp_path / "elsewhere.db").exists()
