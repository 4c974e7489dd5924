"""Chargers and batteries obey signed commands within their limits, and fall back by themselves."""

import asyncio
import contextlib
import time

import pytest

from gateway.attest import obey
from gateway.collect.errors import CollectError
from gateway.config import MeterConfig
from gateway.tests.attest.kit import check_chain, run
from gateway.tests.profiles.rigs import brisk
from gateway.tests.site import GATEWAY
from truewatt.emulator.commercial import EmulatedActuator, Measured
from truewatt.emulator.commercial.storage import EmulatedStorage
from wireformat import codes

CHARGER = MeterConfig(31, "c1", "ev_charger", max_power_w=11_040)
BATTERY = MeterConfig(21, "b1", "sunspec_storage", energy="battery")
DONE, REFUSED, EXPIRED = codes.DONE, codes.REFUSED, codes.EXPIRED


@pytest.fixture(autouse=True)
def _brisk(monkeypatch):
    monkeypatch.setattr("gateway.attest.driver.find_profile", brisk)


def charger(site, phases=3):
    device = EmulatedActuator(brisk("ev_charger"), 31, site.clock.mono_ms, phases=phases)
    device.measure(Measured([230.0] * 3, [1000.0] * 3, 50_000).values(device.profile))
    return device


async def charging(site, config=CHARGER, **kwargs):
    device = charger(site, **kwargs)
    site.plug(device)
    site.enrol("c1", relays=1)
    site.start(config)
    await site.until(lambda: site.readings("c1"))
    return device


async def storing(site):
    device = EmulatedStorage(21, site.clock.mono_ms, rated_w=5000, serial="B77")
    device.measure(Measured([231.0], [-1200.0], 70_000, 40_000), 0.4)
    site.plug(device)
    site.enrol("b1", relays=1)
    site.start(BATTERY)
    await site.until(lambda: site.readings("b1"))
    return device


def test_a_charger_follows_a_limit_and_answers_with_what_it_read_back(tmp_path):
    async def scenario(site):
        device = await charging(site)
        assert device.limit_w == 11_040
        assert await site.order("c1", codes.SET_LIMIT, 5000) == codes.R_NONE
        # 5000 W are 7.246 A a phase; steps of 0.1 A, never above.
        assert device.limit_w == 4968
        assert site.outcomes("c1") == [(1, DONE, codes.R_NONE, 4968)]
        assert await site.order("c1", codes.SET_LIMIT, 3000, 2) == codes.R_NONE
        assert device.limit_w == 0, "below 6 A there is only off"
        on = [bool(r.flags & codes.RELAY_1_CLOSED) for r in site.records("c1")]
        assert (on[0], on[-1]) == (True, False)
        assert await site.order("c1", codes.CLOSE, 0, 3) == codes.R_NONE
        assert device.limit_w == 11_040
        assert await site.order("c1", codes.OPEN, 0, 4) == codes.R_NONE
        assert [row[1:] for row in site.outcomes("c1")[1:]] == [
            (DONE, 0, 0), (DONE, 0, 1), (DONE, 0, 0)
        ]  # fmt: skip
        check_chain(list(site.store.records(site.signer("c1").address)))

    run(tmp_path, scenario)


def test_the_wired_phases_turn_watts_into_amperes(tmp_path):
    async def scenario(site):
        config = MeterConfig(31, "c1", "ev_charger", phases=1, max_power_w=11_040)
        device = await charging(site, config, phases=1)
        assert await site.order("c1", codes.SET_LIMIT, 3000) == codes.R_NONE
        assert device.limit_w == 2990

    run(tmp_path, scenario)


def test_a_battery_charges_and_discharges_as_it_is_told(tmp_path):
    async def scenario(site):
        device = await storing(site)
        reading = site.readings("b1")[0]
        assert reading.channels == [[70_000, 40_000, -1200, 1200, 0]]
        assert device.setpoint_w is None
        assert await site.order("b1", codes.CHARGE, 2500) == codes.R_NONE
        assert device.setpoint_w == 2500
        assert await site.order("b1", codes.DISCHARGE, 3000, 2) == codes.R_NONE
        assert device.setpoint_w == -3000
        assert await site.order("b1", codes.DISCHARGE, 5001, 3) == codes.R_BAD_VALUE
        assert device.setpoint_w == -3000
        assert site.outcomes("b1") == [
            (1, DONE, 0, 2500), (2, DONE, 0, 3000), (3, REFUSED, codes.R_BAD_VALUE, 0)
        ]  # fmt: skip

    run(tmp_path, scenario)


