"""Gateway and ledger as processes: records go in, commands come out, whatever dies between."""

import asyncio
import random

import pytest

from gateway.tests.plant import Plant
from ledger import setup
from ledger.contracts.metering import BROKEN_PREV, EVIDENCE, LAST
from ledger.contracts.objects import DONE, Evidence, Intent, LastRecord, unpack
from ledger.rpc.client import RpcClient
from wireformat import cbor, codes

pytestmark = pytest.mark.slow


def run(tmp_path, scenario, meters=2):
    async def main():
        async with Plant(tmp_path, meters) as plant:
            await scenario(plant)

    asyncio.run(main())


def journal(meter):
    return [data for _, data in meter.journal]


async def on_ledger(plant, meter) -> int:
    """How many records of `meter` the ledger's chain has."""
    value = await plant.state(LAST + meter.address)
    return unpack(LastRecord, value).records if value else 0


def test_records_reach_the_ledger_whichever_process_starts_first(tmp_path):
    async def scenario(plant):
        for meter in plant.meters:
            for _ in range(100):
                meter.add()
        plant.start_gateway()
        await plant.until(lambda: "unknown_board" in str(plant.status()["notices"]))
        await plant.enrol()
        for meter in plant.meters:
            await plant.until(lambda meter=meter: meter.acked == (1, 99))
            assert plant.held(meter) == journal(meter)
            await plant.until(lambda meter=meter: wait(on_ledger(plant, meter), 100))
        await plant.until(lambda: plant.status()["outbox"] == 0)
        assert plant.stop_gateway() == 0

    run(tmp_path, scenario)


async def wait(count, wanted) -> bool:
    return await count == wanted


def test_a_price_above_the_owners_limit_opens_a_relay_and_the_outcome_is_on_the_ledger(tmp_path):
    async def scenario(plant):
        meter = plant.meters[0]
        meter.add()
        await plant.enrol()
        owner = setup.AccountBody(
            public_key=setup.keys.public_key(plant.seeds["prosumer"]), devices=[meter.address]
        )
        await plant.send("operator", owner)
        plant.start_gateway()
        await plant.until(lambda: meter.acked == (1, 0))
        wish = setup.PreferencesBody(
            device=meter.address,
            asset=0,
            price_limit=1,
            energy=0,
            priority=1,
            run_s=0,
            deadline_s=0,
            period_s=86_400,
            min_on_s=0,
            min_off_s=0,
            rated_w=2000,
        )
        await plant.send("prosumer", wish)
        await plant.until(lambda: meter.relays[0] == 0)
        await plant.until(lambda: plant.status()["commands"].get("done", 0) >= 1)

        async def closed():
            async with RpcClient(plant.url) as client:
                rows = cbor.decode(
                    (await client.abci_query("/list", cbor.encode({0: b"control/intent/"}))).value
                )
            return any(unpack(Intent, value).status == DONE for _, value in rows)

        await plant.until(closed)

    run(tmp_path, scenario)


def test_killed_at_random_instants_nothing_is_lost_and_nothing_is_twice(tmp_path):
    async def scenario(plant):
        rng = random.Random(3)
        await plant.enrol()
        for _ in range(4):
            for meter in plant.meters:
                for _ in range(rng.randrange(20, 60)):
                    meter.add()
            asked = len(plant.bus.requests)
            plant.start_gateway()
            await plant.until(lambda asked=asked: len(plant.bus.requests) > asked)
            await asyncio.sleep(rng.uniform(0.0, 0.8))
            plant.kill_gateway()
        plant.start_gateway()
        for meter in plant.meters:
            last = (1, len(meter.journal) - 1)
            await plant.until(lambda meter=meter, last=last: meter.acked == last)
            assert plant.held(meter) == journal(meter)
            count = len(meter.journal)
            await plant.until(lambda m=meter, c=count: wait(on_ledger(plant, m), c))
        assert plant.status()["notices"] == {}

    run(tmp_path, scenario)


def test_a_ledger_that_dies_delays_records_and_loses_none(tmp_path):
    async def scenario(plant):
        meter = plant.meters[0]
        await plant.enrol()
        meter.add()
        plant.start_gateway()
        await plant.until(lambda: wait(on_ledger(plant, meter), 1))
        plant.ledger.kill()
        plant.ledger.wait()
        for _ in range(70):
            meter.add()
        await plant.until(lambda: meter.acked == (1, 70))
        await plant.until(lambda: "ledger_unreachable" in str(plant.status()["notices"]))
        await plant.until(lambda: plant.status()["outbox"] >= 70)
        await plant.start_ledger()
        await plant.until(lambda: wait(on_ledger(plant, meter), 71))
        await plant.until(lambda: plant.status()["notices"] == {})

    run(tmp_path, scenario, meters=1)


def test_a_new_gateway_takes_over_a_chain_where_the_ledger_stands(tmp_path):
    async def scenario(plant):
        meter = plant.meters[0]
        await plant.enrol()
        for _ in range(10):
            meter.add()
        plant.start_gateway()
        await plant.until(lambda: wait(on_ledger(plant, meter), 10))
        plant.stop_gateway()
        (tmp_path / "data").rename(tmp_path / "lost")
        # The board needs the room: what was acked goes from its flash.
        del meter.journal[:9]
        meter.add()
        plant.start_gateway()
        await plant.until(lambda: wait(on_ledger(plant, meter), 11))
        assert plant.held(meter) == journal(meter)[1:]

    run(tmp_path, scenario, meters=1)


def test_gaps_in_a_journal_pass_on_to_the_ledger(tmp_path):
    async def scenario(plant):
        meter = plant.meters[0]
        await plant.enrol()
        for _ in range(3):
            meter.add()
        plant.start_gateway()
        await plant.until(lambda: wait(on_ledger(plant, meter), 3))
        keep = list(meter.journal)
        for _ in range(20):
            meter.add()
        # Lost: 3 to 14, told of by two events, and later 18.
        kept = [meter.journal[at] for at in (15, 16, 17, 19, 20, 21, 22)]
        meter.journal[:] = keep + kept
        for first, last in ((3, 8), (9, 14), (18, 18)):
            meter.add(meter.event(codes.EV_JOURNAL_GAP, (1, first, 1, last)))
        meter.add()
        await plant.until(lambda: meter.acked == (1, 26))
        await plant.until(lambda: wait(on_ledger(plant, meter), 14))
        assert "records_refused" not in plant.status()["notice_counts"], "a hole cost a pause"

    run(tmp_path, scenario, meters=1)


def test_a_second_history_under_a_boards_key_freezes_it_with_the_evidence(tmp_path):
    """A clone signs its own record in the next place: the gateway names it and tells the ledger."""

    async def scenario(plant):
        meter = plant.meters[0]
        for _ in range(3):
            meter.add()
        await plant.enrol()
        plant.start_gateway()
        await plant.until(lambda: meter.acked == (1, 2))
        meter.add(meter.reading(prev=bytes(range(16))))
        await plant.until(lambda: plant.status()["refusals"].get("broken_chain"))

        async def frozen():
            return await plant.state(EVIDENCE + meter.address)

        await plant.until(frozen)
        found = unpack(Evidence, await frozen())
        assert (found.reason, found.second) == (BROKEN_PREV, meter.journal[-1][1])
        await plant.until(lambda: "revoked_board" in str(plant.status()["notices"]))
        assert plant.stop_gateway() == 0

    run(tmp_path, scenario, meters=1)
