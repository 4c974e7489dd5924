"""All buses of a gateway, and the way to a board wherever it answers."""

import asyncio

from gateway.collect.errors import BoardAbsent, FrameRefused
from gateway.collect.inbox import deliver
from gateway.collect.tools import Tools
from gateway.collect.visit import Place
from gateway.collect.worker import BusWorker
from gateway.config import BusConfig
from wireformat import codes
from wireformat.control import Certificate, Command

_NEEDS_CONTROL = (codes.R_UNKNOWN_KEY, codes.R_CERT_EXPIRED)


class Collector:
    """One worker a bus, side by side."""

    def __init__(self, tools: Tools, buses: tuple[BusConfig, ...]) -> None:
        self._tools = tools
        self.workers = [BusWorker(tools, bus) for bus in buses]

    async def run(self) -> None:
        """Collect for ever."""
        async with asyncio.TaskGroup() as group:
            for worker in self.workers:
                group.create_task(worker.run(), name=f"bus {worker.bus.name}")

    async def command(self, device: bytes, data: bytes) -> None:
        """Bring a signed command to `device`, ahead of all polling.

        Returns when the board executed it; raises `FrameRefused`, `FrameLost`, `BoardAbsent` or
        what the line did. Either way the board is visited next: its outcome is a record.
        """
        worker, place = self._find(device)
        clock = self._tools.clock
        try:
            try:
                await deliver(place.link, clock, Command.CODE, data, urgent=True)
            except FrameRefused as error:
                control = self._tools.directory.control
                if error.reason not in _NEEDS_CONTROL or control is None:
                    raise
                await deliver(place.link, clock, Certificate.CODE, control[1], urgent=True)
                await deliver(place.link, clock, Command.CODE, data, urgent=True)
        finally:
            worker.hurry(place)

    def _find(self, device: bytes) -> tuple[BusWorker, Place]:
        for worker in self.workers:
            for place in worker.places:
                if place.seen.device == device and worker.bus.is_open:
                    return worker, place
        raise BoardAbsent(f"board {device.hex()}", "no bus")
