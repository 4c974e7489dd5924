"""Queues have bounds: what is full waits or is counted, and nothing is lost."""

import asyncio
import threading

import pytest

from gateway.ingest import Arrival
from gateway.mqtt.client import MAX_UNCONFIRMED
from gateway.mqtt.intake import HIGH, LOW, Intake
from gateway.tests.mqtt.test_brokers import journal
from wireformat.chained import Reading

READ_AT_ONCE = 2048
"""Records in what asyncio reads from a socket at once (256 KiB), at most."""

RECORDS = 16_000
"""Beside the intake three batches are on their way, of 1000 each while nothing is committed."""


class Tap:
    """The two calls of a connection that the intake makes."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")


def test_the_socket_is_read_until_the_high_mark_and_again_from_the_low_one_on():
    async def scenario():
        intake, tap = Intake(), Tap()
        arrivals = [Arrival(Reading.CODE, b"", n.to_bytes(20, "big")) for n in range(HIGH + 5)]
        for mid, arrival in enumerate(arrivals[: HIGH - 1], 1):
            intake.put(arrival, mid, tap)
        assert tap.calls == []
        # What was read already comes in still: a pause holds from the next read on.
        for mid, arrival in enumerate(arrivals[HIGH - 1 :], HIGH):
            intake.put(arrival, mid, tap)
        assert tap.calls == ["pause"]
        taken = await intake.take(HIGH + 5 - LOW - 1)
        assert (len(intake), tap.calls) == (LOW + 1, ["pause"])
        taken += await intake.take(1)
        assert tap.calls == ["pause", "resume"]
        taken += await intake.take(HIGH)
        assert [waiting.arrival for waiting in taken] == arrivals
        assert [waiting.mid for waiting in taken] == list(range(1, HIGH + 6))
        assert intake.most == HIGH + 5

    asyncio.run(scenario())


@pytest.mark.slow
def test_while_nothing_can_be_committed_the_broker_keeps_what_is_beyond_the_bound(play):
    async def scenario(site):
        meter = site.board(1, 0)
        meter.time_s -= RECORDS * 60
        for _ in range(RECORDS):
            meter.add()
        meter.connect()
        await site.until(lambda: meter.clock_trusted)
        free = threading.Event()
        blocked = asyncio.create_task(site.thread.run(free.wait))
        try:
            meter.send()
            await site.until(lambda: site.collector.intake.most >= HIGH, 60)
            # All of it reached the broker, and this end still doesn't read.
            await site.until(lambda: meter.client._out_messages == {}, 60)
            assert site.collector.intake.most < HIGH + READ_AT_ONCE
        finally:
            free.set()
            await blocked
        await site.until(lambda: meter.acked == (1, RECORDS - 1), 60)
        assert site.held(meter) == journal(meter)
        assert site.store.refusals() == {}
        assert site.collector.counts == {}
        assert site.collector.intake.most < HIGH + READ_AT_ONCE

    play(scenario)


def test_one_message_more_than_may_be_unconfirmed_is_counted_and_not_sent(play):
    async def scenario(site):
        device = site.board(1).address
        # The broker's answers are not read before the test awaits something.
        taken = [site.collector.boards.deliver_ack(device, b"x") for _ in range(MAX_UNCONFIRMED)]
        assert all(taken)
        assert not site.collector.boards.deliver_ack(device, b"x")
        assert site.collector.counts == {"broker_busy": 1}
        assert site.open_codes() == {"mqtt broker_busy": "broker_busy"}
        await site.until(lambda: site.collector.boards.deliver_ack(device, b"x"))

    play(scenario)
