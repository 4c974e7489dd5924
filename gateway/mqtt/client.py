"""One connection to a broker: asyncio, persistent session, QoS 1 with the PUBACK in our hands.

A message is acknowledged when its taker says so (after the database commit), in one write for a
whole batch. Why not paho: see ADR 120.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from gateway.errors import printable
from gateway.mqtt import packets
from gateway.mqtt.errors import BadPacket, BrokerBusy, BrokerLost, BrokerRefused
from gateway.mqtt.packets import Control, Message, Parser

CONNECT_TIMEOUT_S = 10.0
MAX_UNCONFIRMED = 4096
"""Messages to the broker without its PUBACK: beyond that it is given no more."""

_WRITE_BUFFER_BYTES = 1 << 20
_REASONS = {
    1: "it doesn't speak MQTT 3.1.1",
    2: "client id refused",
    3: "unavailable",
    4: "bad user name or password",
    5: "not authorised",
}


@dataclass(frozen=True)
class Address:
    """Where a broker is and how to be let in; `tls` None: in the clear."""

    host: str
    port: int
    client_id: str
    tls: ssl.SSLContext | None = None
    user: str = ""
    password: str = ""
    keepalive_s: int = 30

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


Taker = Callable[[list[Message]], None]


class Connection(asyncio.Protocol):
    """Made by `connect`; messages go to `take` as they come, many at a time."""

    def __init__(self, address: Address, take: Taker) -> None:
        self.address = address
        self.resumed = False
        self._take = take
        self._parser = Parser()
        loop = asyncio.get_running_loop()
        self._accepted: asyncio.Future[None] = loop.create_future()
        self._subscribed: asyncio.Future[bytes] = loop.create_future()
        self.closed: asyncio.Future[BrokerLost] = loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._unconfirmed: set[int] = set()
        self._mid = 0
        self._heard_s = loop.time()
        self._paused = False
        self._pinging: asyncio.Task[None] | None = None

    # ---- life ----------------------------------------------------------------------------------

    async def open(
        self, filters: list[tuple[str, int]], wishes: list[tuple[str, int]] | None = None
    ) -> None:
        """Connect, take the session up again and subscribe. Raises a `CollectError`.

        The broker must grant all `filters`; `wishes` it may refuse.
        """
        address, loop = self.address, asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await loop.create_connection(
                    lambda: self,
                    address.host,
                    address.port,
                    ssl=address.tls,
                    server_hostname=address.host if address.tls else None,
                )
                await self._accepted
                self._write(packets.subscribe(self._next_mid(), [*filters, *(wishes or ())]))
                granted = await self._subscribed
        except TimeoutError as error:
            self.abort()
            raise BrokerLost("no answer in time", str(address)) from error
        except OSError as error:
            self.abort()
            raise BrokerLost(str(error), str(address)) from error
        except BaseException:
            self.abort()
            raise
        if 0x80 in granted[: len(filters)]:
            self.abort()
            raise BrokerRefused("it doesn't let this gateway read the boards' topics", str(address))
        self._pinging = asyncio.create_task(self._keep_alive(), name="mqtt ping")

    def abort(self) -> None:
        """End it now."""
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """Say goodbye and end."""
        if self._transport is not None and not self.closed.done():
            self._write(packets.GOODBYE)
            self._flush()
            self._transport.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await asyncio.shield(self.closed)
        self.abort()

    async def _keep_alive(self) -> None:
        """A PINGREQ now and then (3.1.2.10); a broker that says nothing at all is gone."""
        loop, limit_s = asyncio.get_running_loop(), self.address.keepalive_s
        while True:
            await asyncio.sleep(limit_s / 2)
            if not self._paused and loop.time() - self._heard_s > 1.5 * limit_s:
                self._fail(BrokerLost(f"silent for {1.5 * limit_s:.0f} s", str(self.address)))
                return
            self._write(packets.PING)

    # ---- what others ask of it -----------------------------------------------------------------

    def publish(self, topic: str, payload: bytes) -> None:
        """Send with QoS 1, never retained. Raises `BrokerLost` or `BrokerBusy`."""
        transport = self._transport
        if transport is None or self.closed.done():
            raise BrokerLost("no connection", str(self.address))
        if (
            len(self._unconfirmed) >= MAX_UNCONFIRMED
            or transport.get_write_buffer_size() > _WRITE_BUFFER_BYTES
        ):
            raise BrokerBusy(f"{len(self._unconfirmed)} unconfirmed", str(self.address))
        mid = self._next_mid()
        self._unconfirmed.add(mid)
        self._write(packets.publish(topic, payload, mid))

    def confirm(self, mids: list[int]) -> None:
        """PUBACK messages of this very connection; of an earlier one their numbers mean others."""
        if mids and not self.closed.done():
            self._write(packets.pubacks(mids))

    def pause(self) -> None:
        """Read no more for now: the broker keeps what it has."""
        if self._transport is not None and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None and not self._transport.is_closing():
            self._heard_s, self._paused = asyncio.get_running_loop().time(), False
            self._transport.resume_reading()

    # ---- asyncio's side ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP, and TLS if any, stand: introduce ourselves."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        a = self.address
        self._write(packets.connect(a.client_id, a.keepalive_s, False, a.user, a.password))

    def data_received(self, data: bytes) -> None:
        """Take all whole packets."""
        self._heard_s = asyncio.get_running_loop().time()
        try:
            found = self._parser.feed(data)
            messages = [packet for packet in found if type(packet) is Message]
            for packet in found:
                if type(packet) is Control:
                    self._control(packet)
        except BadPacket as error:
            self._fail(error)
            return
        if messages:
            self._take(messages)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, whoever wanted it."""
        what = str(exc) if exc else "the broker closed the connection"
        self._fail(BrokerLost(what, str(self.address)))

    def _fail(self, error: Exception) -> None:
        if self._pinging is not None:
            self._pinging.cancel()
        for waiting in (self._accepted, self._subscribed):
            if not waiting.done():
                waiting.set_exception(error)
                waiting.exception()  # seen, in case nobody awaits it any more
        if not self.closed.done():
            lost = error if isinstance(error, BrokerLost) else BrokerLost(str(error))
            self.closed.set_result(lost)
        self.abort()

    def _control(self, packet: Control) -> None:
        body = packet.body
        if packet.kind == packets.CONNACK and len(body) == 2 and not self._accepted.done():
            if body[1]:
                why = _REASONS.get(body[1], f"code {body[1]}")
                self._fail(BrokerRefused(printable(why), str(self.address)))
            else:
                self.resumed = bool(body[0] & 1)
                self._accepted.set_result(None)
        elif packet.kind == packets.PUBACK and len(body) == 2:
            self._unconfirmed.discard(body[0] << 8 | body[1])
        elif packet.kind == packets.SUBACK and len(body) > 2 and not self._subscribed.done():
            self._subscribed.set_result(body[2:])
        elif packet.kind != packets.PINGRESP:
            raise BadPacket(f"packet {packet.kind} of {len(body)} bytes")

    def _next_mid(self) -> int:
        while True:
            self._mid = self._mid % 0xFFFF + 1
            if self._mid not in self._unconfirmed:
                return self._mid

    def _write(self, data: bytes) -> None:
        """Goes out in this round of the event loop, with all else that does: one call of the system
        for a crowd of acks, and the broker's confirmations of them come in a crowd as well."""
        self._out.append(data)
        if len(self._out) == 1:
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        data, self._out = b"".join(self._out), []
        if data and self._transport is not None:
            self._transport.write(data)
