"""Gateway and ledger after a restore from a backup: what one lost, the others still have."""

import contextlib
import shutil
import sqlite3

import pytest

from gateway.tests.plant import Plant
from gateway.tests.test_with_ledger import journal, on_ledger, run, wait

pytestmark = pytest.mark.slow


async def filled(plant: Plant, meter, records: int) -> None:
    """So many more records of `meter`, on the ledger and acked."""
    count = await on_ledger(plant, meter)
    for _ in range(records):
        meter.add()
    await plant.until(lambda: wait(on_ledger(plant, meter), count + records))
    await plant.until(lambda: meter.acked[1] == count + records - 1)


def test_a_gateway_restored_from_a_backup_goes_on_where_the_ledger_stands(tmp_path):
    async def scenario(plant):
        meter = plant.meters[0]
        await plant.enrol()
        plant.start_gateway()
        await filled(plant, meter, 5)
        assert plant.stop_gateway() == 0
        shutil.copytree(tmp_path / "data", tmp_path / "backup")
        plant.start_gateway()
        await filled(plant, meter, 5)
        plant.stop_gateway()
        shutil.rmtree(tmp_path / "data")
        shutil.copytree(tmp_path / "backup", tmp_path / "data")
        # What was acked is gone from the board, and the next nonce of the backup is used.
        del meter.journal[:9]
        plant.start_gateway()
        await filled(plant, meter, 3)
        assert plant.held(meter)[-3:] == journal(meter)[-3:]
        await plant.until(lambda: plant.status()["notices"] == {})

    run(tmp_path, scenario, meters=1)


def test_a_ledger_restored_from_a_backup_gets_again_what_it_lost(tmp_path):
    async def scenario(plant):
        meter = plant.meters[0]
        await plant.enrol()
        plant.start_gateway()
        await filled(plant, meter, 4)
        plant.ledger.terminate()
        plant.ledger.wait(10)
        shutil.copy(tmp_path / "ledger" / "chain.db", tmp_path / "chain.backup")
        with contextlib.closing(sqlite3.connect(tmp_path / "chain.backup")) as backup:
            (saved_height,) = backup.execute("SELECT max(height) FROM blocks").fetchone()
        await plant.start_ledger()
        await filled(plant, meter, 4)
        # Only a gateway that has verified what the back-up lacks can tell that it is gone.
        await plant.until(lambda: plant.status()["light"]["height"] > saved_height + 1)
        plant.ledger.terminate()
        plant.ledger.wait(10)
        for file in (tmp_path / "ledger").glob("chain.db-*"):
            file.unlink()
        shutil.copy(tmp_path / "chain.backup", tmp_path / "ledger" / "chain.db")
        await plant.start_ledger()
        meter.add()
        await plant.until(lambda: "ledger_forked" in str(plant.status()["notices"]))
        # A person decided that the restored history holds.
        plant.stop_gateway()
        (tmp_path / "data" / "light.db").unlink()
        plant.start_gateway()
        await plant.until(lambda: wait(on_ledger(plant, meter), 9))
        assert plant.held(meter) == journal(meter)

    run(tmp_path, scenario, meters=1)
