"""A SunSpec device with an impossible map, beside a sound one: named, and alone in its trouble."""

import logging

import pytest

from gateway.collect.errors import InternalError
from gateway.collect.worker import BusWorker
from gateway.config import MeterConfig
from gateway.tests.attest.kit import run
from truewatt.emulator.commercial import Measured
from truewatt.emulator.commercial.storage import EmulatedStorage
from truewatt.emulator.commercial.sunspec_meter import EmulatedSunSpecMeter
from wireformat import codes

BAD = MeterConfig(21, "b1", "sunspec_storage", energy="battery")
GOOD = MeterConfig(22, "m1", "sunspec_meter")
FAR = 32_767
"""What a scale factor of 16 bits may hold."""


def storage(site, *, without: int = 0):
    device = EmulatedStorage(21, site.clock.mono_ms, rated_w=5000, serial="B77")
    device.measure(Measured([231.0], [-1200.0], 70_000, 40_000), 0.4)
    if without:
        del device._models[without]
    return device


def begin(site, device) -> None:
    meter = EmulatedSunSpecMeter(22)
    meter.measure(Measured([230.0], [500.0], 50_000))
    site.plug(device, meter)
    site.enrol("b1", relays=1)
    site.enrol("m1")
    site.start(BAD, GOOD)


async def goes_on(site) -> None:
    """The neighbour's readings keep coming."""
    before = len(site.readings("m1"))
    await site.until(lambda: len(site.readings("m1")) > before + 1)


@pytest.mark.parametrize("model", [1, 701])
def test_a_map_without_a_model_that_is_needed_is_named_and_the_others_go_on(tmp_path, model):
    async def scenario(site):
        begin(site, storage(site, without=model))
        await site.until(lambda: site.open_codes().get("b1") == "wrong_meter")
        assert f"no SunSpec model {model}" in str(site.notices.open()["b1"].error)
        await goes_on(site)
        assert site.open_codes() == {"b1": "wrong_meter"}
        assert site.records("b1") == []

    run(tmp_path, scenario)


@pytest.mark.parametrize("scale", [FAR, -FAR, 11, -10])
def test_a_scale_that_cannot_say_the_power_refuses_the_command_and_no_more(tmp_path, scale):
    async def scenario(site):
        device = storage(site)
        begin(site, device)
        await site.until(lambda: site.readings("b1"))
        device._models[704].WSet_SF.value = scale
        assert await site.order("b1", codes.CHARGE, 2000) == codes.R_HARDWARE
        assert site.outcomes("b1") == [(1, codes.REFUSED, codes.R_HARDWARE, 0)]
        assert device.setpoint_w is None
        device._models[704].WSet_SF.value = 0
        assert await site.order("b1", codes.CHARGE, 2000, 2) == codes.R_NONE
        assert device.setpoint_w == 2000
        await goes_on(site)

    run(tmp_path, scenario)


def test_values_beyond_all_measure_are_left_out_of_the_readings(tmp_path):
    async def scenario(site):
        device = storage(site)
        begin(site, device)
        await site.until(lambda: site.readings("b1"))
        for name in ("W_SF", "A_SF", "V_SF", "TotWh_SF"):
            device._models[701].points[name].value = 10
        device._models[701].TotWhAbs.value = (1 << 64) - 2
        await goes_on(site)
        assert not site.open_codes()
        assert site.readings("b1")[-1].channels[0][0] == 70_000

    run(tmp_path, scenario)


def test_a_visit_that_fails_as_nobody_foresaw_ends_alone_and_is_named_with_its_traceback(
    tmp_path, caplog, monkeypatch
):
    # A gateway that ran in this process before has its log to itself.
    monkeypatch.setattr(logging.getLogger("gateway"), "propagate", True)
    caplog.set_level(logging.INFO, "gateway")

    async def scenario(site):
        device = storage(site)
        begin(site, device)
        await site.until(lambda: site.readings("b1"))
        place = next(one for one in _worker(site).places if one.config.name == "b1")
        driver, place._driver.read = place._driver.read, _bug
        await site.until(lambda: site.open_codes().get("b1") == "internal_error")
        await goes_on(site)
        notice = site.notices.open()["b1"]
        assert "ZeroDivisionError: a bug" in str(notice.error)
        await site.until(lambda: site.notices.open()["b1"].times > 1)
        place._driver.read = driver
        await site.until(lambda: not site.open_codes())

    run(tmp_path, scenario)
    told = [record for record in caplog.records if record.exc_info]
    assert [record.exc_info[0] for record in told] == [ZeroDivisionError], "told once"


def test_a_command_that_fails_as_nobody_foresaw_ends_and_the_next_is_obeyed(tmp_path):
    async def scenario(site):
        begin(site, storage(site))
        await site.until(lambda: site.readings("b1"))
        place = next(one for one in _worker(site).places if one.config.name == "b1")
        driver, place._driver.apply = place._driver.apply, _bug
        assert await site.order("b1", codes.CHARGE, 2000) == codes.R_HARDWARE
        place._driver.apply = driver
        assert site.outcomes("b1") == [(1, codes.REFUSED, codes.R_HARDWARE, 0)]
        obey, place.obey = place.obey, _bug
        with pytest.raises(InternalError, match="ZeroDivisionError: a bug"):
            await site.order("b1", codes.CHARGE, 2000, 2)
        place.obey = obey
        assert await site.order("b1", codes.CHARGE, 2000, 2) == codes.R_NONE
        await goes_on(site)

    run(tmp_path, scenario)


async def _bug(*args):
    raise ZeroDivisionError("a bug")


def _worker(site) -> BusWorker:
    return site.collector.workers[0]
