"""Frames that a board verifies before it acts: send one, then ask what became of it."""

import asyncio

from gateway.collect.errors import CollectError, FrameLost, FrameRefused, ModbusRefused
from gateway.collect.link import BoardLink
from gateway.tickets import Tickets, ticketed
from ledger.clock import Clock
from wireformat import codes
from wireformat.registry import BY_CODE

VERIFY_S = 5.0
"""How long a board may take over a signature and a flash write, in the run's clock."""

VERIFY_WALL_S = 3.0
"""The least of it in wall time: at speed, the emulated chip is as slow as this machine."""

_LEAST_STEP_S, _UNHURRIED_STEP_S, _LAST_STEP_S = 0.02, 0.05, 0.2
"""Between looks, each of which costs the bus two frames. The first is when boards were ready
before; who is in a hurry then takes a third of the line, others look every 50 to 200 ms."""


class Deliverer:
    """Brings one board's frames past a flood of forged ones, by the gateway's tickets."""

    def __init__(self, link: BoardLink, clock: Clock, tickets: Tickets) -> None:
        self._link, self._clock, self._tickets = link, clock, tickets

    async def urgent(self, device: bytes, code: int, data: bytes) -> None:
        """As `deliver`, ahead of all polling, with a ticket from the first."""
        await self._with_ticket(device, code, data, urgent=True)

    async def usual(self, device: bytes, code: int, data: bytes) -> None:
        """As `deliver`; with a ticket if there is no way in without."""
        try:
            await deliver(self._link, self._clock, code, data)
        except CollectError as error:
            if not _is_crowded_out(error):
                raise
            await self._with_ticket(device, code, data, urgent=False)

    async def _with_ticket(self, device: bytes, code: int, data: bytes, urgent: bool) -> None:
        ticket = self._tickets.take(device)
        try:
            await deliver(self._link, self._clock, code, data, urgent, ticket)
        except FrameRefused as error:
            self._tickets.answered(device, error.reason)
            raise
        self._tickets.answered(device, codes.R_NONE)


def _is_crowded_out(error: CollectError) -> bool:
    """Whether it was too many frames that kept one out, or its fate from being seen."""
    if isinstance(error, FrameRefused):
        return error.reason == codes.R_BUSY
    if isinstance(error, ModbusRefused):
        return error.is_busy
    return isinstance(error, FrameLost)


async def deliver(
    link: BoardLink,
    clock: Clock,
    code: int,
    data: bytes,
    urgent: bool = False,
    ticket: bytes | None = None,
) -> None:
    """Return once the board accepted the frame; raises `FrameRefused` or `FrameLost`."""
    sent = (code, data) if ticket is None else ticketed(ticket, code, data)
    frame = await link.send(*sent, urgent)
    loop = asyncio.get_running_loop()
    sent_s, pending_s = loop.time(), None
    looks = link.bus.obeying if urgent else link.verifying
    most_s = max(clock.wall(VERIFY_S), VERIFY_WALL_S)
    wait_s = looks.first_s
    while loop.time() - sent_s < most_s:
        await asyncio.sleep(wait_s)
        fate = await link.fate(frame, urgent)
        if fate is None or fate[0] == codes.INBOX_PARTIAL:
            break
        if fate[0] != codes.INBOX_PENDING:
            looks.ended(pending_s, loop.time() - sent_s)
            if fate[0] == codes.INBOX_REFUSED:
                raise FrameRefused(BY_CODE[code].TYPE, link.where, fate[1])
            return
        pending_s = loop.time() - sent_s
        wait_s = _step_s(link, urgent, wait_s)
    raise FrameLost(f"{BY_CODE[code].TYPE} frame {frame}", link.where)


def _step_s(link: BoardLink, urgent: bool, before_s: float) -> float:
    if urgent:
        return _LEAST_STEP_S + 2 * link.look_s
    return min(max(before_s, _UNHURRIED_STEP_S), _LAST_STEP_S)
