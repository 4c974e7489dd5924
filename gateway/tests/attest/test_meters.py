"""A commercial meter's readings become a signed chain like a board's."""

from dataclasses import replace

import pytest

from gateway.config import MeterConfig
from gateway.profiles.sample import sample
from gateway.store import Head, StoreError
from gateway.tests.attest.kit import check_chain, run
from gateway.tests.profiles.rigs import brisk
from gateway.tests.signing import T0
from truewatt.emulator.commercial import EmulatedMeter, MeterTcp
from wireformat import codes

METER = MeterConfig(7, "t1", "sdm630", "section", max_power_w=100_000)


def sdm(name="sdm630", address=7, **values):
    profile = brisk(name)
    return EmulatedMeter(profile, address, {**sample(profile), **values})


@pytest.fixture(autouse=True)
def _brisk(monkeypatch):
    monkeypatch.setattr("gateway.attest.driver.find_profile", brisk)


def test_a_reading_each_minute_with_the_meters_own_register(tmp_path):
    async def scenario(site):
        meter = sdm(import_wh=5_000_000, export_wh=2000, power_w=-1500)
        site.plug(meter)
        site.enrol("t1")
        site.start(METER)
        await site.until(lambda: len(site.readings("t1")) >= 2)
        meter.measure({**sample(meter.profile), "import_wh": 5_000_040, "export_wh": 2000})
        await site.until(lambda: site.readings("t1")[-1].channels[0][0] == 5_000_040)
        first, *_ = site.records("t1")
        assert (first.TYPE, first.kind) == ("event", codes.EV_BOOT)
        reading = site.readings("t1")[0]
        assert reading.channels == [[5_000_000, 2000, -1500, 1500, 0]]
        assert (reading.voltage_dv, reading.max_ma) == (2304, 4500)
        assert site.open_codes() == {}
        check_chain(list(site.store.records(site.signer("t1").address)))
        assert len(site.store.outbox) == len(site.records("t1"))

    run(tmp_path, scenario)


def test_nothing_is_signed_before_the_registry_and_the_ledger_say_so(tmp_path):
    async def scenario(site):
        site.plug(sdm())
        site.start(METER)
        await site.until(lambda: site.open_codes() == {"t1": "unknown_board"})
        assert site.signer("t1").address in site.directory.wanted
        # What an earlier run proved is not enough: this store may be a restored one.
        site.enrol("t1", fresh=False)
        await site.until(lambda: site.open_codes() == {})
        await site.until(lambda: site.collector.workers[0].places[0].seen.held)
        assert site.records("t1") == []
        site.enrol("t1", last=Head(8, 3, b"\x07" * 32, 0))
        await site.until(lambda: site.readings("t1"))
        first = site.records("t1")[0]
        assert (first.epoch, first.seq, first.prev) == (9, 0, b"\x07" * 16)

    run(tmp_path, scenario)


def test_an_unplugged_meter_is_told_once_and_does_not_hold_up_the_other(tmp_path):
    async def scenario(site):
        dead, alive = sdm(), sdm("sdm120", 8)
        site.plug(dead, alive)
        site.enrol("t1")
        site.enrol("h1")
        site.start(METER, MeterConfig(8, "h1", "sdm120", max_power_w=20_000))
        await site.until(lambda: site.readings("t1") and site.readings("h1"))
        dead.silent = True
        await site.until(lambda: site.open_codes() == {"t1": "no_reply"})
        before = len(site.readings("h1"))
        await site.until(lambda: len(site.readings("h1")) >= before + 4)
        told = [codes.EV_BOOT, codes.EV_SENSOR_FAULT]
        await site.until(lambda: site.events("t1") == told)
        dead.silent = False
        done = len(site.readings("t1"))
        await site.until(lambda: len(site.readings("t1")) >= done + 2)
        flags = [r.flags & codes.SENSOR_FAULT for r in site.readings("t1")[done:]]
        assert flags[0]
        assert not flags[1]

    run(tmp_path, scenario)


def test_another_model_at_the_address_is_told_by_name_and_signed_for_never(tmp_path):
    async def scenario(site):
        site.plug(sdm("em340"))
        site.enrol("t1")
        site.start(METER)
        await site.until(lambda: site.open_codes() == {"t1": "wrong_meter"})
        assert site.readings("t1") == []

    run(tmp_path, scenario)


def test_a_lost_adapter_comes_back_by_itself(tmp_path):
    async def scenario(site):
        meter = sdm()
        site.plug(meter)
        site.enrol("t1")
        site.start(METER)
        await site.until(lambda: site.readings("t1"))
        site.unplug()
        await site.until(lambda: site.open_codes().get("plant") == "bus_lost")
        count = len(site.readings("t1"))
        site.plug(meter)
        await site.until(lambda: len(site.readings("t1")) > count)
        check_chain(list(site.store.records(site.signer("t1").address)))

    run(tmp_path, scenario)


def test_a_meter_on_modbus_tcp_is_read_and_found_again_after_its_port_was_gone(tmp_path):
    async def scenario(site):
        profile = brisk("em24_ethernet")
        meter = EmulatedMeter(profile, 7, {**sample(profile), "import_wh": 77_700})
        server = MeterTcp([meter])
        await server.start()
        number = server.port
        site.enrol("t1")
        config = MeterConfig(7, "t1", "em24_ethernet", max_power_w=100_000)
        site.start(config, port=f"tcp://127.0.0.1:{number}", timeout_ms=1000)
        await site.until(lambda: site.readings("t1"))
        assert site.readings("t1")[0].channels[0][0] == 77_700
        await server.stop()
        await site.until(lambda: site.open_codes().get("plant") == "bus_lost")
        count = len(site.readings("t1"))
        again = MeterTcp([meter])
        await again.start(number)
        await site.until(lambda: len(site.readings("t1")) > count)
        assert site.open_codes() == {}
        await site.stop()
        await again.stop()

    run(tmp_path, scenario)


