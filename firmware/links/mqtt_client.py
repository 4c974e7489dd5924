"""One connection of a board to an MQTT broker: open it, read it, write it, notice its end.

Not retransmitted: what was published and not confirmed. The journal is the queue; who uses this
sends again from the last signed ack on, which also covers what a broker confirmed and then lost.
"""

import asyncio

from core.log import log
from links import mqtt_packets as p

CONNECT_MS = 15000
_READ_BYTES = 256
_REASONS = {4: "bad user name or password", 5: "not authorised"}


class MqttClient:
    """Made by `open_client`. `on_message(topic, payload, retained)` takes what comes."""

    def __init__(self, stream: object, keepalive_s: int, clock: object) -> None:
        self._stream = stream
        self._clock = clock
        self._keepalive_ms = keepalive_s * 1000
        self._lock = asyncio.Lock()
        self._mid = 0
        self._unconfirmed = []
        self._heard_ms = self._said_ms = clock.up_ms()
        self._reader = None
        self._held = b""
        self.error = None
        self.stirred = asyncio.Event()

    @property
    def unconfirmed(self) -> int:
        """Messages that the broker has not confirmed yet."""
        return len(self._unconfirmed)

    async def greet(self, hello: bytes, topics: "list[str]") -> None:
        """CONNECT and SUBSCRIBE; raises `MqttError` if the broker refuses either."""
        await self._write(hello)
        head, body = await p.read(self)
        if head >> 4 != p.CONNACK or len(body) != 2:
            raise p.MqttError("answered CONNECT with packet %d" % (head >> 4), "mqtt")
        if body[1]:
            why = _REASONS.get(body[1], "code %d" % body[1])
            raise p.MqttError("the broker refuses: " + why, "mqtt", "see its access list")
        await self._write(p.subscribe(self._next_mid(), topics))

    def listen(self, on_message: object) -> None:
        """Begin to read."""
        self._reader = asyncio.create_task(self._read(on_message))

    async def publish(self, topic: str, payload: bytes) -> None:
        """Send with QoS 1."""
        mid = self._next_mid()
        self._unconfirmed.append(mid)
        await self._write(p.publish(topic, payload, mid))

    async def tend(self) -> None:
        """To be called every few seconds: pings; raises what ended the connection."""
        if self.error is not None:
            raise self.error
        now_ms = self._clock.up_ms()
        if now_ms - self._heard_ms > 3 * self._keepalive_ms // 2:
            raise p.MqttError("the broker is silent", "mqtt")
        if now_ms - min(self._said_ms, self._heard_ms) > self._keepalive_ms // 2:
            await self._write(p.PING)

    async def close(self) -> None:
        """End it. The last will follows: without a goodbye the broker sends it."""
        if self._reader is not None:
            self._reader.cancel()
        self._stream.close()
        try:
            await self._stream.wait_closed()
        except Exception as error:  # it is over anyway
            log("mqtt", "close: %r" % error)

    async def readexactly(self, size: int) -> bytes:
        """The next `size` bytes. A stream's own takes a turn of the event loop for each piece of a
        packet: while signatures are checked, a slice of 5 ms, and a flood would queue up before it.
        """
        while len(self._held) < size:
            more = await self._stream.read(_READ_BYTES)
            if not more:
                raise EOFError
            self._held += more
        taken, self._held = self._held[:size], self._held[size:]
        return taken

    async def _read(self, on_message: object) -> None:
        try:
            while True:
                head, body = await p.read(self)
                self._heard_ms = self._clock.up_ms()
                await self._took(head, body, on_message)
                self.stirred.set()
        except (OSError, EOFError, p.MqttError) as error:
            self.error = error
            self.stirred.set()

    async def _took(self, head: int, body: bytes, on_message: object) -> None:
        kind = head >> 4
        if kind == p.PUBLISH:
            topic, mid, payload = p.split_publish(head, body)
            on_message(topic, payload, bool(head & 1))
            if mid:
                await self._write(p.puback(mid))
        elif kind == p.PUBACK and len(body) == 2:
            mid = int.from_bytes(body, "big")
            if mid in self._unconfirmed:
                self._unconfirmed.remove(mid)
        elif kind == p.SUBACK:
            if 0x80 in body[2:]:
                raise p.MqttError("may not read its own topics", "mqtt", "see the access list")
        elif kind != p.PINGRESP:
            raise p.MqttError("packet %d of %d bytes" % (kind, len(body)), "mqtt")

    def _next_mid(self) -> int:
        self._mid = self._mid % 0xFFFF + 1
        return self._mid

    async def _write(self, packet: bytes) -> None:
        async with self._lock:
            self._said_ms = self._clock.up_ms()
            self._stream.write(packet)
            await self._stream.drain()


async def open_client(config: object, clock: object) -> MqttClient:
    """A connected client. Raises `OSError`, `EOFError` or `MqttError`."""
    tls = _tls(config) if config.ca else None
    _, stream = await asyncio.wait_for_ms(
        asyncio.open_connection(config.host, config.port, tls, config.host),  # type: ignore[call-arg]
        CONNECT_MS,
    )
    return MqttClient(stream, config.keepalive_s, clock)


def hello(config: object, device: bytes, will: str) -> bytes:
    """The CONNECT packet of a board: its address is its client id."""
    return p.connect(device.hex(), config.keepalive_s, will, config.user, config.password)


def _tls(config: object) -> object:
    """A context that trusts `ca` alone and shows the board's certificate (files in DER)."""
    import tls

    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_REQUIRED  # type: ignore[attr-defined]
    context.load_verify_locations(_file(config.ca))
    if config.certificate:
        context.load_cert_chain(_file(config.certificate), _file(config.key))
    return context


def _file(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
