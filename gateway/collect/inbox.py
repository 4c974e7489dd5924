"""Frames that a board verifies before it acts: send one, then ask what became of it."""

import asyncio

from gateway.collect.errors import FrameLost, FrameRefused
from gateway.collect.link import BoardLink
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


async def deliver(
    link: BoardLink, clock: Clock, code: int, data: bytes, urgent: bool = False
) -> None:
    """Return once the board accepted the frame; raises `FrameRefused` or `FrameLost`."""
    frame = await link.send(code, data, urgent)
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
