"""One walk over every profile: whatever is added to `models` must pass all of this."""

import asyncio
import random
from fractions import Fraction
from pathlib import Path

import pytest

from gateway.profiles import decode, encode, find_profile, load_all, model_names, plan
from gateway.profiles.codec import limits
from gateway.profiles.link import MeterLink, PortConfig
from gateway.profiles.page import index, page
from gateway.profiles.reader import read_meter
from gateway.tests.profiles.rigs import brisk, link_to, on_a_line, on_tcp
from gateway.tests.profiles.samples import sample
from gateway.tests.profiles.test_golden import GOLDEN
from truewatt.emulator.commercial import EmulatedMeter

DOCS = Path(__file__).resolve().parents[3] / "docs" / "meters"
ALL = model_names()


@pytest.mark.parametrize("name", ALL)
def test_every_profile_has_golden_bytes(name):
    assert GOLDEN[name]


@pytest.mark.parametrize("name", ALL)
def test_the_plan_holds_every_register_and_breaks_no_rule(name):
    profile = find_profile(name)
    blocks = plan(profile)
    for register in profile.registers:
        holders = [b for b in blocks if b.first <= register.address and register.last <= b.last]
        assert len(holders) == 1, register.key
    for block in blocks:
        assert block.count <= profile.max_block_words
        assert not [g for g in profile.gaps if g.first <= block.last and block.first <= g.last]
    known = {a for r in profile.registers for a in range(r.address, r.last + 1)}
    for block in blocks:
        hole = longest = 0
        for address in range(block.first, block.last + 1):
            hole = 0 if address in known else hole + 1
            longest = max(longest, hole)
        assert longest <= profile.max_hole_words


@pytest.mark.parametrize("name", ALL)
def test_what_is_encoded_decodes_within_the_resolution(name):
    profile = find_profile(name)
    draw = random.Random(name)
    for _ in range(40):
        values = {}
        for register in profile.registers:
            low, high = limits(profile, register)
            if register.type == "float32":
                # 24 bits hold these exactly or to less than half a unit.
                low, high = max(low, -4_000_000), min(high, 4_000_000)
            else:
                bits = 16 * register.words - (register.type[0] == "s")
                high = min(high, int(((1 << bits) - 2) * register.factor))
                low = max(low, -high) if register.type[0] == "s" else 0
            step = max(Fraction(1), register.factor)
            values[register.key] = int(draw.randint(-int(-low // step), int(high // step)) * step)
        readings = decode(profile, encode(profile, values))
        assert readings.values == values
        assert not readings.implausible


@pytest.mark.parametrize("name", ALL)
def test_unavailable_is_never_a_value(name):
    profile = find_profile(name)
    for register in profile.registers:
        if profile.unavailable == "none" and register.type != "float32":
            continue
        values = sample(profile) | {register.key: None}
        readings = decode(profile, encode(profile, values))
        assert readings.unavailable == [register.key]
        assert register.key not in readings.values


@pytest.mark.parametrize("name", ALL)
def test_the_emulated_meter_is_read_over_its_own_link(name, tmp_path):
    profile = brisk(name)
    meter = EmulatedMeter(profile, 7, sample(profile))

    async def serial():
        async with on_a_line(tmp_path, meter) as line, link_to(line, 500) as link:
            return await read_meter(link, profile, 7, unconfirmed=True)

    async def tcp():
        async with on_tcp(meter) as port, MeterLink(PortConfig(port, timeout_ms=500)) as link:
            return await read_meter(link, profile, 7, unconfirmed=True)

    readings = asyncio.run(serial() if profile.transport == "rtu" else tcp())
    assert readings.values == sample(profile)
    assert not readings.missing
    assert meter.reads == [(block.first, block.count) for block in plan(profile)]
    assert meter.asked_too_soon == 0


@pytest.mark.parametrize("name", ALL)
def test_the_page_is_up_to_date(name):
    assert (DOCS / f"{name}.md").read_text() == page(find_profile(name)), (
        "run: truewatt gateway profiles --write-docs docs/meters"
    )


def test_the_list_of_pages_is_up_to_date_and_has_no_page_without_a_profile():
    assert (DOCS / "README.md").read_text() == index(load_all())
    assert {path.stem for path in DOCS.glob("*.md")} == {*ALL, "README"}


def test_the_models_that_are_promised_are_here():
    assert set(ALL) >= {
        "sdm120", "sdm630", "sdm72", "pzem004t", "em340", "em330", "em24_ethernet",
        "iem3155", "abb_b23", "janitza_b23",
    }  # fmt: skip
