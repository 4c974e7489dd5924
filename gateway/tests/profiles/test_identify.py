"""Identification says what it knows and no more."""

import asyncio
from dataclasses import replace

import pytest

from gateway.collect.errors import NoReply
from gateway.profiles import Readings, decode, encode, find_profile
from gateway.profiles.identify import Certainty, identify, weigh
from gateway.profiles.link import MeterLink, PortConfig
from gateway.profiles.sample import sample
from gateway.tests.profiles.rigs import brisk, link_to, on_a_line, on_tcp
from truewatt.emulator.commercial import EmulatedMeter

NAMES = ["abb_b23", "em340", "iem3155", "pzem004t", "sdm120", "sdm630", "sdm72"]


def identified(folder, name, names=tuple(NAMES), **changed):
    async def run():
        meter = EmulatedMeter(brisk(name), 1, sample(find_profile(name)) | changed)
        async with on_a_line(folder, meter) as line, link_to(line, 300) as link:
            return await identify(link, 1, [brisk(n) for n in names])

    return {match.profile.name: match for match in asyncio.run(run())}


def test_a_meter_that_names_itself_is_named(tmp_path):
    matches = identified(tmp_path, "abb_b23")
    assert next(iter(matches)) == "abb_b23"
    assert matches["abb_b23"].certainty is Certainty.NAMED
    assert len(matches) == 1


def test_a_meter_that_names_another_model_is_not_this_one(tmp_path):
    async def run():
        meter = EmulatedMeter(brisk("abb_b23"), 1, sample(find_profile("abb_b23")))
        meter._words[0x8960], meter._words[0x8961] = 0x4232, 0x3420
        other = replace(meter.profile, identity=None)
        meter.profile = other
        async with on_a_line(tmp_path, meter) as line, link_to(line, 300) as link:
            return await identify(link, 1, [brisk("abb_b23")])

    (match,) = asyncio.run(run())
    assert match.certainty is Certainty.NO
    assert match.against == ("its identity register says otherwise",)


def test_models_that_share_addresses_stay_candidates_side_by_side(tmp_path):
    """Every SDM630 has the SDM72's registers, and EM330 and EM340 share their map."""
    folder = tmp_path / "a"
    twins = identified(folder, "em340", ("em330", "em340"))
    assert {match.certainty for match in twins.values()} == {Certainty.PLAUSIBLE}
    shared = {r.address for r in find_profile("sdm72").registers} & {
        r.address for r in find_profile("sdm630").registers
    }
    assert shared == {0x34, 0x48, 0x4A, 0x156}


@pytest.mark.parametrize("name", ["em340", "iem3155", "pzem004t", "sdm120"])
def test_the_right_model_comes_first_but_is_no_more_than_plausible(tmp_path, name):
    matches = identified(tmp_path, name)
    assert next(iter(matches)) == name
    assert matches[name].certainty is Certainty.PLAUSIBLE


def test_nobody_there_ends_the_search_early(tmp_path):
    async def run():
        meter = EmulatedMeter(brisk("sdm120"), 1)
        async with on_a_line(tmp_path, meter) as line, link_to(line, 60) as link:
            with pytest.raises(NoReply):
                await identify(link, 9, [brisk(name) for name in NAMES])
            return link.requests

    assert asyncio.run(run()) == 4


def test_over_tcp_an_em24_is_known_by_its_register():
    async def run():
        profile = brisk("em24_ethernet")
        rig = on_tcp(EmulatedMeter(profile, 1, sample(profile)))
        async with rig as port, MeterLink(PortConfig(port, timeout_ms=300)) as link:
            return await identify(link, 1, [brisk("em340"), profile])

    (match,) = asyncio.run(run())
    assert (match.profile.name, match.certainty) == ("em24_ethernet", Certainty.NAMED)


def weighed(name, **values):
    profile = find_profile(name)
    return weigh(profile, decode(profile, encode(profile, sample(profile) | values)))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"frequency_mhz": 5_000}, "frequency"),
        ({"voltage_dv": 20}, "voltage"),
        ({"power_w": 5000}, "power_w fits"),
        ({"current_ma": 900_000}, "current_ma can't be"),
    ],
)
def test_what_no_meter_can_read_speaks_against(values, says):
    match = weighed("sdm120", **values)
    assert match.certainty is Certainty.NO
    assert any(says in text for text in match.against)


def test_readings_without_anything_to_check_are_only_possible():
    profile = find_profile("sdm72")
    assert weigh(profile, Readings({"power_w": 40})).certainty is Certainty.POSSIBLE


def test_no_reading_at_all_fits_nothing():
    profile = find_profile("sdm72")
    assert weigh(profile, Readings(unavailable=["power_w"])).certainty is Certainty.NO
