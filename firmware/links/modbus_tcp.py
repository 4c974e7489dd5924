"""The board as a Modbus TCP server (Modbus Messaging on TCP/IP V1.0b): the register map of the bus.

There is no TLS: records and commands are signed, so that a listener learns readings, and whoever is
on the network can ask, delay and crowd out, but not forge. A few places, each with an inbox and a
token bucket of its own: a flood on one connection takes nothing from the others.
"""

import asyncio

from core.log import log
from links import wifi
from links.inbox import Inbox
from links.modbus_server import ModbusServer
from links.registers import Registers

HEAD_BYTES = 7
MAX_PDU_BYTES = 253
FRAME_MS = 3000
"""A request that was begun is whole by then, or its connection ends."""
IDLE_MS = 120000
_YIELDS_AFTER_MS = 10000
_NAP_MS = 2000


def head(data: bytes) -> "tuple[int, int] | None":
    """(bytes that follow, unit) of an MBAP header; None if it is none."""
    size = data[4] << 8 | data[5]
    if data[2] or data[3] or not 2 <= size <= MAX_PDU_BYTES + 1:
        return None
    return size - 1, data[6]


class Place:
    """What one connection has: who is there, and since when it was silent."""

    def __init__(self, node: object, number: int) -> None:
        self.inbox = Inbox(node.gate, node.liveness, "tcp inbox %d" % number)
        self.server = ModbusServer(Registers(node, self.inbox))
        self.task: object = None
        self.heard_ms = 0


class ModbusTcpLink:
    """`config` is the "tcp" settings, `station` a `network.WLAN`."""

    def __init__(self, node: object, station: object, config: object) -> None:
        self._node = node
        self._station = station
        self._config = config
        self._places = [Place(node, n) for n in range(config.connections)]
        self.refused = 0

    def tasks(self) -> list:
        """What has to run: the link, and an inbox for each place."""
        return [self.run()] + [place.inbox.run() for place in self._places]

    async def run(self) -> None:
        """Serve whenever there is a network."""
        server = None
        while True:
            self._beat()
            try:
                await wifi.join(self._station, self._config, self._beat)
                if server is None:
                    port = self._config.port
                    server = await asyncio.start_server(self._serve, "0.0.0.0", port, 2)
                    log("tcp", "serves on port %d" % port)
            except OSError as error:
                log("tcp", "%r" % error)
            await asyncio.sleep_ms(_NAP_MS)

    def _beat(self) -> None:
        self._node.liveness.beat("tcp")

    # ---- connections -------------------------------------------------------------------------

    async def _serve(self, reader: object, writer: object) -> None:
        place = self._place()
        if place is None:
            self.refused += 1
            await _close(writer)
            return
        own = place.task = asyncio.current_task()
        place.heard_ms = self._node.clock.up_ms()
        try:
            while await self._request(place, reader, writer):
                pass
        except (OSError, EOFError, asyncio.TimeoutError):
            pass  # it went away, or fell silent
        finally:
            if place.task is own:
                place.task = None
            await _close(writer)

    def _place(self) -> "Place | None":
        """One that is free; else that of who has been silent for longest, if for long enough."""
        for place in self._places:
            if place.task is None:
                return place
        place = min(self._places, key=lambda place: place.heard_ms)
        if self._node.clock.up_ms() - place.heard_ms < _YIELDS_AFTER_MS:
            return None
        # What it waits for is its next request: nothing that was begun is cut short.
        place.task.cancel()
        return place

    async def _request(self, place: Place, reader: object, writer: object) -> bool:
        """Answer one request; False if what came is none."""
        first = await asyncio.wait_for_ms(reader.readexactly(1), IDLE_MS)
        rest = await asyncio.wait_for_ms(_frame(reader, first), FRAME_MS)
        if rest is None:
            return False
        start, pdu = rest
        place.heard_ms = self._node.clock.up_ms()
        try:
            answer = place.server.answer(pdu)
        except Exception as error:  # a fault of ours must not take the board down
            log("tcp", "request %s: %r" % (pdu[:8].hex(), error))
            answer = bytes((pdu[0] | 0x80, 4))
        size = len(answer) + 1
        writer.write(start[:4] + bytes((size >> 8, size & 0xFF, start[6])) + answer)
        await asyncio.wait_for_ms(writer.drain(), FRAME_MS)
        return True


async def _frame(reader: object, first: bytes) -> "tuple[bytes, bytes] | None":
    """Header and PDU of a request that begins with `first`; None if it is no Modbus."""
    start = first + await reader.readexactly(HEAD_BYTES - 1)
    found = head(start)
    return None if found is None else (start, await reader.readexactly(found[0]))


async def _close(stream: object) -> None:
    stream.close()
    try:
        await stream.wait_closed()
    except OSError:
        pass  # it is over anyway
