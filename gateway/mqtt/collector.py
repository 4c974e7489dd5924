"""All boards behind one broker: connect and stay connected, take records in, ack after the commit.

socket -> intake -> signatures (processes) -> rules, commit (store's thread) -> PUBACK, signed ack
"""

import asyncio
import ssl
import sys
from functools import lru_cache

from gateway.collect.errors import CollectError
from gateway.collect.tools import Tools
from gateway.config import MqttConfig
from gateway.ingest import Arrival, Ingest, Taken
from gateway.mqtt import drops
from gateway.mqtt.acker import Acker
from gateway.mqtt.boards import Boards
from gateway.mqtt.broker_process import BrokerProcess
from gateway.mqtt.client import Address, Connection
from gateway.mqtt.errors import (
    BadMessage,
    BadTopic,
    BrokerBusy,
    BrokerDropped,
    BrokerLost,
    RetainedMessage,
    TopicMismatch,
)
from gateway.mqtt.intake import Intake, Waiting, confirm
from gateway.mqtt.line import Line
from gateway.mqtt.packets import Message
from gateway.mqtt.settling import Settling
from wireformat import mqtt_map as m
from wireformat.errors import WireError

BATCH_LEAST, BATCH_MOST, SETTLE_S = 1000, 4000, 0.15
"""Records in one commit: as many as are judged and committed in that time. The more of them, the
fewer pages each changes; but a command's row in the store waits as long."""

SWITCH_S = 0.0005
"""How long a thread may keep the interpreter from the event loop, which serves buses too, and from
one that has just checked a signature: at the usual 5 ms, two would check 400 a second meanwhile."""

ODD_S = 600
"""How long an odd message stays among the notices, in the run's clock."""


