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

_FIRST_LOOK_S, _LAST_LOOK_S = 0.01, 0.2
"""A look costs the bus two frames; the fastest board takes longer than the first over a signature,
so only who is in a hurry looks then. Others look when this board was ready before."""


async def deliver(
    link: BoardLink, clock: Clock, code: int, data: bytes, urgent: bool = False
) -> None:
    """Return once the board accepted the frame; raises `FrameRefused` or `FrameLost`."""
    frame = await link.send(code, data, urgent)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + max(clock.wall(VERIFY_S), VERIFY_WALL_S)
    wait_s, looks = _FIRST_LOOK_S if urgent else link.verify.first_s, 0
    while loop.time() < deadline:
        await asyncio.sleep(wait_s)
        wait_s, looks = min(2 * wait_s, _LAST_LOOK_S), looks + 1
        fate = await link.fate(frame, urgent)
        if looks == 1 and not urgent and fate is not None:
            link.verify.found(fate[0] != codes.INBOX_PENDING)
        if fate is None or fate[0] == codes.INBOX_PARTIAL:
            break
        if fate[0] == codes.INBOX_ACCEPTED:
            return
        if fate[0] == codes.INBOX_REFUSED:
            raise FrameRefused(BY_CODE[code].TYPE, link.where, fate[1])
    raise FrameLost(f"{BY_CODE[code].TYPE} frame {frame}", link.where)
