"""`keep_days` in a running gateway: what is old and on the ledger goes, all else stays."""

import contextlib

import pytest

from gateway.tests.plant import SPEED, Plant
from gateway.tests.test_with_ledger import journal, on_ledger, run, wait
from ledger.clock import Clock

pytestmark = pytest.mark.slow

DAY_MS = 86_400_000


def pruned(plant: Plant, meter) -> int:
    """How many records of `meter` went."""
    with contextlib.closing(plant.store()) as store:
        found = store.retention.pruned(meter.address)
    return found.count if found else 0


async def two_days_later(plant: Plant) -> None:
    """As a machine that was off meanwhile; the ledger is still down."""
    plant.kill_gateway()
    plant.clock = Clock.starting_at(plant.clock.unix_ms() + 2 * DAY_MS, SPEED)
    plant.start_gateway()


def test_old_records_go_once_the_ledger_has_them_and_chains_go_on(tmp_path):
    async def scenario(plant):
        meter = plant.meters[0]
        plant.more = "keep_days = 1\n"
        await plant.enrol()
        for _ in range(10):
            meter.add()
        plant.start_gateway()
        await plant.until(lambda: wait(on_ledger(plant, meter), 10))
        await plant.until(lambda: plant.outbox() == 0)
        assert plant.held(meter) == journal(meter), "none is a day old"
        plant.ledger.kill()
        plant.ledger.wait()
        for _ in range(5):
            meter.add()
        await plant.until(lambda: meter.acked == (1, 14))

        await two_days_later(plant)
        await plant.until(lambda: plant.held(meter) == journal(meter)[10:])
        assert pruned(plant, meter) == 10
        for _ in range(3):
            meter.add()
        await plant.until(lambda: meter.acked == (1, 17))
        await plant.start_ledger()
        await plant.until(lambda: wait(on_ledger(plant, meter), 18))
        await plant.until(lambda: plant.outbox() == 0)
        assert plant.stop_gateway() == 0
        # The next round takes what the ledger has by now, and never what is young.
        plant.start_gateway()
        await plant.until(lambda: plant.held(meter) == journal(meter)[15:])
        assert pruned(plant, meter) == 15
        meter.add()
        await plant.until(lambda: meter.acked == (1, 18))
        await plant.until(lambda: wait(on_ledger(plant, meter), 19))
        verdict = "4 records of 1 boards: every signature, link and head is good"
        assert verdict in await plant.keep("verify")

    run(tmp_path, scenario, meters=1)
