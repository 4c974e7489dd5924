"""Releases for boards over MQTT and BLE: a task for each that one waits for, as long as it does.

They are called by their ledger address, or at least its first eight digits, as the status shows
them; over BLE by what they are called on the air, too.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from gateway.collect.errors import CollectError
from gateway.errors import GatewayError
from gateway.mqtt.boards import Boards, MqttBoard
from gateway.notices import Notices
from gateway.updates.errors import AmbiguousDevice
from gateway.updates.names import is_called
from gateway.updates.queue import Updates
from gateway.updates.ways import OverAir
from ledger.clock import Clock
from wireformat import codes

log = logging.getLogger("gateway")

LOOK_S, LOOK_WALL_S = 1.0, 0.1
"""Between two looks for releases, and two questions to a board that is busy: the run's clock, and
the least of it in wall time."""


class AirUpdates:
    """`links`: who has boards without a bus."""

    def __init__(
        self, updates: Updates, links: Sequence[Boards], clock: Clock, notices: Notices
    ) -> None:
        self._updates, self._links = updates, links
        self._clock, self._notices = clock, notices
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Bring what waits, for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                for name in self._updates.waiting():
                    if name not in self._under_way:
                        self._begin(group, name)
                await asyncio.sleep(self._look_s)

    @property
    def _look_s(self) -> float:
        return max(self._clock.wall(LOOK_S), LOOK_WALL_S)

    def _begin(self, group: asyncio.TaskGroup, name: str) -> None:
        found = [
            (boards, board)
            for boards in self._links
            for board in boards.known.values()
            if is_called(board.device, name)
        ]
        if len({board.device for _, board in found}) > 1:
            self._updates.end(name, AmbiguousDevice(f"{len(found)} boards", name))
        elif found:
            # One that has two ways is updated over the one where it was heard last.
            boards, board = max(found, key=lambda one: one[1].seen_ms)
            task = group.create_task(self._bring(name, boards, board), name=f"update {name}")
            self._under_way[name] = task
            task.add_done_callback(lambda _: self._under_way.pop(name, None))

    async def _bring(self, name: str, boards: Boards, board: MqttBoard) -> None:
        way, key = OverAir(boards, board), f"update {name}"
        while name in self._updates.waiting():
            if board.status is None or not boards.is_here(board.device):
                return
            board.news.clear()
            try:
                more = await self._updates.bring(name, way, board.status)
                self._notices.clear(key)
            except (CollectError, OSError) as error:
                named = error if isinstance(error, CollectError) else GatewayError(str(error), key)
                self._notices.report(key, named, self._clock.unix_ms())
                more = False
            busy = board.status.update >> 8 == codes.UP_BUSY
            if not more or busy:
                await self._news(board)
            if busy and not board.news.is_set():
                way.nudge()
                await self._news(board)
        self._notices.clear(key)

    async def _news(self, board: MqttBoard) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._look_s):
                await board.news.wait()
