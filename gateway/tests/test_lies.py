"""A node that lies: every answer that doesn't verify is refused by name, counted, not believed."""

import asyncio
import base64
import contextlib

import pytest

from gateway.admit import Board
from gateway.collect.collector import Collector
from gateway.directory import Directory, Entry
from gateway.enforce import Enforcer
from gateway.ledger_link import LedgerBehind, LedgerLied, LedgerUnreachable
from gateway.light_node import LightNode
from gateway.notices import Notices
from gateway.registry_view import DEVICE, RegistryView
from gateway.rpc_link import RpcLink
from gateway.store import Store
from gateway.store_thread import StoreThread
from gateway.tests.plant import Plant
from gateway.tests.signing import CHAIN, T0, seal
from ledger.genesis import Genesis
from truewatt.hostile.lying_node import (
    HEADER_LIES,
    LyingNode,
    absence_lie,
    height_lie,
    listed_commands,
    proof_lie,
    value_lie,
)
from wireformat import cbor, codes
from wireformat.control import Command


class Half:
    """The ledger's side of a gateway, in this process, behind a node that may lie."""

    def __init__(self, plant: Plant, url: str) -> None:
        self.link = RpcLink(url)
        genesis = Genesis.load(plant.folder / "ledger" / "genesis.json")
        path = plant.folder / "light.db"
        self.node = LightNode(self.link, genesis, path, plant.clock, 86_400)
        self.store = StoreThread(Store.open(plant.folder / "gateway.db"))
        self.directory = Directory()
        self.registry = RegistryView(
            self.node, self.link, self.store, self.directory, plant.clock, 1, CHAIN, plant.root
        )
        notices = Notices()
        self.enforcer = Enforcer(
            self.node,
            self.link,
            self.store,
            Collector.__new__(Collector),
            self.directory,
            notices,
            plant.clock,
            1,
            CHAIN,
            plant.root,
        )

    async def close(self) -> None:
        await self.link.close()
        self.node.close()
        self.store.close()


def run(tmp_path, scenario):
    async def main():
        async with Plant(tmp_path, 1) as plant:
            await plant.enrol()
            await plant.provable(DEVICE + plant.meters[0].address)
            async with LyingNode(plant.url) as liar:
                half = Half(plant, liar.url)
                with contextlib.suppress(asyncio.CancelledError):
                    await scenario(plant, liar, half)
                await half.close()

    asyncio.run(main())


def test_headers_that_do_not_verify_are_not_followed(tmp_path):
    async def scenario(plant, liar, half):
        for number, (name, lie) in enumerate(HEADER_LIES.items(), 1):
            liar.lie = lie
            with pytest.raises(LedgerLied):
                await half.node.follow()
            assert (half.node.height, half.node.lies) == (0, number), name
        liar.honest()
        assert await half.node.follow() > 0

    run(tmp_path, scenario)


def test_values_without_their_proof_are_not_believed(tmp_path):
    async def scenario(plant, liar, half):
        await half.node.follow()
        meter = plant.meters[0]
        half.directory.wanted.add(meter.address)
        for lie in (value_lie, absence_lie, proof_lie, height_lie):
            half.directory.wanted.add(meter.address)
            liar.lie = lie
            with pytest.raises(LedgerBehind if lie is height_lie else LedgerLied):
                await half.registry.refresh()
            assert half.directory.board(meter.address) is None, lie.__doc__
        liar.honest()
        await half.registry.refresh()
        assert half.directory.board(meter.address).public_key == meter.public_key
        assert half.store.store.cache.get(DEVICE + meter.address)

    run(tmp_path, scenario)


def forged_command(plant, seed):
    record = Command(
        id=bytes(8),
        counter=1,
        target=plant.meters[0].address,
        asset=0,
        action=codes.OPEN,
        value=0,
        not_before_s=T0,
        expires_s=T0 + 10**6,
        height=1,
        index=0,
    )
    return seal(seed, record)


def test_a_command_without_its_key_or_its_intent_is_not_taken(tmp_path):
    """Signed by a stolen gateway key: a lie. By the control key, without an intent: not taken."""

    async def scenario(plant, liar, half):
        await half.node.follow()
        await half.registry.refresh()
        rows = cbor.encode([forged_command(plant, plant.seeds["gateway"])])
        liar.lie = listed_commands(rows)
        with pytest.raises(LedgerLied, match="control key did not sign"):
            await half.enforcer.fetch()
        rows = cbor.encode([forged_command(plant, plant.seeds["control"])])
        liar.lie = listed_commands(rows)
        await half.enforcer.fetch()
        assert half.store.store.commands.counts() == {}

    run(tmp_path, scenario)


def test_a_control_certificate_of_another_root_is_not_believed(tmp_path):
    async def scenario(plant, liar, half):
        await half.node.follow()

        def lie(method, params, result):
            if method == "abci_query" and params["path"] == "/certificate":
                forged = plant.certificate(codes.ACK, "gateway", 9)
                result["response"]["value"] = base64.b64encode(forged).decode()

        liar.lie = lie
        with pytest.raises(LedgerLied, match="control certificate"):
            await half.registry.refresh()
        assert half.directory.control is None

    run(tmp_path, scenario)


def test_a_chain_of_other_validators_is_not_followed(tmp_path):
    async def scenario(plant, liar, half):
        other = tmp_path / "other"
        other.mkdir()
        stranger = Plant(other, 1)
        genesis = Genesis.load(other / "ledger" / "genesis.json")
        node = LightNode(half.link, genesis, other / "light.db", stranger.clock, 86_400)
        with pytest.raises(LedgerLied, match="other validators than the genesis"):
            await node.follow()
        node.close()

    run(tmp_path, scenario)


def test_no_node_at_all_is_named(tmp_path):
    async def scenario(plant, liar, half):
        plant.ledger.kill()
        plant.ledger.wait()
        lost = Half(plant, plant.url)
        with pytest.raises(LedgerUnreachable, match=plant.url):
            await lost.node.follow()
        await lost.close()

    run(tmp_path, scenario)


def test_what_was_proven_serves_while_the_ledger_is_away(tmp_path):
    async def scenario(plant, liar, half):
        await half.node.follow()
        half.directory.put(Entry(Board(bytes(20), bytes(32), 1, 1, 1)))
        meter = plant.meters[0]
        half.directory.wanted.add(meter.address)
        await half.registry.refresh()
        again = Half.__new__(Half)
        again.directory = Directory()
        view = RegistryView(
            half.node, half.link, half.store, again.directory, plant.clock, 1, CHAIN, plant.root
        )
        await view.load()
        assert again.directory.board(meter.address).public_key == meter.public_key
        assert again.directory.control == half.directory.control

    run(tmp_path, scenario)
