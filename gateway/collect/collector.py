"""All buses of a gateway, and the way to a board wherever it answers."""

import asyncio
from collections.abc import Callable, Iterable

from gateway.collect.bus import Bus
from gateway.collect.errors import BoardAbsent
from gateway.collect.tools import Tools
from gateway.collect.visit import Visited
from gateway.collect.worker import BusWorker
from gateway.config import BusConfig
from gateway.errors import GatewayError

Attested = Callable[[Tools, Bus, BusConfig], Iterable[Visited]]
"""Makes the places of a bus's commercial devices (`gateway.attest.devices`)."""


def _none(tools: Tools, bus: Bus, config: BusConfig) -> Iterable[Visited]:
    return ()


class Collector:
    """One worker a bus, side by side."""

    def __init__(
        self,
        tools: Tools,
        buses: tuple[BusConfig, ...],
        attested: Attested = _none,
        make_bus: Callable[[BusConfig], Bus] = Bus,
    ) -> None:
        self.workers: list[BusWorker] = []
        for config in buses:
            bus = make_bus(config)
            self.workers.append(BusWorker(tools, bus, config, attested(tools, bus, config)))

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
        try:
            await place.obey(data)
        except GatewayError:
            raise
        except Exception as error:
            # As with a visit: it must not end the others' commands. This one is tried again.
            raise worker.bug(place, "a command", error) from error
        finally:
            worker.hurry(place)

    def _find(self, device: bytes) -> tuple[BusWorker, Visited]:
        for worker in self.workers:
            for place in worker.places:
                if place.seen.device == device and worker.bus.is_open:
                    return worker, place
        raise BoardAbsent(f"board {device.hex()}", "no bus")
