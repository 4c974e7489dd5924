"""Gateway and ledger as processes, an emulated meter on the line: readings reach the ledger."""

import asyncio
import random

import pytest

from gateway.attest.devices import joining
from gateway.config import load_config
from gateway.profiles.sample import sample
from gateway.tests.attest.kit import check_chain
from gateway.tests.plant import Plant
from gateway.tests.profiles.rigs import brisk
from gateway.tests.signing import T0
from ledger import keys, setup
from ledger.clock import Clock
from ledger.contracts.metering import LAST
from ledger.contracts.objects import DONE, LIMIT_KIND, Intent, LastRecord, unpack
from ledger.rpc.client import RpcClient
from truewatt.emulator.commercial import EmulatedActuator, EmulatedMeter, Measured, MeterLine
from truewatt.emulator.wires.tty import Tty
from wireformat import cbor, codes

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
[[bus.meter]]
address = 31
name = "c1"
profile = "ev_charger"
phases = 1
max_power_w = 3680
"""


class DevicePlant(Plant):
    """A plant with an SDM630 at its transformer and a charger."""

    def __init__(self, folder, meters):
        super().__init__(folder, meters)
        # A minute passes in half a second: devices are read in step with it.
        self.clock = Clock.starting_at(T0 * 1000, 120.0)

    def write_config(self, rpc=""):
        path = super().write_config(rpc)
        path.write_text(path.read_text() + PLANT_BUS)
        return path

    def plug_meter(self):
        profile = brisk("sdm630")
        self.meter = EmulatedMeter(profile, 7, sample(profile))
        self.charger = EmulatedActuator(brisk("ev_charger"), 31, self.clock.mono_ms, phases=1)
        self.charger.measure(Measured([230.0], [2000.0], 5000).values(self.charger.profile))
        self.line = MeterLine(Tty(self.folder / "plant.tty"), [self.meter, self.charger])
        self.line.attach()

    def address(self, name: str) -> bytes:
        return keys.address(keys.load_seed(self.folder / "data" / "attest" / f"{name}.key"))

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
        address = plant.address("t1")

        def rows():
            store = plant.store()
            try:
                return list(store.records(address))
            finally:
                store.close()

        for _ in range(2):
            plant.start_gateway()
            count = len(rows()) if (plant.folder / "data" / "gateway.db").exists() else 0
            await plant.until(lambda count=count: len(rows()) >= count + 2)
            await asyncio.sleep(rng.uniform(0.0, 0.8))
            plant.kill_gateway()
        plant.start_gateway()
        seen = len(rows())
        await plant.until(lambda: len(rows()) >= seen + 2)

        async def all_there():
            return await on_ledger(plant, address) >= seen

        await plant.until(all_there)
        assert plant.stop_gateway() == 0
        check_chain(rows())
        assert {row[0] for row in rows()} == {1, 2, 3}
        plant.line.detach()

    async def main():
        async with DevicePlant(tmp_path, 1) as plant:
            await scenario(plant)

    asyncio.run(main())


def test_a_price_above_the_owners_limit_stops_a_charger_and_the_outcome_is_on_the_ledger(tmp_path):
    async def scenario(plant):
        plant.plug_meter()
        await plant.enrol_device()
        device = plant.address("c1")
        owner = setup.AccountBody(
            public_key=keys.public_key(plant.seeds["prosumer"]), devices=[device]
        )
        await plant.send("operator", owner)
        plant.start_gateway()
        await plant.until(lambda: plant.charger.limit_w == 3680 and plant.charger.written)
        wish = setup.PreferencesBody(
            device=device,
            asset=0,
            price_limit=1,
            energy=0,
            priority=1,
            run_s=0,
            deadline_s=0,
            period_s=86_400,
            min_on_s=0,
            min_off_s=0,
            rated_w=3680,
            kind=LIMIT_KIND,
            least_w=1380,
        )
        await plant.send("prosumer", wish)
        await plant.until(lambda: plant.charger.limit_w == 0)

        async def closed():
            async with RpcClient(plant.url) as client:
                query = cbor.encode({0: b"control/intent/"})
                rows = cbor.decode((await client.abci_query("/list", query)).value)
            intents = [unpack(Intent, value) for _, value in rows]
            return [
                (i.action, i.value, i.state)
                for i in intents
                if i.target == device and i.status == DONE
            ]

        await plant.until(closed)
        assert (await closed())[0] == (codes.SET_LIMIT, 0, 0)
        await plant.until(lambda: plant.status()["commands"].get("done"))
        plant.line.detach()

    async def main():
        async with DevicePlant(tmp_path, 1) as plant:
            await scenario(plant)

    asyncio.run(main())
