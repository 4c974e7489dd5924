"""What stands between a socket and the embedded broker: whole, small MQTT packets after a CONNECT.

amqtt (0.12) reads what a client says it sends, however long; it waits for a first packet for ever,
keeps the socket of one whose first packet is no CONNECT, and does not end a client that has been
silent for longer than it promised. All of that ends here. Clauses are of MQTT 3.1.1.
"""

import asyncio
from collections.abc import Callable

CONNECT_S = 5.0
"""How long a client may take to say who it is ("a reasonable amount of time", 3.1.4)."""

LONGEST = 2048
"""Bytes of a packet, as in what `mqtt-setup` writes for Mosquitto; a record's message has 320."""

GRACE = 1.5
"""Of the keep alive: how long a client may be silent (MQTT-3.1.2-24)."""

_READ = 4096
_CONNECT = 0x10
_LEVEL_AND_FLAGS = 2
"""Bytes of a CONNECT between the protocol's name and the keep alive."""

Refused = Callable[[str], None]


class Gate:
    """An amqtt `ReaderAdapter` for `reader`; `refused` gets what is wrong with the client, once."""

    def __init__(self, reader: asyncio.StreamReader, refused: Refused) -> None:
        self._reader, self._refused = reader, refused
        self._buffer = bytearray()
        self._packet, self._at = b"", 0
        self._ended = False
        self._silence_s: float | None = None
        self._deadline_s: float | None = asyncio.get_running_loop().time() + CONNECT_S
        self.connected = False
        """Whether a CONNECT came."""

    def feed_eof(self) -> None:
        """Read no more."""
        self._ended = True

    async def read(self, n: int = -1) -> bytes:
        """Return `n` bytes of the packet at hand, of the next one if that was read, or the rest.

        Raises `IncompleteReadError` when nothing more will come.
        """
        if n == 0:
            return b""
        if self._ended:
            raise asyncio.IncompleteReadError(b"", 1)
        if self._at == len(self._packet):
            self._packet, self._at = await self._next(), 0
        until = len(self._packet) if n < 0 else self._at + n
        if until > len(self._packet):
            raise self._end("a packet ends before what it says it holds")
        part = self._packet[self._at : until]
        self._at = until
        return part

    async def _next(self) -> bytes:
        """Return the next packet. May be cancelled: what was read by then is not lost."""
        while (size := self._size()) is None or len(self._buffer) < size:
            await self._fill()
        packet = bytes(self._buffer[:size])
        del self._buffer[:size]
        if not self.connected:
            self._greet(packet)
        if self._silence_s is not None:
            self._deadline_s = asyncio.get_running_loop().time() + self._silence_s
        return packet

    def _size(self) -> int | None:
        """Bytes of the packet that the buffer begins with; None while that is not known."""
        if not self._buffer:
            return None
        if not self.connected and self._buffer[0] != _CONNECT:
            raise self._end("its first packet is no CONNECT (MQTT-3.1.0-1)")
        length = 0
        for place in range(4):
            if len(self._buffer) < place + 2:
                return None
            byte = self._buffer[place + 1]
            length |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                if (size := length + place + 2) > LONGEST:
                    raise self._end(f"a packet of {size} bytes; {LONGEST} are taken")
                return size
        raise self._end("a packet without an end of its length (2.2.3)")

    def _greet(self, packet: bytes) -> None:
        """Take the keep alive from a CONNECT (3.1.2)."""
        start = 2
        while packet[start - 1] >= 0x80:
            start += 1
        place = start + 2 + int.from_bytes(packet[start : start + 2], "big") + _LEVEL_AND_FLAGS
        if len(packet) < place + 2:
            raise self._end("its CONNECT is too short")
        keep_alive_s = int.from_bytes(packet[place : place + 2], "big")
        self._silence_s = GRACE * keep_alive_s or None
        self._deadline_s = None
        self.connected = True

    async def _fill(self) -> None:
        try:
            async with asyncio.timeout_at(self._deadline_s):
                more = await self._reader.read(_READ)
        except TimeoutError:
            if self.connected:
                raise self._end("silent for longer than its keep alive (MQTT-3.1.2-24)") from None
            raise self._end(f"no CONNECT within {CONNECT_S:.0f} s") from None
        if not more:
            self._ended = True
            raise asyncio.IncompleteReadError(b"", 1)
        self._buffer += more

    def _end(self, reason: str) -> asyncio.IncompleteReadError:
        if not self._ended:
            self._ended = True
            self._refused(reason)
        return asyncio.IncompleteReadError(b"", 1)
