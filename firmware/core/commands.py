"""From a verified command to its one outcome.

Order that no power cut breaks: a mark that names the counter is persisted, then the counter, then
the relay switches, then the outcome is chained and journalled, then the mark goes. A mark that is
found at boot without its outcome in the journal gets one then, so every command ends (ADR 146).
"""

import asyncio
import struct

from core.errors import JournalError
from core.log import log
from wireformat import codes, cose
from wireformat.chained import Outcome

_MARK = ">8sQBBIB"  # command id, counter, asset, action, value, why it is refused


class Commands:
    """Executes commands on `assets` (relays, or a breaker), numbered from 0."""

    def __init__(self, assets: list, chain: object, clock: object, store: object) -> None:
        self.assets = assets
        self._chain = chain
        self._clock = clock
        self._store = store
        self.counter = store.uint("counter")
        mark = store.blob("pending")
        if len(mark) == struct.calcsize(_MARK):
            # Power may have gone between the two.
            self.counter = max(self.counter, struct.unpack(_MARK, mark)[1])
        self.opted_out = False

    # ---- checks ------------------------------------------------------------------------------

    def transient_fault(self, command: object) -> int:
        """Why a command can't run now; it may come again, so it is not ended by this."""
        if command.counter <= self.counter:
            return codes.R_REPLAYED
        if self._chain.broken:
            return codes.R_FLASH
        if self._ends(command) or command.asset >= len(self.assets):
            return codes.R_NONE
        asset = self.assets[command.asset]
        if not asset.towards_safe(command.action, command.value):
            if not self._clock.trusted():
                return codes.R_CLOCK_UNTRUSTED
            if self._clock.now_s() < command.not_before_s:
                return codes.R_NOT_YET
        elif self._clock.trusted() and self._clock.now_s() < command.not_before_s:
            return codes.R_NOT_YET
        if self._final_fault(command):
            return codes.R_NONE  # for good, so patience would be in vain
        busy = asset.busy(command.action, command.value)
        return codes.R_BUSY if busy else codes.R_NONE

    def _ends(self, command: object) -> bool:
        # An untrusted clock is a lower bound: what has expired on it has expired.
        return self._clock.now_s() >= command.expires_s

    def _final_fault(self, command: object) -> int:
        if self._ends(command):
            return codes.R_EXPIRED
        if command.asset >= len(self.assets):
            return codes.R_NO_SUCH_ASSET
        asset = self.assets[command.asset]
        reason = asset.fault(command.action, command.value)
        if reason or not self.opted_out or asset.towards_safe(command.action, command.value):
            return reason
        return codes.R_OPTED_OUT

    # ---- execution ---------------------------------------------------------------------------

    async def execute(self, command: object) -> int:
        """Do or finally refuse an authentic command; returns the codes.R_* for the link.

        Raises `StorageError` before anything was switched.
        """
        reason = self._final_fault(command)
        order = (command.id, command.counter, command.asset, command.action, command.value)
        mark = struct.pack(_MARK, *order, reason)
        self._store.put(pending=mark)
        self._store.commit(counter=command.counter.to_bytes(8, "big"))
        self.counter = command.counter
        if reason == codes.R_NONE:
            asset = self.assets[command.asset]
            asset.apply(command.action, command.value, command.expires_s)
            if asset.settle_ms:
                await asyncio.sleep_ms(asset.settle_ms)
            if not asset.achieved(command.action, command.value):
                reason = codes.R_HARDWARE
        at_ms = self._clock.now_ms()
        await self._end(command.id, command.counter, command.asset, command.action, reason, at_ms)
        return reason

    async def _end(
        self, id: bytes, counter: int, asset: int, action: int, reason: int, at_ms: int
    ) -> None:
        status = codes.DONE
        if reason:
            status = codes.EXPIRED if reason == codes.R_EXPIRED else codes.REFUSED
        known = asset < len(self.assets)
        fields = {
            "command_id": id,
            "counter": counter,
            "status": status,
            "reason": reason,
            "asset": asset,
            "state": self.assets[asset].read_back(action) if known else 0,
            "at_ms": at_ms,
        }
        try:
            await self._chain.append(Outcome, fields)
        except JournalError as error:
            # It is signed and waits in RAM; the mark stays for the case that power goes first.
            log("commands", error)
            return
        self._store.commit(pending=None)

    # ---- after a restart ---------------------------------------------------------------------

    async def finish_pending(self) -> None:
        """End the command that a restart interrupted, if any, exactly once; it is not repeated."""
        mark = self._store.blob("pending")
        if len(mark) != struct.calcsize(_MARK):
            return
        id, counter, asset, action, value, reason = struct.unpack(_MARK, mark)
        self._store.put(counter=self.counter.to_bytes(8, "big"))
        if self._has_outcome(counter):
            self._store.commit(pending=None)
            return
        if reason == codes.R_NONE and not self._still_so(asset, action, value):
            reason = codes.R_INTERRUPTED
        await self._end(id, counter, asset, action, reason, self._clock.now_ms())

    def _still_so(self, number: int, action: int, value: int) -> bool:
        # The relay is in its fallback, or will be: only what led there has lasted.
        if number >= len(self.assets):
            return False
        asset = self.assets[number]
        return asset.towards_safe(action, value) and asset.achieved(action, value)

    def _has_outcome(self, counter: int) -> bool:
        found = False
        # To the end always: a generator left half-way would keep its file open.
        for code, _, data in self._chain.journal.records():
            if code == Outcome.CODE:
                outcome = Outcome.from_payload(cose.split(data).payload)
                found = found or outcome.counter == counter
        return found
