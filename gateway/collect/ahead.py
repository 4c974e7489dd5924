"""What a board did with its commands, read ahead of the records that wait before it (ADR 171).

An outcome is a record, so in its turn it comes behind a whole backlog. It is also the newest record
of its board, or nearly: looked at from that end it costs a request or two, and it is signed. Its
turn in the chain comes all the same, and only then is it stored and acked.
"""

import asyncio

from gateway.admit import AdmissionRefused, Board
from gateway.admit.admission import check_signature
from gateway.admit.chain import Position
from gateway.collect.link import BoardLink
from gateway.collect.status import BoardStatus
from gateway.collect.tools import Tools
from wireformat.chained import Outcome

LOOK_BACK = 8
"""Records looked at from the newest end, at most; where fewer wait, the pull is as fast."""


class Ahead:
    """Looks at one place on a bus; remembers up to where. One look at a time: a visit's and a
    command's are for the same records."""

    def __init__(self, tools: Tools, link: BoardLink) -> None:
        self._tools = tools
        self._link = link
        self._looked: Position = (0, 0)
        self._turn = asyncio.Lock()

    async def look(self, board: Board, status: BoardStatus) -> None:
        """End those of the board's commands whose outcomes are there. Raises `CollectError`."""
        if status.unacked > LOOK_BACK:
            async with self._turn:
                await self._look(board, status)

    async def _look(self, board: Board, status: BoardStatus) -> None:
        store = self._tools.store
        awaited = await store.run(store.store.commands.awaited, board.address)
        seq = status.next_seq
        first = max(seq - LOOK_BACK, 0)
        while awaited and seq > first and (status.epoch, seq - 1) >= self._looked:
            seq -= 1
            outcome = await self._outcome_at(board, (status.epoch, seq))
            if outcome is not None and outcome[0].command_id in awaited:
                awaited.discard(outcome[0].command_id)
                await store.run(store.store.commands.foretell, board.address, *outcome)
                self._tools.on_records()
        self._looked = max(self._looked, (status.epoch, status.next_seq))

    async def _outcome_at(self, board: Board, place: Position) -> tuple[Outcome, bytes] | None:
        """The outcome at `place`, truly signed; None for anything else: its turn will tell."""
        found = await self._link.record_at(*place)
        if found is None or found[0] != Outcome.CODE:
            return None
        try:
            record, opened = self._tools.admission.open(board, *found)
            check_signature(board, opened)
        except AdmissionRefused:
            return None
        return (record, found[1]) if isinstance(record, Outcome) else None
