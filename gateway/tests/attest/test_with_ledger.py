"""Gateway and ledger as processes, an emulated meter on the line: readings reach the ledger."""

import asyncio
import random

import pytest

from gateway.attest.devices import joining
from gateway.config import load_config
from gateway.tests.attest.kit import check_chain
from gateway.tests.plant import Plant
from gateway.tests.profiles.rigs import brisk
from gateway.tests.profiles.samples import sample
from ledger import setup
from ledger.contracts.metering import LAST
from ledger.contracts.objects import LastRecord, unpack
from ledger.keys import load_or_create_seed
from truewatt.emulator.commercial import EmulatedMeter, MeterLine
from truewatt.emulator.wires.tty import Tty

pytestmark = pytest.mark.slow

PLANT_BUS = """
[[bus]]
name = "plant"
port = "plant.tty"
baud = 115200
timeout_ms = 300
[[bus.meter]]
address = 7
name = "t1"
profile = "sdm630"
kind = "section"
max_power_w = 100000
"""


class DevicePlant(Plant):
    """A plant with an SDM630 at its transformer."""

    def write_config(self, rpc=""):
        path = super().write_config(rpc)
        path.write_text(path.read_text() + PLANT_BUS)
        return path

    def plug_meter(self):
        profile = brisk("sdm630")
        self.meter = EmulatedMeter(profile, 7, sample(profile))
        self.line = MeterLine(Tty(self.folder / "plant.tty"), [self.meter])
        self.line.attach()

    def device_seed(self) -> bytes:
        return load_or_create_seed(self.folder / "data" / "attest" / "t1.key")

    async def enrol_device(self):
        bodies = [
            setup.EnrolBody(enrolment=one.enrolment, area=1, section=b"")
            for one in joining(load_config(self.write_config()))
        ]
        await self.send("installer", *bodies)


async def on_ledger(plant, address):
    value = await plant.state(LAST + address)
    return unpack(LastRecord, value).records if value else 0


def test_killed_at_random_instants_the_chain_is_never_forked(tmp_path):
    async def scenario(plant):
        rng = random.Random(5)
        plant.plug_meter()
        await plant.enrol_device()
        address = setup.keys.address(plant.device_seed())

        def rows():
            store = plant.store()
            try:
                return list(store.records(address))
            finally:
                store.close()

        for _ in range(3):
            plant.start_gateway()
            count = len(rows()) if (plant.folder / "data" / "gateway.db").exists() else 0
            await plant.until(lambda count=count: len(rows()) >= count + 2)
            await asyncio.sleep(rng.uniform(0.0, 2.5))
            plant.kill_gateway()
        plant.start_gateway()
        seen = len(rows())
        await plant.until(lambda: len(rows()) >= seen + 2)

        async def all_there():
            return await on_ledger(plant, address) >= seen

        await plant.until(all_there)
        assert plant.stop_gateway() == 0
        check_chain(rows())
        assert {row[0] for row in rows()} == {1, 2, 3, 4}
        plant.line.detach()

    async def main():
        async with DevicePlant(tmp_path, 1) as plant:
            await scenario(plant)

    asyncio.run(main())
