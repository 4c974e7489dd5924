"""Whose turn it is on a bus: urgent requests wait for the frame in flight, and for no other."""

import asyncio
import heapq
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass
class Waits:
    """How often urgent requests met polling on the line, and how long they waited for it, wall
    seconds. What they wait for each other is not in it.

    `unanswered`: of these, how many met a request that no board answered; they wait for its
    time-out, and `longest_s` leaves them out.
    """

    count: int = 0
    total_s: float = 0.0
    longest_s: float = 0.0
    unanswered: int = 0
    longest_unanswered_s: float = 0.0

    def add(self, waited_s: float, answered: bool) -> None:
        """One more."""
        self.count += 1
        self.total_s += waited_s
        if answered:
            self.longest_s = max(self.longest_s, waited_s)
        else:
            self.unanswered += 1
            self.longest_unanswered_s = max(self.longest_unanswered_s, waited_s)


@dataclass
class Turn:
    """One holding of the bus; who holds it says if nobody answered."""

    answered: bool = True


class Turns:
    """A lock with two classes of waiters; within a class, first come, first served."""

    def __init__(self) -> None:
        self._busy = False
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0
        self._polling = False
        self._met_s: list[float] = []
        self.waits = Waits()

    @asynccontextmanager
    async def take(self, urgent: bool = False) -> AsyncIterator[Turn]:
        """Hold the bus for one request and its reply."""
        if urgent and self._busy and self._polling:
            self._met_s.append(time.monotonic())
        await self._acquire(urgent)
        self._polling, turn = not urgent, Turn()
        try:
            yield turn
        finally:
            for met_s in self._met_s:
                self.waits.add(time.monotonic() - met_s, turn.answered)
            self._met_s.clear()
            self._release()

    async def _acquire(self, urgent: bool) -> None:
        if not self._busy:
            self._busy = True
            return
        turn = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._waiting, (0 if urgent else 1, self._count, turn))
        try:
            await turn
        except asyncio.CancelledError:
            # The turn may have been handed over in the same step as the cancellation.
            if turn.done() and not turn.cancelled():
                self._release()
            raise

    def _release(self) -> None:
        while self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._busy = False
