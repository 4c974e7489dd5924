"""A new machine with a new key takes an area over from a back-up (docs/gateway.md)."""

import asyncio
import contextlib
import shutil

import pytest

from gateway.tests.plant import Plant
from gateway.tests.test_with_ledger import journal, on_ledger, run, wait
from ledger import keys, setup
from wireformat import codes

pytestmark = pytest.mark.slow

OLD, NEW = 1, 2
"""Serials of the certificates."""


@contextlib.asynccontextmanager
async def metering(plant: Plant):
    """All boards write on meanwhile."""

    async def write() -> None:
        while True:
            for meter in plant.meters:
                meter.add()
            await asyncio.sleep(0.05)

    writing = asyncio.create_task(write())
    yield
    writing.cancel()


async def settled(plant: Plant) -> None:
    """Until every board's records are acked, and on the ledger once each."""
    for meter in plant.meters:
        count = len(meter.journal)
        await plant.until(lambda m=meter, c=count: m.acked == (1, c - 1))
        await plant.until(lambda m=meter, c=count: wait(on_ledger(plant, m), c))


async def saved_while_boards_write(plant: Plant, file: str) -> list[int]:
    """A back-up of the running gateway; how many records of each board it lacks at least."""
    async with metering(plant):
        asked = len(plant.bus.requests)
        await plant.keep("backup", file)
        assert len(plant.bus.requests) > asked, "nothing was collected meanwhile"
    return [len(meter.journal) for meter in plant.meters]


async def dies_with_records_that_only_boards_have(plant: Plant) -> None:
    """Some that came after the back-up are on the ledger; others were acked and never got there."""
    for meter in plant.meters:
        for _ in range(10):
            meter.add()
    await settled(plant)
    plant.ledger.kill()
    plant.ledger.wait()
    for meter in plant.meters:
        for _ in range(15):
            meter.add()
    for meter in plant.meters:
        await plant.until(lambda m=meter: m.acked == (1, len(m.journal) - 1))
    plant.kill_gateway()
    shutil.rmtree(plant.folder / plant.data)
    await plant.start_ledger()
    for meter in plant.meters:
        assert 0 < await on_ledger(plant, meter) <= len(meter.journal) - 15
        meter.add()


async def new_machine(plant: Plant) -> None:
    """Its own folder and key; the operator certifies that under a higher serial."""
    (plant.folder / "new").mkdir()
    plant.data, plant.key, plant.ack = "new/data", "new/gateway.key", "new/ack.cert"
    plant.seeds["gateway"] = keys.create_seed(plant.folder / plant.key)
    certificate = plant.certificate(codes.ACK, "gateway", NEW)
    (plant.folder / plant.ack).write_bytes(certificate)
    await plant.send("operator", setup.CertificateBody(certificate=certificate))
    plant.write_config()


def test_a_new_machine_takes_over_from_a_back_up_and_journals_close_the_gap(tmp_path):
    async def scenario(plant):
        await plant.enrol()
        for meter in plant.meters:
            for _ in range(20):
                meter.add()
        plant.start_gateway()
        await settled(plant)
        copy = str(tmp_path / "gw1.db")
        written = await saved_while_boards_write(plant, copy)
        await plant.keep("verify", "--db", copy)
        await dies_with_records_that_only_boards_have(plant)

        await new_machine(plant)
        await plant.keep("restore", copy)
        for meter, most in zip(plant.meters, written, strict=True):
            assert 20 <= len(plant.held(meter)) <= most, "the gap is after the back-up"
            assert meter.certificates[codes.ACK].serial == OLD
        plant.start_gateway()
        await settled(plant)
        await plant.until(lambda: plant.outbox() == 0)
        for meter in plant.meters:
            assert plant.held(meter) == journal(meter)
            assert meter.certificates[codes.ACK].serial == NEW
        await plant.until(lambda: plant.status()["notices"] == {})
        records = sum(len(meter.journal) for meter in plant.meters)
        verdict = f"{records} records of 2 boards: every signature, link and head is good"
        assert verdict in await plant.keep("verify")

    run(tmp_path, scenario)
