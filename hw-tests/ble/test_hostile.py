"""Who should not be on a board's BLE link, and what a board does about it."""

import asyncio
import contextlib
import itertools
import time

import pytest
from ble_bench import BleSite
from flood import COMMANDS, PER_S, Forger, Measure
from workbench import CHAIN, NOW_S

from gateway.collect.errors import CollectError, FrameRefused
from truewatt.emulator.ble.gatt import INSUFFICIENT_AUTHENTICATION, AttError, LinkLost
from truewatt.emulator.board import Charges
from truewatt.hostile.forgery import opened
from wireformat import ble_map, codes, mqtt_map
from wireformat.chained import Outcome, Reading

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

STRANGER = b"\x02evil\1"
WRITES = 250


def run(folder, scenario, **board):
    async def whole():
        async with BleSite(folder, **board) as site:
            site.bench.board.start()
            try:
                await scenario(site)
            finally:
                print(site.bench.board.exit_reason, site.bench.console()[-4000:])

    asyncio.run(whole())


async def stranger(site):
    """A connection of somebody else's radio."""
    await site.until(site.air.heard)
    return await site.air.connect(site.bench.radio, STRANGER)


def handles(site):
    stack = site.air.stacks[site.bench.radio]
    return {one.uuid: one.handle for one in stack.services[0].characteristics}


def said(site, text):
    return lambda: text in site.bench.console()


def test_a_stranger_reads_writes_and_hears_nothing_and_is_dropped(tmp_path):
    async def scenario(site):
        link = await stranger(site)
        heard = []
        link.on_notify = lambda handle, data: heard.append(data)
        at = handles(site)
        for uuid in (ble_map.IN, ble_map.GO):
            with pytest.raises(AttError) as refused:
                await link.write(at[uuid], b"\0\x10")
            assert refused.value.code == INSUFFICIENT_AUTHENTICATION
        # While he stalls nobody else gets in; after the stated time he is out.
        with pytest.raises(LinkLost):
            await site.air.connect(site.bench.radio, b"\x02other")
        await site.until(lambda: not link.open)
        assert "dropped: not paired" in site.bench.console()

        # Without keys a stack pairs with anybody: not authenticated, so it is no pairing for us.
        link = await stranger(site)
        with contextlib.suppress(LinkLost):
            await link.pair(None)
        await site.until(lambda: not link.open)
        assert "a central without the passkey" in site.bench.console()

        # Who knows the passkey and has nothing genuine to say is dropped as well.
        async def label():
            return site.bench.passkey

        link = await stranger(site)
        await link.pair(label)
        await site.until(lambda: not link.open)
        assert "dropped: does not listen" in site.bench.console()
        assert heard == []
        assert f"{site.bench.passkey:06d}" not in site.bench.console()

        link = await stranger(site)
        link.on_notify = lambda handle, data: heard.append(data)
        await link.pair(label)
        await link.exchange_mtu(517)
        await link.write(at[ble_map.GO], b"\0\x10")
        await site.until(lambda: heard)
        await site.until(lambda: not link.open)
        assert "dropped: nothing genuine from it" in site.bench.console()

        # After all of them the gateway would find its board.
        await site.until(site.air.heard)

    run(tmp_path, scenario, speed=40)


def test_a_wrong_passkey_is_refused_and_the_right_one_taken_later(tmp_path):
    async def scenario(site):
        site.write_passkey((site.bench.passkey + 1) % 1_000_000)
        site.start()
        key = f"ble {site.bench.name}"
        await site.until(lambda: "PairingRefused" in site.open_codes().get(key, ""))
        await site.until(said(site, "pairing failed; not to be found for"))
        assert site.stored() == []
        site.passkeys.write_text("# nothing\n")
        await site.until(lambda: "NoPasskey" in site.open_codes().get(key, ""))
        site.write_passkey(site.bench.passkey)
        await site.until(site.well)
        asked = site.bluez.asked

        # A bond is enough from then on, also after a power cut of the board.
        site.bench.board.kill()
        await site.until(lambda: not site.session.is_open)
        held = len(site.stored())
        site.bench.board.start()
        await site.until(lambda: len(site.stored()) > held + 2)
        assert site.bluez.asked == asked

        # Provisioned anew, it has another passkey and has forgotten who was paired.
        site.bench.board.kill()
        await site.until(lambda: not site.session.is_open)
        before = site.bench.passkey
        await asyncio.to_thread(site.bench.provision)
        assert site.bench.passkey != before
        site.write_passkey(site.bench.passkey)
        held = len(site.stored())
        site.bench.board.start()
        await site.until(lambda: len(site.stored()) > held + 2)
        assert site.bluez.asked > asked

    run(tmp_path, scenario, speed=40)


