"""What links without a bus, MQTT and BLE, have in common once records are examined: the commit, and
then the word of it, to boards by acks and to people by notices."""

import asyncio
from collections.abc import Callable

from gateway.collect.errors import CollectError, RecordsHeld, UnknownBoard
from gateway.collect.tools import Tools
from gateway.ingest import Arrival, Ingest, Taken
from gateway.mqtt.acker import Acker
from gateway.mqtt.boards import Boards
from gateway.store import Head, StoreError

STORE_RETRY_S = 1.0


class Settling:
    """`name` is a device's among the notices; `odd` counts an error and tells of it once."""

    def __init__(
        self,
        tools: Tools,
        ingest: Ingest,
        boards: Boards,
        acker: Acker,
        name: Callable[[bytes], str],
        odd: Callable[[CollectError], None],
    ) -> None:
        self._tools, self._ingest = tools, ingest
        self._boards, self._acker = boards, acker
        self._name, self._odd = name, odd
        self._heads: dict[bytes, Head] = {}

    async def load(self) -> None:
        """Take over what is committed already."""
        store = self._tools.store
        self._heads = await store.run(store.store.heads)

    def ack_again(self, device: bytes) -> None:
        """A board that waits for an ack may have lost it: with what is committed, nothing more."""
        head = self._heads.get(device)
        if head is not None:
            self._acker.ack(device, head)

    async def commit(self, arrivals: list[Arrival]) -> Taken:
        """Until it succeeds: as long as the store can't commit, nothing is acked."""
        while True:
            try:
                taken = await self._ingest.settle(arrivals)
            except StoreError as error:
                self._notice("store", error)
                await asyncio.sleep(STORE_RETRY_S)
            else:
                self._tools.notices.clear("store")
                return taken

    def tell(self, taken: Taken) -> None:
        """Acks, and what is wrong with whom."""
        self._heads.update(taken.heads)
        for device, head in taken.heads.items():
            self._acker.ack(device, head)
            board = self._boards.seen(device)
            held = taken.held.get(device)
            if board is not None:
                board.held = held.code if held else ""
            if held is None:
                self._tools.notices.clear(self._name(device))
        for device, refusal in taken.held.items():
            name = self._name(device)
            self._notice(name, RecordsHeld(str(refusal), name))
        for device in taken.unknown:
            self._odd(UnknownBoard(f"board {device.hex()}", self._name(device)))

    def _notice(self, key: str, error: CollectError | StoreError) -> None:
        self._tools.notices.report(key, error, self._tools.clock.unix_ms())