class MqttCollector:
    """Runs until it is cancelled. `counts`: what was refused or odd, by its error's code."""

    def __init__(
        self, tools: Tools, config: MqttConfig, area: int, name: str, ingest: Ingest | None = None
    ) -> None:
        self._tools, self._config, self._area = tools, config, area
        self._client_id = config.client_id or f"truewatt-{name}"
        # Two, so that no backlog of records stands before what a board says of its command.
        self._records = self._line("", m.REC)
        self._talk = self._line("-talk", m.OUT)
        # And one whose queue is never full, for it tells that another is. The embedded broker has
        # no such count: its queues are bounded by its memory alone.
        self.drop_counts = None if config.embedded else self._line("-drops", "")
        self._examined: asyncio.Queue[list[Waiting]] = asyncio.Queue(1)
        self.broker = BrokerProcess(config.host, config.port) if config.embedded else None
        self.intake = Intake()
        self._most = BATCH_LEAST
        self.ingest = ingest or Ingest(tools)
        self.boards = Boards(tools, self._publish)
        self.acker = Acker(tools, self.boards.deliver_ack)
        self._settling = Settling(tools, self.ingest, self.boards, self.acker, _name, self._odd)
        self.drops = drops.BrokerDrops()
        self.counts: dict[str, int] = {}
        self._odd_ms: dict[str, int] = {}

    @property
    def is_open(self) -> bool:
        """Whether the broker is there and sends what boards say."""
        return self._records.connection is not None and self._talk.connection is not None

    @property
    def connects(self) -> int:
        """How often a connection was made."""
        return self._records.connects + self._talk.connects

    async def run(self) -> None:
        """Collect for ever."""
        sys.setswitchinterval(SWITCH_S)
        await self._settling.load()
        try:
            async with asyncio.TaskGroup() as group:
                if self.broker is not None:
                    group.create_task(self.broker.run(self._report), name="mqtt broker")
                group.create_task(self._records.run(), name="mqtt records")
                group.create_task(self._talk.run(), name="mqtt talk")
                if self.drop_counts is not None:
                    group.create_task(self.drop_counts.run(), name="mqtt drops")
                group.create_task(self._examine(), name="mqtt signatures")
                group.create_task(self._settle(), name="mqtt commits")
                group.create_task(self.acker.run(), name="mqtt acks")
                group.create_task(self._forget(), name="mqtt notices")
        finally:
            await self.ingest.close()

    async def command(self, device: bytes, data: bytes) -> None:
        """Bring a signed command to `device`; as `collect.collector.Collector.command`."""
        await self.boards.command(device, data)

    # ---- the connection ------------------------------------------------------------------------

    def _line(self, suffix: str, leaf: str) -> Line:
        config, key = self._config, f"mqtt{suffix}"

        def address() -> Address:
            name = self._client_id + suffix
            tls = _tls(config)
            return Address(config.host, config.port, name, tls, config.user, config.password)

        def tell(error: CollectError | None) -> None:
            if error is None:
                self._tools.notices.clear(key)
                self._tools.notices.clear("mqtt broker")
            else:
                self._notice(key, error)

        topics = [f"{m.PREFIX}/{self._area}/+/{leaf}"] if leaf else []
        return Line(address, topics, self._take, tell, [] if leaf else [drops.TOPIC])

    # ---- what comes ----------------------------------------------------------------------------

    def _take(self, messages: list[Message], connection: Connection) -> None:
        done = []
        for message in messages:
            try:
                waits = self._sort(message, connection)
            except (CollectError, WireError) as error:
                waits = False
                self._odd(error if isinstance(error, CollectError) else BadTopic(str(error)))
            if not waits and message.mid:
                done.append(message.mid)
        connection.confirm(done)

    def _sort(self, message: Message, connection: Connection) -> bool:
        """Pass a message on; True if it is to be acknowledged later."""
        if message.topic == drops.TOPIC:
            self._heard_of_drops(message.payload)
            return False
        area, device, leaf = _split_topic(message.topic)
        if area != self._area or leaf not in _READ:
            raise BadTopic(message.topic)
        if message.retained:
            raise RetainedMessage(message.topic)
        payload = message.payload
        if leaf == m.REC:
            if not 1 < len(payload) <= m.MAX_PAYLOAD_BYTES:
                raise BadMessage(f"a record of {len(payload)} bytes", message.topic)
            arrival = Arrival(payload[0], payload[1:], device)
            self.intake.put(arrival, message.mid, connection)
            return True
        if not payload:
            self.boards.gone(device)
        elif self.boards.heard(device, payload):
            self._settling.ack_again(device)
        return False

    def _heard_of_drops(self, payload: bytes) -> None:
        new = self.drops.heard(payload)
        if new:
            what = f"{new} message(s), {self.drops.total} since it was started"
            self._odd(BrokerDropped(what, f"{self._config.host}:{self._config.port}"), new)

    # ---- the way of a batch --------------------------------------------------------------------

    async def _examine(self) -> None:
        while True:
            batch = await self.intake.take(self._most)
            await self.ingest.examine([waiting.arrival for waiting in batch])
            await self._examined.put(batch)

    async def _settle(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = await self._examined.get()
            started_s = loop.time()
            taken = await self._commit(batch)
            self._most = _next_most(self._most, len(batch), loop.time() - started_s)
            confirm(batch)
            self._tell(taken)

    async def _commit(self, batch: list[Waiting]) -> Taken:
        return await self._settling.commit([waiting.arrival for waiting in batch])

    def _tell(self, taken: Taken) -> None:
        self._settling.tell(taken)
        for signer, claimed in taken.elsewhere:
            what = f"a record of {signer.hex()} under the topic of {claimed.hex()}"
            self._odd(TopicMismatch(what, _name(claimed)))

    def _publish(self, device: bytes, leaf: str, payload: bytes) -> None:
        connection = self._talk.connection
        if connection is None:
            raise BrokerLost("no connection", self._config.host)
        try:
            connection.publish(m.topic(self._area, device, leaf), payload)
        except BrokerBusy as error:
            self._odd(error)
            raise

    # ---- what is wrong -------------------------------------------------------------------------

    def _odd(self, error: CollectError, times: int = 1) -> None:
        """Count it, and tell once: anybody who may publish could fill a log."""
        self.counts[error.code] = self.counts.get(error.code, 0) + times
        self._odd_ms[error.code] = self._tools.clock.mono_ms()
        self._notice(f"mqtt {error.code}", error)

    async def _forget(self) -> None:
        """What was odd long ago is no longer wrong right now; its count stays."""
        while True:
            await asyncio.sleep(max(0.2, self._tools.clock.wall(ODD_S / 10)))
            now_ms = self._tools.clock.mono_ms()
            for code, at_ms in list(self._odd_ms.items()):
                if now_ms - at_ms > ODD_S * 1000:
                    del self._odd_ms[code]
                    self._tools.notices.clear(f"mqtt {code}")

    def _report(self, error: CollectError) -> None:
        self._notice("mqtt broker", error)

    def _notice(self, key: str, error: CollectError) -> None:
        self._tools.notices.report(key, error, self._tools.clock.unix_ms())


_READ = (m.REC, m.OUT)
"""What the gateway subscribes to. `live` is not collected: nobody settles on it."""


def _next_most(most: int, size: int, took_s: float) -> int:
    """How many records the next commit may have, after one of `size` took `took_s`."""
    if took_s > SETTLE_S:
        return max(BATCH_LEAST, most // 2)
    full = size == most and took_s < SETTLE_S / 2
    return min(BATCH_MOST, 2 * most) if full else most


def _name(device: bytes) -> str:
    return f"mqtt {device.hex()[:8]}"


@lru_cache(maxsize=8192)
def _split_topic(topic: str) -> tuple[int, bytes, str]:
    return m.split_topic(topic)


def _tls(config: MqttConfig) -> ssl.SSLContext | None:
    """What the configuration asks for. Raises `BrokerLost` for files that can't be used."""
    if config.ca_file is None:
        return None
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if config.certificate is not None:
            context.load_cert_chain(config.certificate, config.private_key)
    except (OSError, ssl.SSLError) as error:
        raise BrokerLost(f"TLS files: {error}", str(config.ca_file)) from error
    return context
