"""Events wait here for their signature, so that whoever reports one never waits for it."""

from core.log import log

_QUEUE_EVENTS = 16


class EventQueue:
    """Bounded: a storm of events must not eat the heap."""

    def __init__(self) -> None:
        self._waiting = []

    def report(self, kind: int, detail: "list[int] | None" = None) -> None:
        """Have an event of `kind` (codes.EV_*) chained soon."""
        if len(self._waiting) < _QUEUE_EVENTS:
            self._waiting.append((kind, detail or []))
        else:
            log("events", "queue full, event %d dropped" % kind)

    async def drain(self, chain: object) -> None:
        """Chain what waits."""
        while self._waiting:
            kind, detail = self._waiting.pop(0)
            await chain.event(kind, detail)
