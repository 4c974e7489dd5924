"""One bus: keeps the port open, visits its boards in turn, never lets one hold up the others.

Two visits go on side by side. They share the line frame by frame, so that it is not idle while one
of them waits for the store's commit, for a board's verification, or for a meter's pause.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable

from gateway.collect.bus import Bus
from gateway.collect.errors import (
    BusLost,
    CollectError,
    FrameLost,
    GarbledReply,
    InternalError,
    ModbusRefused,
    NoReply,
    NotABoard,
    TwoBoardsOnOneAddress,
    WrongReply,
)
from gateway.collect.link import BoardLink
from gateway.collect.quarantine import Schedule
from gateway.collect.tools import Tools
from gateway.collect.visit import Place, Visited
from gateway.config import BusConfig
from gateway.store import StoreError
from gateway.tasks import is_cancelled

log = logging.getLogger("gateway")

_SILENT = (NoReply, GarbledReply, WrongReply, FrameLost, ModbusRefused, NotABoard)
"""Failures that cost the bus time, so that the board is visited less often."""

LANES = 2
REOPEN_FIRST_S, REOPEN_MOST_S = 0.2, 2.0
GARBLED_FOR_TWO = 4
STORE_RETRY_S = 1.0


class BusWorker:
    """Runs until it is cancelled. `places` are the configured addresses, in order."""

    def __init__(
        self, tools: Tools, bus: Bus, config: BusConfig, attested: Iterable[Visited] = ()
    ) -> None:
        self.bus = bus
        self._tools = tools
        self.places: list[Visited] = [
            Place(tools, BoardLink(bus, device.address), device) for device in config.devices
        ]
        self.places += attested
        interval_s = tools.clock.wall(tools.poll_s)
        # Staggered: a command then never finds a whole round of polls before it.
        self.schedules = {
            place: Schedule(interval_s, interval_s * number / len(self.places))
            for number, place in enumerate(self.places)
        }
        self._under_way: set[Visited] = set()
        self._opening = asyncio.Lock()
        self._garbled: dict[Visited, int] = {}
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Keep the bus going for ever."""
        try:
            async with asyncio.TaskGroup() as lanes:
                for number in range(min(LANES, len(self.places))):
                    lanes.create_task(self._lane(), name=f"{self.bus.name} lane {number}")
        finally:
            self.bus.close()

    async def _lane(self) -> None:
        while not is_cancelled():
            if not self.bus.is_open:
                async with self._opening:
                    if not self.bus.is_open:
                        await self._reopen()
            await self._step()

    def schedule_of(self, name: str) -> Schedule:
        """The schedule of the place that people call `name`."""
        return next(self.schedules[place] for place in self.places if place.config.name == name)

    def hurry(self, place: Visited) -> None:
        """Visit `place` next: it has something to say."""
        self.schedules[place].hurry()
        self._wake.set()

    async def _reopen(self) -> None:
        wait_s = REOPEN_FIRST_S
        while True:
            try:
                await self.bus.open()
                break
            except BusLost as error:
                self._report(self.bus.name, error)
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, REOPEN_MOST_S)
        # Silence while an adapter went away says nothing of the boards behind it.
        for schedule in self.schedules.values():
            schedule.forgive()
        self._tools.notices.clear(self.bus.name)
        log.info("%s: port open", self.bus.name)

    async def _step(self) -> None:
        """Visit who is due first, or wait until somebody is."""
        now_s = asyncio.get_running_loop().time()
        free = [place for place in self.places if place not in self._under_way]
        place = min(free, key=lambda place: self.schedules[place].due_s, default=None)
        wait_s = None if place is None else self.schedules[place].due_s - now_s
        if place is None or wait_s is None or wait_s > 0:
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            return
        self._under_way.add(place)
        try:
            await self._visit(place)
        finally:
            self._under_way.discard(place)
            self._wake.set()

    async def _visit(self, place: Visited) -> None:
        name, schedule = place.config.name, self.schedules[place]
        loop = asyncio.get_running_loop()
        spent_s = self._spent_s(place)
        try:
            more = await place.visit(schedule.probe_s)
        except BusLost as error:
            self._lost(error)
        except _SILENT as error:
            schedule.failed(loop.time(), self._spent_s(place) - spent_s)
            self._report_silent(place, error)
        except CollectError as error:
            # The board answers; what is wrong with it costs the others nothing.
            schedule.answered(loop.time())
            self._report(name, error)
        except StoreError as error:
            schedule.failures = 0
            schedule.due_s = loop.time() + STORE_RETRY_S
            self._report("store", error)
        except Exception as error:
            # Nobody foresaw it. It must not end the others' records and commands too.
            schedule.answered(loop.time())
            self._report(name, self.bug(place, "a visit", error))
        else:
            self._answered(place, more)

    def _spent_s(self, place: Visited) -> float:
        return self.bus.spent_s.get(place.config.address, 0.0)

    def _lost(self, error: BusLost) -> None:
        # The other lane may have opened it again.
        if not self.bus.is_open:
            self.bus.close()
            self._report(self.bus.name, error)

    def _answered(self, place: Visited, more: bool) -> None:
        schedule, now_s = self.schedules[place], asyncio.get_running_loop().time()
        schedule.answered(now_s)
        due_in_s = place.due_in_s()
        if due_in_s is not None:
            schedule.due_s = now_s + self._tools.clock.wall(due_in_s)
        if more:
            # Behind the others that are due, but before the next interval.
            schedule.due_s = asyncio.get_running_loop().time()
        self._garbled.pop(place, None)
        self._tools.notices.clear(place.config.name)
        self._tools.notices.clear("store")

    def _report_silent(self, place: Visited, error: CollectError) -> None:
        count = self._garbled.get(place, 0) + 1 if isinstance(error, GarbledReply) else 0
        self._garbled[place] = count
        others_fine = any(
            self.schedules[other].failures == 0 and other.seen.seen_ms
            for other in self.places
            if other is not place
        )
        if count >= GARBLED_FOR_TWO and others_fine:
            error = TwoBoardsOnOneAddress(
                f"garbled {count} times in a row while others on the bus are clear",
                place.where,
            )
        self._report(place.config.name, error)

    def bug(self, place: Visited, what: str, error: Exception) -> InternalError:
        """The name of what nobody foresaw; its traceback is logged once as long as that lasts."""
        known = self._tools.notices.open().get(place.config.name)
        if known is None or known.error.code != InternalError.code:
            log.error("%s: %s failed", place.where, what, exc_info=error)
        return InternalError(f"{type(error).__name__}: {error}", place.where)

    def _report(self, key: str, error: CollectError | StoreError) -> None:
        self._tools.notices.report(key, error, self._tools.clock.unix_ms())