def test_a_meter_that_was_exchanged_makes_the_register_neither_jump_nor_fall(tmp_path):
    async def scenario(site):
        meter = sdm(import_wh=9_000_000)
        site.plug(meter)
        site.enrol("t1")
        site.start(METER)
        await site.until(lambda: site.readings("t1"))
        meter.measure({**sample(meter.profile), "import_wh": 100})
        count = len(site.readings("t1"))
        await site.until(lambda: len(site.readings("t1")) >= count + 2)
        meter.measure({**sample(meter.profile), "import_wh": 130})
        await site.until(lambda: site.readings("t1")[-1].channels[0][0] == 9_000_030)
        assert [r.channels[0][0] for r in site.readings("t1")] == sorted(
            r.channels[0][0] for r in site.readings("t1")
        )

    run(tmp_path, scenario)


def forgetful(name, rollback):
    """The model with a source that says how much it forgets."""
    profile = brisk(name)
    rows = (
        replace(register, rollback=rollback) if register.quantity == "import" else register
        for register in profile.registers
    )
    return replace(profile, registers=tuple(rows))


@pytest.mark.parametrize(
    ("name", "rollback", "fall_wh", "counted_wh"),
    [
        # Its profile says that it forgets so much: nothing counts until it is past its old mark.
        ("sdm630", 300, 300, 40),
        # More than that is a reset: what flows after it counts.
        ("sdm630", 299, 300, 340),
        # Where nobody says so, one step of the register is no reset; two are.
        ("em340", None, 100, 100),
        ("em340", None, 200, 300),
        ("sdm630", None, 1, 40),
        ("sdm630", None, 2, 42),
    ],
)
def test_what_a_meter_forgets_is_told_from_a_reset(
    tmp_path, monkeypatch, name, rollback, fall_wh, counted_wh
):
    monkeypatch.setattr("gateway.attest.driver.find_profile", lambda n: forgetful(n, rollback))
    start_wh, more_wh = 5_000_000, 100 if name == "em340" else 40

    async def scenario(site):
        profile = forgetful(name, rollback)
        meter = EmulatedMeter(profile, 7, {**sample(profile), "import_wh": start_wh})

        async def shows(count_wh, readings):
            meter.measure({**sample(profile), "import_wh": count_wh})
            done = len(site.readings("t1"))
            await site.until(lambda: len(site.readings("t1")) >= done + readings)

        site.plug(meter)
        site.enrol("t1")
        site.start(replace(METER, profile=name))
        await site.until(lambda: site.readings("t1"))
        await shows(start_wh - fall_wh, 2)
        assert site.readings("t1")[-1].channels[0][0] == start_wh
        await shows(start_wh, 2)
        await shows(start_wh + more_wh, 0)
        await site.until(lambda: site.readings("t1")[-1].channels[0][0] == start_wh + counted_wh)
        assert all(row.channels[0][0] >= start_wh for row in site.readings("t1"))
        await shows(start_wh + more_wh, 2)
        assert site.readings("t1")[-1].channels[0][0] == start_wh + counted_wh

    run(tmp_path, scenario)


def test_what_flowed_while_the_gateway_was_off_is_counted_after_the_restart(tmp_path):
    meter = sdm(import_wh=1_000_000)

    async def before(site):
        site.plug(meter)
        site.enrol("t1")
        site.start(METER)
        await site.until(lambda: site.readings("t1"))

    async def after(site):
        meter.measure({**sample(meter.profile), "import_wh": 1_000_900})
        site.plug(meter)
        site.enrol("t1")
        site.start(METER)
        await site.until(lambda: site.readings("t1")[-1].channels[0][0] == 1_000_900)
        assert site.records("t1")[-1].epoch == 2
        check_chain(list(site.store.records(site.signer("t1").address)))

    run(tmp_path, before)
    run(tmp_path, after, start_s=T0 + 3600)


def test_a_disk_that_refuses_a_record_takes_its_number_for_none(tmp_path):
    async def scenario(site):
        site.plug(sdm())
        site.enrol("t1")
        site.start(METER)
        await site.until(lambda: site.readings("t1"))
        commit, failed = site.store.commit, []

        def refuse(batch):
            if not failed:
                failed.append(batch)
                raise StoreError("full")
            commit(batch)

        site.store.commit = refuse
        await site.until(lambda: failed)
        count = len(site.readings("t1"))
        await site.until(lambda: len(site.readings("t1")) > count)
        check_chain(list(site.store.records(site.signer("t1").address)))

    run(tmp_path, scenario)


def test_an_untrusted_clock_is_said_in_the_record(tmp_path):
    async def scenario(site):
        site.time_is_sound = False
        site.plug(sdm())
        site.enrol("t1")
        site.start(METER)
        await site.until(lambda: site.readings("t1"))
        assert all(r.flags & codes.CLOCK_UNTRUSTED for r in site.records("t1"))

    run(tmp_path, scenario)


def test_the_key_is_the_gateways_alone(tmp_path):
    async def scenario(site):
        site.signer("t1")
        file = tmp_path / "attest" / "t1.key"
        assert file.stat().st_mode & 0o777 == 0o600
        assert site.signer("t1").address == site.signer("t1").address
        assert site.signer("t2").address != site.signer("t1").address

    run(tmp_path, scenario)
