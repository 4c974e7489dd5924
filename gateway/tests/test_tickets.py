"""A gateway's tickets, against a board that looks a bounded way ahead."""

import pytest

from gateway.tests.site import Site, filled, run
from gateway.tickets import CHAIN, RENEW_FROM, Tickets, ticketed, unwrapped
from wireformat import codes, identity
from wireformat.control import Beacon, Command
from wireformat.errors import RecordError

DEVICE, OTHER = b"d" * 20, b"o" * 20


class Board:
    """What `core.gate.Gate` makes of tickets."""

    def __init__(self, foot: bytes) -> None:
        self.last = foot

    def takes(self, ticket: bytes) -> bool:
        before = ticket
        for _ in range(codes.TICKETS_AHEAD):
            before = identity.prev_hash(before)
            if before == self.last:
                self.last = ticket
                return True
        return False


def begun() -> tuple[Tickets, Board]:
    tickets = Tickets()
    foot = tickets.anchor(DEVICE)
    tickets.told(DEVICE, foot)
    return tickets, Board(foot)


def test_each_ticket_is_good_once_and_for_its_board_only() -> None:
    tickets, board = begun()
    shown = [tickets.take(DEVICE) for _ in range(5)]
    assert len(set(shown)) == 5
    assert not board.takes(tickets.take(OTHER))
    assert [board.takes(ticket) for ticket in (*shown, *shown)] == [True] * 5 + [False] * 5
    assert unwrapped(*ticketed(shown[0], Command.CODE, b"data")) == (Command.CODE, b"data")
    assert unwrapped(codes.TICKETED, bytes(16)) == (codes.TICKETED, bytes(16))


def test_a_board_that_heard_nothing_for_long_knows_the_next_one() -> None:
    tickets, board = begun()
    assert not tickets.wants_beacon(DEVICE)
    for _ in range(100):
        lost = tickets.take(DEVICE)
    assert tickets.wants_beacon(DEVICE)
    assert board.takes(lost)
    tickets.answered(DEVICE, codes.R_NONE)
    assert board.takes(tickets.take(DEVICE))


def test_a_chain_is_renewed_before_its_end_whatever_is_lost() -> None:
    tickets, board = begun()
    renewed = 0
    for number in range(3 * CHAIN):
        assert board.takes(tickets.take(DEVICE)), number
        tickets.answered(DEVICE, codes.R_NONE)
        if tickets.wants_beacon(DEVICE):
            foot = tickets.anchor(DEVICE)
            assert foot == tickets.anchor(DEVICE), "the next try names the same chain"
            if number % 3 == 0:  # else the beacon was lost
                board.last = foot
                tickets.told(DEVICE, foot)
                renewed += 1
    assert renewed >= 3 * CHAIN // RENEW_FROM - 1


def test_a_board_that_took_a_chain_unheard_is_told_again() -> None:
    """Its fate was lost on the way back: the gateway shows tickets of the old chain."""
    tickets, board = begun()
    while not tickets.wants_beacon(DEVICE):
        tickets.take(DEVICE)
        tickets.answered(DEVICE, codes.R_NONE)
    board.last = tickets.anchor(DEVICE)
    assert not board.takes(tickets.take(DEVICE))
    tickets.answered(DEVICE, codes.R_BUSY)
    assert tickets.wants_beacon(DEVICE)
    board.last = foot = tickets.anchor(DEVICE)
    tickets.told(DEVICE, foot)
    assert board.takes(tickets.take(DEVICE))
    assert not tickets.wants_beacon(DEVICE)


def test_a_busy_board_gets_its_acks_and_its_command_by_tickets(tmp_path) -> None:
    async def scenario(site: Site) -> None:
        meter = filled(site, 1)
        site.enrol(meter)
        site.start({1: meter})
        await site.until(lambda: meter.acked == (1, 4) and meter.last_ticket)
        assert meter.redeemed == 0, "nobody is in the way, so none is spent"
        meter.busy_frames = 1_000_000
        meter.add()
        await site.until(lambda: meter.acked == (1, 5))
        assert meter.redeemed == 1
        _, data = site.command(meter)
        await site.collector.command(meter.address, data)
        assert (meter.redeemed, meter.relays[0]) == (2, 0)

    run(tmp_path, scenario)


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_beacon_with_half_a_ticket_is_no_beacon(size) -> None:
    with pytest.raises(RecordError):
        Beacon(nonce=bytes(8), time_ms=1, tickets=bytes(size))
