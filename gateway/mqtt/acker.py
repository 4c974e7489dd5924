"""Signed acks over MQTT: at once for who sends now and then, gathered for who sends much."""

import asyncio
from collections.abc import Callable

from gateway.collect.tools import Tools
from gateway.store import Head
from wireformat.control import Ack

EVERY_WALL_S = 1.0
"""The least time between two acks to one board: one signature may cover all that came since."""

_TICK_S = 0.05

Deliver = Callable[[bytes, bytes], bool]
"""(device, signed ack): whether the broker took it."""


class Acker:
    """Holds one head a board; a later one replaces it."""

    def __init__(self, tools: Tools, deliver: Deliver) -> None:
        self._tools = tools
        self._deliver = deliver
        self._due: dict[bytes, Head] = {}
        self._next_s: dict[bytes, float] = {}
        self.sent = 0

    def ack(self, device: bytes, head: Head) -> None:
        """All of `device` up to `head` is committed. Called after the commit, and only then."""
        self._due[device] = head
        self._send(device, asyncio.get_running_loop().time())

    async def run(self) -> None:
        """Send what had to wait, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_TICK_S)
            now_s = loop.time()
            for device in list(self._due):
                self._send(device, now_s)

    def _send(self, device: bytes, now_s: float) -> None:
        if now_s < self._next_s.get(device, 0.0):
            return
        head = self._due[device]
        ack = Ack(device=device, epoch=head.epoch, seq=head.seq, head=head.hash)
        self._next_s[device] = now_s + EVERY_WALL_S
        if self._deliver(device, self._tools.signer.sign(ack)):
            del self._due[device]
            self.sent += 1
