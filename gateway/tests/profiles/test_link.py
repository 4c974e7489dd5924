"""What goes wrong on a line has a name; what went wrong once is asked again."""

import asyncio
from dataclasses import replace

import pytest

from gateway.collect.errors import GarbledReply, NoReply
from gateway.profiles import find_profile
from gateway.profiles.errors import MeterRefused, PortLost
from gateway.profiles.link import BadPort, MeterLink, PortConfig, tcp_address
from gateway.profiles.reader import read_meter
from gateway.profiles.sample import sample
from gateway.tests.profiles.rigs import brisk, link_to, on_a_line, on_tcp
from truewatt.emulator.commercial import EmulatedMeter


def on_line(folder, act, name="sdm72", **more):
    """Run `act(line, link, meter)` with one meter at address 3."""

    async def run():
        meter = EmulatedMeter(replace(brisk(name), **more), 3, sample(find_profile(name)))
        async with on_a_line(folder, meter) as line, link_to(line) as link:
            return await act(line, link, meter)

    return asyncio.run(run())


def test_one_garbled_reply_is_asked_again(tmp_path):
    async def act(line, link, meter):
        line.garble = 1
        return await read_meter(link, meter.profile, 3), link.requests

    readings, requests = on_line(tmp_path, act)
    assert readings.values == sample(find_profile("sdm72"))
    assert requests == 4


def test_two_garbled_replies_are_a_named_error(tmp_path):
    async def act(line, link, meter):
        line.garble = 2
        with pytest.raises(GarbledReply, match="bytes"):
            await read_meter(link, meter.profile, 3)

    on_line(tmp_path, act)


def test_silence_is_named_with_the_address(tmp_path):
    async def act(line, link, meter):
        with pytest.raises(NoReply) as caught:
            await read_meter(link, meter.profile, 4)
        assert "address 4" in caught.value.where
        return await read_meter(link, meter.profile, 3)

    assert on_line(tmp_path, act).values


def test_a_late_reply_answers_no_later_question(tmp_path):
    """Replies about import come after their time-out; the read of export must not take them."""

    async def act(line, link, meter):
        send, held = line._send, []
        line._send = held.append
        with pytest.raises(NoReply):
            await link.read(4, 3, 0x48, 2)
        line._send = send
        assert len(held) == 2
        loop = asyncio.get_running_loop()
        for number, body in enumerate(held):
            loop.call_later(0.02 + 0.06 * number, line._send, body)
        return await link.read(4, 3, 0x4A, 2), meter

    words, meter = on_line(tmp_path, act)
    assert words == [meter._words[0x4A], meter._words[0x4B]]


def test_a_refusal_has_the_meters_exception(tmp_path):
    async def act(line, link, meter):
        with pytest.raises(MeterRefused) as caught:
            await link.read(4, 3, 0x10, 2)
        assert caught.value.exception == 2
        with pytest.raises(MeterRefused) as caught:
            await link.read(3, 3, 0x34, 2)
        assert caught.value.exception == 1
        with pytest.raises(MeterRefused) as caught:
            await link.read(4, 3, 0x34, 81)
        assert caught.value.exception == 3

    on_line(tmp_path, act)


def test_the_pause_is_kept_and_the_emulated_meter_would_notice(tmp_path):
    async def hasty(line, link, meter):
        for _ in range(2):
            await link.read(4, 3, 0x34, 2)

    async def patient(line, link, meter):
        for _ in range(3):
            await read_meter(link, meter.profile, 3)
        return meter.asked_too_soon

    with pytest.raises(NoReply):
        on_line(tmp_path, hasty, pause_ms=1000)
    assert on_line(tmp_path, patient, pause_ms=40) == 0


def test_a_port_that_is_not_there_is_named(tmp_path):
    async def run(port):
        await MeterLink(PortConfig(port, timeout_ms=200)).open()

    with pytest.raises(PortLost):
        asyncio.run(run(str(tmp_path / "nothing")))
    # Port 9 (discard) of loopback: nobody listens there.
    with pytest.raises(PortLost):
        asyncio.run(run("tcp://127.0.0.1:9"))


def test_an_address_that_nobody_has_behind_a_converter_is_a_refusal():
    async def run():
        profile = brisk("em24_ethernet")
        rig = on_tcp(EmulatedMeter(profile, 1, sample(profile)))
        async with rig as port, MeterLink(PortConfig(port, timeout_ms=300)) as link:
            with pytest.raises(MeterRefused) as caught:
                await link.read(4, 2, 0, 2)
            return caught.value.exception

    assert asyncio.run(run()) == 11


@pytest.mark.parametrize("port", ["udp://a", "tcp://", "tcp://a:x", "tcp://a:99999", "tcp://a/b"])
def test_addresses_that_are_none_are_named(port):
    with pytest.raises(BadPort):
        tcp_address(port)


def test_addresses():
    assert tcp_address("tcp://10.0.0.7") == ("10.0.0.7", 502)
    assert tcp_address("tcp://[::1]:1502") == ("::1", 1502)


def test_a_reply_that_comes_after_its_repetition_is_dropped_too(tmp_path):
    """The first try's reply is late, the second's is in time: the first one's must not stay."""

    async def act(line, link, meter):
        send, late = line._send, []

        def hold(body):
            late.append(body)
            line._send = send

        line._send = hold
        loop = asyncio.get_running_loop()
        first = await link.read(4, 3, 0x48, 2)
        loop.call_later(0.03, send, late[0])
        return first, await link.read(4, 3, 0x4A, 2), meter

    first, second, meter = on_line(tmp_path, act)
    assert first == [meter._words[0x48], meter._words[0x49]]
    assert second == [meter._words[0x4A], meter._words[0x4B]]
    assert first != second
