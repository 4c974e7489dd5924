"""One walk over every profile: whatever is added to `models` must pass all of this."""

import asyncio
import json
import random
from fractions import Fraction
from pathlib import Path

import pytest

from gateway.attest.pages import OTHERS
from gateway.attest.relay_board import RELAY_BOARD
from gateway.profiles import decode, encode, find_profile, load_all, model_names, plan
from gateway.profiles.codec import limits
from gateway.profiles.frames import frames
from gateway.profiles.link import MeterLink, PortConfig
from gateway.profiles.page import index, page
from gateway.profiles.reader import read_meter
from gateway.profiles.sample import sample
from gateway.tests.profiles.rigs import brisk, link_to, on_a_line, on_tcp
from gateway.tests.profiles.test_golden import GOLDEN
from truewatt.emulator.commercial import EmulatedMeter

FRAMES = json.loads((Path(__file__).parent / "frames.json").read_text())
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


class _Tapped(MeterLink):
    """Keeps what went over the wire, both ways, as it was there."""

    def __init__(self, config: PortConfig) -> None:
        super().__init__(config)
        self.wire: list[list[str]] = []

    def _trace(self, sending: bool, data: bytes) -> bytes:
        if sending:
            self.wire.append([data.hex(), ""])
        else:
            self.wire[-1][1] = data.hex()
        return super()._trace(sending, data)


@pytest.mark.parametrize("name", ALL)
def test_the_frames_are_as_they_were_pinned(name):
    made = [[each.request.hex(), each.reply.hex()] for each in frames(find_profile(name))]
    assert made == FRAMES[name], (
        "meant? truewatt gateway profiles --frames > gateway/tests/profiles/frames.json"
    )


@pytest.mark.parametrize("name", ALL)
def test_reader_and_emulated_meter_put_the_pinned_frames_on_the_wire(name, tmp_path):
    """Other code than what made them: pymodbus asks, the emulated meter's line answers."""
    profile = brisk(name)
    meter = EmulatedMeter(profile, 1, sample(profile))

    async def read(port):
        async with _Tapped(PortConfig(port, timeout_ms=2000)) as link:
            await read_meter(link, profile, 1, unconfirmed=True)
            return link.wire

    async def serial():
        async with on_a_line(tmp_path, meter) as line:
            return await read(str(line.line.path))

    async def tcp():
        async with on_tcp(meter) as port:
            return await read(port)

    assert asyncio.run(serial() if profile.transport == "rtu" else tcp()) == FRAMES[name]


def test_no_frames_are_pinned_of_models_that_are_gone():
    writable = {f"{name} settings" for name in ALL if find_profile(name).writes}
    assert set(FRAMES) == {*ALL, *writable, RELAY_BOARD}


@pytest.mark.parametrize("name", ALL)
def test_the_page_is_up_to_date(name):
    assert (DOCS / f"{name}.md").read_text() == page(find_profile(name)), (
        "run: truewatt gateway profiles --write-docs docs/meters"
    )


def test_the_list_of_pages_is_up_to_date_and_has_no_page_without_a_profile():
    titles = {other.page: other.title for other in OTHERS}
    assert (DOCS / "README.md").read_text() == index(load_all(), titles)
    assert {path.stem for path in DOCS.glob("*.md")} == {*ALL, *titles, "README"}


def test_the_models_that_are_promised_are_here():
    assert set(ALL) >= {
        "sdm120", "sdm630", "sdm72", "pzem004t", "em340", "em330", "em24_ethernet",
        "iem3155", "abb_b23", "janitza_b23",
        # From public drivers beside those.
        "sdm220", "sdm230", "sdm72_v2", "or_we_516", "pro380", "ddsu666",
    }  # fmt: skip
    assert not [name for name in ALL if find_profile(name).single_source and name != "janitza_b23"]
