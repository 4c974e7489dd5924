"""Events wait here for their signature, so that whoever reports one never waits for it."""

import asyncio

from core.log import log

_QUEUE_EVENTS = 16


class EventQueue:
    """Bounded: a storm of events must not eat the heap."""

    def __init__(self) -> None:
        self._waiting = []
        self._arrived = asyncio.Event()

    def report(self, kind: int, detail: "list[int] | None" = None) -> None:
        """Have an event of `kind` (codes.EV_*) chained soon."""
        if len(self._waiting) < _QUEUE_EVENTS:
            self._waiting.append((kind, detail or []))
            self._arrived.set()
        else:
            log("events", "queue full, event %d dropped" % kind)

    async def run(self, chain: object) -> None:
        """Chain events for ever, each as soon as it was reported."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                kind, detail = self._waiting.pop(0)
                await chain.event(kind, detail)
