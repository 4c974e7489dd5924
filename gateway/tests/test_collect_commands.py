"""Commands to boards on a PTY: ahead of polling, retried, in order, ended."""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from gateway.collect.errors import BoardAbsent, FrameRefused
from gateway.enforce import OUTCOME_GRACE_S, Enforcer
from gateway.tests.board_server import BoardServer
from gateway.tests.signing import CHAIN
from gateway.tests.site import ROOT_KEY, filled, run
from wireformat import codes
from wireformat.chained import Outcome


def test_a_command_is_executed_and_its_outcome_is_stored_and_ends_it(tmp_path):
    async def scenario(site):
        meter = filled(site, 1)
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 4))
        order, data = site.command(meter)
        site.store.commands.add(order, data, site.clock.unix_ms())
        await site.collector.command(meter.address, data)
        assert meter.relays[0] == 0
        await site.until(lambda: site.store.commands.counts() == {"done": 1})
        with pytest.raises(FrameRefused, match="replayed"):
            await site.collector.command(meter.address, data)

    run(tmp_path, scenario)


def test_a_board_that_forgot_the_control_key_gets_its_certificate_first(tmp_path):
    async def scenario(site):
        meter = filled(site, 1)
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 4))
        del meter.certificates[codes.CONTROL]
        await site.collector.command(meter.address, site.command(meter)[1])
        assert meter.relays[0] == 0

    run(tmp_path, scenario)


def test_a_command_for_a_board_that_is_nowhere_says_so(tmp_path):
    async def scenario(site):
        meter, absent = filled(site, 1), filled(site, 9)
        site.enrol(meter)
        site.start({1: meter})
        with pytest.raises(BoardAbsent):
            await site.collector.command(absent.address, site.command(absent)[1])

    run(tmp_path, scenario)


def test_a_command_waits_for_the_frame_in_flight_only(tmp_path):
    async def scenario(site):
        meter, busy = filled(site, 1), filled(site, 2, 400)
        site.enrol(meter, busy)
        site.start({1: meter, 2: busy})
        await site.until(lambda: meter.acked == (1, 4))
        await site.until(lambda: len(site.held(busy)) > 0)
        before = len(site.bus.requests)
        order = asyncio.create_task(site.collector.command(meter.address, site.command(meter)[1]))
        await site.until(lambda: meter.relays[0] == 0)
        between = site.bus.requests[before:]
        assert between.index((1, 16)) <= 2
        await order

    run(tmp_path, scenario)


def enforcer(site):
    """Only its way to the boards: nothing here asks a ledger."""
    return Enforcer(
        None,
        None,
        site.thread,
        site.collector,
        site.directory,
        site.notices,
        site.clock,
        1,
        CHAIN,
        b"",
    )


def test_a_command_is_tried_until_it_expires_and_then_ends(tmp_path):
    async def scenario(site):
        meter, absent = filled(site, 1), filled(site, 9)
        site.enrol(meter)
        site.start({1: meter})
        order, data = site.command(absent)
        site.store.commands.add(order, data, site.clock.unix_ms())
        hand = enforcer(site)
        for _ in range(3):
            await hand.deliver()
            await asyncio.sleep(0.3)
        assert site.store.commands.open()[0].attempts >= 2
        assert site.open_codes()[f"command {absent.address.hex()[:8]}"] == "board_absent"
        end_ms = (order.expires_s + OUTCOME_GRACE_S) * 1000
        site.clock = replace(site.clock, unix_origin_ns=end_ms * 10**6)
        await enforcer(site).deliver()
        assert site.store.commands.counts() == {"expired": 1}

    run(tmp_path, scenario)


def test_commands_that_a_board_refuses_for_now_are_tried_again_in_their_order(tmp_path):
    async def scenario(site):
        meter = filled(site, 1)
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 4))
        meter.busy_frames = 2
        for counter in (2, 1):
            order, data = site.command(meter, counter, asset=counter - 1)
            site.store.commands.add(order, data, site.clock.unix_ms())
        hand = enforcer(site)

        async def ended():
            await hand.deliver()
            return site.store.commands.counts().get("done", 0) == 2

        for _ in range(80):
            if await ended():
                break
            await asyncio.sleep(0.05)
        # Had the second overtaken the busy first, the board would have refused that as replayed.
        assert site.store.commands.counts() == {"done": 2}

    run(tmp_path, scenario)


def test_what_a_revoked_control_key_signed_moves_no_relay(tmp_path):
    async def scenario(site):
        meter = filled(site, 1)
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 4))
        control = site.directory.control
        order, data = site.command(meter)
        site.store.commands.add(order, data, site.clock.unix_ms())
        site.directory.drop_control()
        await enforcer(site).deliver()
        assert meter.relays[0] == 1
        site.directory.set_control(*control)
        await enforcer(site).deliver()
        assert meter.relays[0] == 0

    run(tmp_path, scenario)


@pytest.mark.parametrize("arrival", [(1, 2), (2, 1)])
def test_of_two_commands_for_one_asset_only_the_newer_moves_the_relay(tmp_path, arrival):
    """The ledger settled on it by priority; the older is ended without a turn of the relay."""

    async def scenario(site):
        meter = filled(site, 1)
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 4))
        actions = {1: codes.OPEN, 2: codes.CLOSE}
        for counter in arrival:
            order, data = site.command(meter, counter, action=actions[counter])
            site.store.commands.add(order, data, site.clock.unix_ms())
        await enforcer(site).deliver()
        await site.until(lambda: site.store.commands.counts() == {"done": 1, "expired": 1})
        assert (meter.counter, meter.relays[0]) == (2, 1)
        outcomes = [data for code, data in meter.journal if code == Outcome.CODE]
        assert len(outcomes) == 1

    run(tmp_path, scenario)


class BusyBoard(BoardServer):
    """It takes a command, and says of it for ever that it waits."""

    def take(self, words):
        super().take(words)
        if words[1] >> 8 == codes.TICKETED and self.frames:
            self.frames[0][1] = codes.INBOX_PENDING


def test_a_board_that_does_not_come_to_an_end_holds_up_nobody_elses_command(tmp_path):
    async def scenario(site):
        meter, busy = filled(site, 1), BusyBoard(2, ROOT_KEY, site.clock)
        busy.add()
        site.enrol(meter, busy)
        site.start({1: meter, 2: busy})
        await site.until(lambda: meter.acked == (1, 4) and busy.acked == (1, 0))
        hand = enforcer(site)
        site.store.commands.add(*site.command(busy), site.clock.unix_ms())
        first = asyncio.create_task(hand.deliver())
        await site.until(lambda: busy.counter == 1)
        site.store.commands.add(*site.command(meter, 2), site.clock.unix_ms())
        hand.work.set()
        await first
        hand.work.clear()
        second = asyncio.create_task(hand.deliver())
        await site.until(lambda: meter.relays[0] == 0)
        assert busy.frames[0][1] == codes.INBOX_PENDING
        assert not second.done()
        second.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await second
        assert hand._under_way == {}

    run(tmp_path, scenario)
