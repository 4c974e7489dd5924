"""The health check that new firmware has to pass, and what is told of it on the chain.

Confirmed is what keeps every task turning, has signed and journalled an interval record of its
own start, and has heard the gateway. Firmware that came over a link must hear it: else nobody
could send another. One that came over the cable may be on a desk: it is confirmed without after
two minutes.
"""

import asyncio

from board import reset
from core.errors import StorageError
from core.log import log
from update.slots import CONFIRMED, Slots
from wireformat import codes

_LOOK_MS = 1000
_ALONE_MS = 120000
_PATIENCE_MS = 600000


async def run(node: object, kind: type) -> None:
    """What `node`, whose interval records are of class `kind`, has to do once at this start."""
    await Trial(node, kind).run()


class Trial:
    """One start of firmware on trial, or the first one after a trial."""

    def __init__(self, node: object, kind: type) -> None:
        self._node = node
        self._kind = kind
        self._slots = Slots(node.store)

    async def run(self) -> None:
        """Judge the trial, if there is one, and tell how the last one ended."""
        if self._slots.on_trial:
            self._node.update = codes.UP_TRIAL << 8
            await self._judge()
        if self._slots.report:
            await self._tell()

    async def _judge(self) -> None:
        node = self._node
        log("update", "on trial, roll-back index %d" % self._slots.index)
        patience_ms = _PATIENCE_MS + 2000 * node.config.interval_s
        while not self._healthy():
            if node.clock.up_ms() > patience_ms:
                silent = self._works() and self._slots.must_hear
                self._give_up(codes.RB_SILENT if silent else codes.RB_STALLED)
            await asyncio.sleep_ms(_LOOK_MS)
        self._slots.confirm()
        log("update", "confirmed after %d s" % (node.clock.up_ms() // 1000))

    def _healthy(self) -> bool:
        if not self._works():
            return False
        alone = not self._slots.must_hear and self._node.clock.up_ms() > _ALONE_MS
        return self._node.comms.ever or alone

    def _works(self) -> bool:
        """Poller, recorder, links and house turn, and a record of this start is on flash."""
        node = self._node
        record = node.chain.journal.newest_of(self._kind.CODE) if self._signed() else None
        return record is not None and not node.liveness.stalled()

    def _signed(self) -> bool:
        # Cheaper than the look into the journal: the boot event alone is seq 0.
        return self._node.chain.next_seq > 1 and not self._node.chain.broken

    def _give_up(self, why: int) -> None:
        log("update", "not confirmed, reason %d" % why)
        self._slots.roll_back(why)
        reset()

    async def _tell(self) -> None:
        kind, detail = codes.EV_UPDATED, [self._slots.index]
        if self._slots.report != CONFIRMED:
            kind = codes.EV_ROLLED_BACK
            detail.append(self._slots.report)
            log("update", "rolled back, reason %d" % self._slots.report)
            self._node.update = codes.UP_FAILED << 8 | codes.R_ROLLED_BACK
        else:
            self._node.update = codes.UP_RUNS << 8
        await self._node.chain.event(kind, detail)
        try:
            self._slots.reported()
        except StorageError as error:
            log("update", error)  # told once more at the next start