def test_what_ends_is_restored_and_until_then_the_device_is_reminded(tmp_path):
    async def scenario(site):
        device = await storing(site)
        expires_s = site.clock.unix_ms() // 1000 + 400
        assert await site.order("b1", codes.CHARGE, 2000, expires_s=expires_s) == codes.R_NONE
        # Far longer than the inverter's own timer of 120 s.
        await site.until(lambda: site.clock.unix_ms() // 1000 > expires_s - 60)
        assert device.setpoint_w == 2000
        await site.until(lambda: device.setpoint_w is None)
        assert site.clock.unix_ms() // 1000 >= expires_s
        assert site.outcomes("b1") == [(1, DONE, 0, 2000)]

    run(tmp_path, scenario)


def test_at_its_end_a_limit_gives_way_to_the_default_not_to_the_safe_state(tmp_path):
    async def scenario(site):
        device = await charging(site)
        expires_s = site.clock.unix_ms() // 1000 + 100
        await site.order("c1", codes.SET_LIMIT, 5000, expires_s=expires_s)
        assert device.limit_w == 4968
        await site.until(lambda: device.limit_w != 4968)
        assert site.clock.unix_ms() // 1000 >= expires_s
        assert device.limit_w == 11_040

    run(tmp_path, scenario)


def test_a_command_that_ends_while_it_is_persisted_is_not_run(tmp_path):
    async def scenario(site):
        device = await charging(site)
        keep_notes, expires_s = site.store.keep_notes, site.clock.unix_ms() // 1000 + 100

        def slow(address, notes):
            keep_notes(address, notes)
            while site.clock.unix_ms() // 1000 < expires_s:
                time.sleep(0.01)

        site.store.keep_notes = slow
        assert await site.order("c1", codes.SET_LIMIT, 5000, expires_s=expires_s) == codes.R_EXPIRED
        assert device.limit_w != 4968, "what 5000 W would have set"
        assert site.outcomes("c1") == [(1, EXPIRED, codes.R_EXPIRED, 0)]

    run(tmp_path, scenario)


@pytest.mark.parametrize("make", [charging, storing])
def test_a_dead_gateway_leaves_the_device_in_its_own_safe_state(tmp_path, make):
    async def scenario(site):
        device = await make(site)
        name, action = ("c1", codes.OPEN) if make is charging else ("b1", codes.DISCHARGE)
        assert await site.order(name, action, 0 if make is charging else 1000) == codes.R_NONE
        await site.stop()
        if make is charging:
            assert device.limit_w == 0
            await site.until(lambda: device.limit_w == 3 * 230 * 6)
        else:
            assert device.setpoint_w == -1000
            await site.until(lambda: device.setpoint_w is None)

    run(tmp_path, scenario)


def test_each_refusal_has_its_name_and_nothing_is_written(tmp_path):
    async def scenario(site):
        device = await charging(site)
        now_s = site.clock.unix_ms() // 1000
        before = list(device.written)
        cases = [
            ({"key": GATEWAY}, codes.R_UNKNOWN_KEY),
            ({"target": b"\x01" * 20}, codes.R_WRONG_TARGET),
            ({"not_before_s": now_s + 10**6, "expires_s": now_s + 2 * 10**6}, codes.R_NOT_YET),
            ({"counter": 11, "expires_s": now_s - 10}, codes.R_EXPIRED),
            ({"counter": 12, "asset": 1}, codes.R_NO_SUCH_ASSET),
            ({"counter": 13, "value": 11_500}, codes.R_BAD_VALUE),
            ({"counter": 14, "action": codes.DISCHARGE}, codes.R_BAD_VALUE),
            ({"counter": 15, "action": codes.OPEN}, codes.R_BAD_VALUE),
            ({"counter": 15}, codes.R_REPLAYED),
        ]
        for changes, reason in cases:
            fields = {"action": codes.SET_LIMIT, "value": 6000, "counter": 10, **changes}
            found = await site.order("c1", **fields)
            assert codes.REASONS[found] == codes.REASONS[reason], changes
        address = site.signer("c1").address
        spoilt = bytearray(site.command("c1", codes.OPEN, counter=20))
        spoilt[-1] ^= 1
        with pytest.raises(CollectError, match="bad signature"):
            await site.collector.command(address, bytes(spoilt))
        site.time_is_sound = False
        assert await site.order("c1", codes.OPEN, 0, 20) == codes.R_CLOCK_UNTRUSTED
        site.time_is_sound = True
        site.directory.drop_control()
        assert await site.order("c1", codes.OPEN, 0, 20) == codes.R_UNKNOWN_KEY
        assert device.written == before
        # Only what is refused for good is an outcome.
        assert [row[:3] for row in site.outcomes("c1")] == [
            (11, EXPIRED, codes.R_EXPIRED), (12, REFUSED, codes.R_NO_SUCH_ASSET),
            (13, REFUSED, codes.R_BAD_VALUE), (14, REFUSED, codes.R_BAD_VALUE),
            (15, REFUSED, codes.R_BAD_VALUE),
        ]  # fmt: skip

    run(tmp_path, scenario)


def test_a_silent_device_leaves_its_command_open_and_one_that_does_not_follow_ends_it(tmp_path):
    async def scenario(site):
        device = await charging(site)
        device.silent = True
        with pytest.raises(CollectError):
            await site.order("c1", codes.OPEN)
        assert site.outcomes("c1") == []
        device.silent, reason = False, None
        while reason is None:
            # A word that is lost, on a busy machine too, has it set to its default again first: a
            # device that is stuck by then does not follow that, and no command is tried.
            device.stuck = False
            await site.until(lambda: "c1" not in site.open_codes())
            device.stuck = True
            with contextlib.suppress(CollectError):
                reason = await site.order("c1", codes.OPEN)
        assert reason == codes.R_HARDWARE
        assert site.outcomes("c1") == [(1, REFUSED, codes.R_HARDWARE, 0)]

    run(tmp_path, scenario)


def test_a_command_that_a_crash_interrupted_is_answered_for_and_not_repeated(tmp_path, monkeypatch):
    class Crash(BaseException):
        pass

    async def crash(self, *_):
        raise Crash

    async def before(site):
        device = await storing(site)
        with monkeypatch.context() as patch:
            patch.setattr(obey.Obedience, "_end", crash)
            with pytest.raises(Crash):
                await site.order("b1", codes.CHARGE, 2000)
        assert device.setpoint_w == 2000
        assert site.outcomes("b1") == []

    async def after(site):
        device = await storing(site)
        await site.until(lambda: site.outcomes("b1"))
        assert site.outcomes("b1") == [(1, REFUSED, codes.R_INTERRUPTED, 0)]
        assert device.setpoint_w is None
        assert await site.order("b1", codes.CHARGE, 2000) == codes.R_REPLAYED
        check_chain(list(site.store.records(site.signer("b1").address)))

    run(tmp_path, before)
    run(tmp_path, after)


def test_after_a_start_without_a_ledger_a_device_is_in_its_default_all_the_same(tmp_path):
    async def scenario(site):
        device = charger(site)
        device.answer(bytes.fromhex("10 0105 0001 02 003c"), 0.0)
        assert device.limit_w == 4140
        site.plug(device)
        site.enrol("c1", relays=1, fresh=False)
        site.start(CHARGER)
        await site.until(lambda: device.limit_w == 11_040)
        assert site.records("c1") == []

    run(tmp_path, scenario)


def test_a_device_that_is_revoked_is_let_go_at_once(tmp_path):
    async def scenario(site):
        device = await charging(site)
        assert await site.order("c1", codes.SET_LIMIT, 5000) == codes.R_NONE
        assert device.limit_w == 4968
        site.enrol("c1", relays=1, revoked=True)
        await site.until(lambda: device.limit_w == 11_040)
        await site.until(lambda: site.open_codes() == {"c1": "revoked_board"})
        count = len(site.records("c1"))
        await asyncio.sleep(0.5)
        assert len(site.records("c1")) == count

    run(tmp_path, scenario)


def test_a_device_that_must_not_be_controlled_is_never_written_to(tmp_path):
    async def scenario(site):
        config = MeterConfig(31, "c1", "ev_charger", max_power_w=11_040, control=False)
        device = await charging(site, config)
        assert await site.order("c1", codes.OPEN) == codes.R_NO_SUCH_ASSET
        assert device.written == []
        assert site.outcomes("c1") == [(1, REFUSED, codes.R_NO_SUCH_ASSET, 0)]

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (MeterConfig(21, "b1", "sunspec_storage", serial="B78"), "serial 'B77', not 'B78'"),
        (MeterConfig(31, "b1", "sunspec_storage"), "no SunSpec map"),
        (MeterConfig(21, "b1", "ev_charger"), "no Energy Control"),
    ],
)
def test_another_device_at_the_address_is_neither_signed_for_nor_written_to(tmp_path, config, says):
    async def scenario(site):
        wallbox = charger(site)
        site.plug(EmulatedStorage(21, site.clock.mono_ms, serial="B77"), wallbox)
        site.enrol("b1", relays=1)
        site.start(config)
        await site.until(lambda: site.open_codes() == {"b1": "wrong_meter"})
        assert says in str(site.notices.open()["b1"].error)
        assert site.records("b1") == []
        assert wallbox.written == []

    run(tmp_path, scenario)
