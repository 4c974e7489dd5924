"""Records that came from the broker and wait to be judged. Bounded: reading stops in time.

Nothing is dropped here. What isn't acknowledged is the broker's to keep, and the board's after it.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from gateway.ingest import Arrival
from gateway.mqtt.client import Connection

HIGH, LOW = 8192, 4096
"""Records that wait: from `HIGH` on the socket is not read, until they are `LOW` again."""


@dataclass(slots=True)
class Waiting:
    """An arrival, and what to acknowledge once it is committed (`mid` 0: nothing)."""

    arrival: Arrival
    mid: int
    connection: Connection


class Intake:
    """One queue; `most` shows how full it ever was."""

    def __init__(self) -> None:
        self._queue: deque[Waiting] = deque()
        self._filled = asyncio.Event()
        self._paused: Connection | None = None
        self.most = 0

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, arrival: Arrival, mid: int, connection: Connection) -> None:
        """Add one; pauses its connection if that makes too many."""
        self._queue.append(Waiting(arrival, mid, connection))
        self._filled.set()
        size = len(self._queue)
        self.most = max(self.most, size)
        if size >= HIGH and self._paused is not connection:
            self._paused = connection
            connection.pause()

    async def take(self, most: int) -> list[Waiting]:
        """Up to `most`, in their order; waits until there is one."""
        while not self._queue:
            self._filled.clear()
            await self._filled.wait()
        taken = [self._queue.popleft() for _ in range(min(most, len(self._queue)))]
        if self._paused is not None and len(self._queue) <= LOW:
            self._paused.resume()
            self._paused = None
        return taken


def confirm(batch: list[Waiting]) -> None:
    """PUBACK a committed batch, each message on the connection that brought it."""
    by_connection: dict[Connection, list[int]] = {}
    for waiting in batch:
        if waiting.mid:
            by_connection.setdefault(waiting.connection, []).append(waiting.mid)
    for connection, mids in by_connection.items():
        connection.confirm(mids)