def test_a_small_mtu_is_refused_by_name_on_both_sides(tmp_path):
    async def scenario(site):
        site.bluez.mtu = 185
        site.start()
        key = f"ble {site.bench.name}"
        await site.until(lambda: "MtuTooSmall: MTU 185" in site.open_codes().get(key, ""))
        await site.stop()

        async def label():
            return site.bench.passkey

        link = await stranger(site)
        await link.pair(label)
        await link.exchange_mtu(185)
        await link.write(handles(site)[ble_map.GO], b"\0\x10")
        await site.until(lambda: not link.open)
        assert "dropped: MTU 185, at least 244" in site.bench.console()
        assert site.stored() == []

    run(tmp_path, scenario)


def test_a_jammed_air_holds_records_back_and_loses_none(tmp_path):
    async def scenario(site):
        site.start()
        await site.until(site.well)
        site.air.jam(site.bench.radio, True)
        epoch, seq = site.status.epoch, site.status.next_seq
        await asyncio.sleep(2)
        stack = site.air.stacks[site.bench.radio]
        assert max(len(link.held) for link in stack.connections.values()) <= 12
        site.air.jam(site.bench.radio, False)
        await site.until(lambda: site.status.next_seq > seq + 8 and site.well())
        assert site.status.epoch == epoch
        site.bench.board.kill()
        stored = site.stored()
        assert stored == site.bench.journal()[: len(stored)]
        assert site.store.refusals() == {}

    run(tmp_path, scenario)


async def flood(site, link):
    """WRITES, as many a second as he aims at, of the worst that one without a key can make of what
    he has seen, and of what is no frame; how many seconds they took."""
    at, began = handles(site), time.monotonic()
    forger = Forger(site.bench, site.stored()[-1], lambda: site.status.nonce)
    for number in range(WRITES):
        if number % 10 == 9:
            await link.write(at[ble_map.IN], bytes(number % 7))
            await link.write(at[ble_map.GO], b"\xff" * (number % 5))
        else:
            code, data = forger.frame(number)
            await link.write(at[ble_map.IN], mqtt_map.chunk(10_000 + number, code, data))
        await asyncio.sleep(max(0, began + number / PER_S - time.monotonic()))
    return time.monotonic() - began


async def order(site, counter):
    """Have the board do something; how many seconds that took. It is never too busy for it."""
    began = time.monotonic()
    data = site.bench.order(counter, codes.OPEN if counter & 1 else codes.CLOSE)
    while True:
        try:
            await site.collector.command(site.bench.address, data)
            return time.monotonic() - began
        except FrameRefused as error:
            if error.reason != codes.R_REPLAYED:
                raise
            return time.monotonic() - began
        except CollectError:
            assert time.monotonic() < began + 30
            await asyncio.sleep(0.1)


def test_a_flood_of_forgeries_holds_up_neither_readings_nor_commands(tmp_path):
    """From within the gateway's own machine: whoever may use its bond writes beside it."""

    async def scenario(site):
        site.start()
        await site.until(site.well)
        begun, ordered = len(site.stored()), 0
        measure = Measure(site.bench.board.pid)
        while not measure.known:
            measure.begin()
            took = []
            flooding = asyncio.create_task(flood(site, site.bluez.connection(site.bench.radio)))
            for _ in range(COMMANDS):
                await asyncio.sleep(1)
                ordered += 1
                took.append(await order(site, ordered))
            await site.until(site.well)  # acks find their way too
            measure.judge(took, WRITES / await flooding)

        def readings():
            rows = list(site.store.records(site.bench.address))
            return [row[3] for row in rows[begun:] if row[2] == Reading.CODE]

        # The flood's two or three, and the first after it: it stands in its place too.
        await site.until(lambda: len(readings()) > 2)
        await site.until(lambda: site.kinds().count(Outcome.CODE) == ordered)
        site.bench.board.kill()
        times = [opened(Reading.CODE, data, CHAIN).time_s for data in readings()]
        print(f"readings at {[time_s - NOW_S for time_s in times]} s")
        assert {later - sooner for sooner, later in itertools.pairwise(times)} == {2}
        assert site.store.refusals() == {}

    spec = {"charges": Charges()}
    run(tmp_path, scenario, speed=1, interval_s=2, boundary_s=4, spec=spec)
