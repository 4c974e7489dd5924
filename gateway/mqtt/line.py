"""One connection kept up: tried again with growing, uneven pauses, its session taken up again."""

import asyncio
import logging
import random
from collections.abc import Callable

from gateway.collect.errors import CollectError
from gateway.mqtt.client import Address, Connection
from gateway.mqtt.packets import Message
from gateway.tasks import is_cancelled

log = logging.getLogger("gateway")

RETRY_FIRST_S, RETRY_MOST_S = 0.2, 3.0

MakeAddress = Callable[[], Address]
TakeFrom = Callable[[list[Message], Connection], None]


class Line:
    """`tell(None)`: it is up; `tell(error)`: it is not, and why.

    `topics` must be granted; `wishes` are read where the broker lets us.
    """

    def __init__(
        self,
        address: MakeAddress,
        topics: list[str],
        take: TakeFrom,
        tell: Callable[[CollectError | None], None],
        wishes: list[str] | None = None,
    ) -> None:
        self._address, self._take, self._tell = address, take, tell
        self._filters = [(topic, 1) for topic in topics]
        self._wishes = [(topic, 1) for topic in wishes or ()]
        self.connection: Connection | None = None
        self.connects = 0

    async def run(self) -> None:
        """Stay connected for ever."""
        wait_s = RETRY_FIRST_S
        while not is_cancelled():
            try:
                connection = await self._connect()
            except CollectError as error:
                self._tell(error)
                # Not in step: a broker that comes back meets its clients one by one.
                await asyncio.sleep(wait_s * random.uniform(0.5, 1.5))
                wait_s = min(2 * wait_s, RETRY_MOST_S)
                continue
            wait_s = RETRY_FIRST_S
            try:
                self._tell(await connection.closed)
            finally:
                self.connection = None
                await connection.close()

    async def _connect(self) -> Connection:
        address = self._address()
        connection = Connection(address, lambda messages: self._take(messages, connection))
        await connection.open(self._filters, self._wishes)
        self.connection = connection
        self.connects += 1
        self._tell(None)
        log.info("mqtt: connected to %s as %s", address, address.client_id)
        return connection
