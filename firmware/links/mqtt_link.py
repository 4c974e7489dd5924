"""The board's records to the gateway over MQTT, and the gateway's frames to the board's gate.

The journal is the queue. Records go out in their order, a few ahead of the broker's confirmation;
from the last signed ack on they go again after each connect, and when no ack comes. Frames go
through an inbox with a token bucket of its own, as those of every link.
"""

import asyncio
import os

from core.log import log
from links import board_status, wifi
from links import mqtt_client as mqtt
from links.mqtt_packets import MqttError
from wireformat import codes, mqtt_map
from wireformat.control import Ack

WINDOW = 4
"""Records that the broker has not confirmed yet: all that this link holds of them are numbers."""

_STEP_MS = 500
_STATUS_MS, _STATUS_UNTRUSTED_MS = 60000, 10000
_RESEND_FIRST_MS, _RESEND_MOST_MS = 20000, 600000
_SOON, _AT_ONCE = 1, 2
_RETRY_FIRST_MS, _RETRY_MOST_MS = 1000, 120000


class MqttLink:
    """`station` is a `network.WLAN`; `inbox` this link's own; `config` the "mqtt" settings."""

    def __init__(self, node: object, inbox: object, station: object, config: object) -> None:
        self._node = node
        self._inbox = inbox
        self._station = station
        self._config = config
        self._liveness = node.liveness
        area, device = node.config.area, node.owner.address
        self._rec = mqtt_map.topic(area, device, mqtt_map.REC)
        self._out = mqtt_map.topic(area, device, mqtt_map.OUT)
        self._in = [mqtt_map.topic(area, device, leaf) for leaf in (mqtt_map.ACK, mqtt_map.CMD)]
        self.retained = 0
        self.dropped = 0
        inbox.finished = self._finished
        self._owed_status = 0

    async def run(self) -> None:
        """Stay connected for ever."""
        wait_ms = _RETRY_FIRST_MS
        while True:
            started_ms = self._node.clock.up_ms()
            try:
                await self._session()
            except (OSError, EOFError, ValueError, MqttError) as error:
                log("mqtt", "%r" % error)
            except asyncio.TimeoutError:
                log("mqtt", "no answer in time")
            if self._node.clock.up_ms() - started_ms > _RETRY_MOST_MS:
                wait_ms = _RETRY_FIRST_MS
            # Not in step with the neighbours: a broker that comes back meets them one by one.
            await self._pause(wait_ms // 2 + wait_ms * os.urandom(1)[0] // 256)
            wait_ms = min(2 * wait_ms, _RETRY_MOST_MS)

    def _beat(self) -> None:
        self._liveness.beat("mqtt")

    async def _pause(self, wait_ms: int) -> None:
        while wait_ms > 0:
            self._beat()
            await asyncio.sleep_ms(min(wait_ms, 2000))
            wait_ms -= 2000

    async def _session(self) -> None:
        await wifi.join(self._station, self._config, self._beat)
        self._beat()
        client = await mqtt.open_client(self._config, self._node.clock)
        try:
            hello = mqtt.hello(self._config, self._node.owner.address, self._out)
            await asyncio.wait_for_ms(client.greet(hello, self._in), mqtt.CONNECT_MS)
            client.listen(self._take)
            log("mqtt", "connected to %s" % self._config.host)
            await self._serve(client)
        finally:
            await client.close()

    # ---- what goes out -----------------------------------------------------------------------

    async def _serve(self, client: object) -> None:
        clock, journal = self._node.clock, self._node.chain.journal
        said_ms, self._owed_status = 0, _AT_ONCE
        acked = cursor = journal.acked
        resend_ms, since_ms = _RESEND_FIRST_MS, clock.up_ms()
        while self._station.isconnected():
            self._beat()
            await client.tend()
            cursor = await self._send(client, cursor)
            now_ms = clock.up_ms()
            if journal.acked != acked or not journal.unacked:
                acked, since_ms, resend_ms = journal.acked, now_ms, _RESEND_FIRST_MS
            elif now_ms - since_ms > resend_ms:
                cursor, since_ms = acked, now_ms
                resend_ms = min(2 * resend_ms, _RESEND_MOST_MS)
            rest_ms = _STATUS_MS if clock.trusted() else _STATUS_UNTRUSTED_MS
            if self._owed_status:
                rest_ms = _STEP_MS if self._owed_status == _SOON else -1
            if now_ms - said_ms > rest_ms:
                said_ms, self._owed_status = now_ms, 0
                await client.publish(self._out, self._status())
            await self._wait(client)
        raise OSError("the network is gone")

    async def _send(self, client: object, cursor: tuple) -> tuple:
        """Publish what lies behind `cursor` while the window allows; the new cursor."""
        chain = self._node.chain
        while client.unconfirmed < WINDOW and cursor < (chain.epoch, chain.next_seq - 1):
            found = chain.journal.find(cursor[0], cursor[1] + 1)
            if found is None:
                break
            code, cursor, record = found
            await client.publish(self._rec, bytes((code,)) + record)
        return cursor

    async def _wait(self, client: object) -> None:
        client.stirred.clear()
        try:
            await asyncio.wait_for_ms(client.stirred.wait(), _STEP_MS)
        except asyncio.TimeoutError:
            pass

    def _status(self) -> bytes:
        counters = min(self.retained, 0xFFFF) << 16 | min(self.dropped, 0xFFFF)
        fates = self._inbox.status()
        return board_status.block(self._node, self._inbox) + fates + counters.to_bytes(4, "big")

    # ---- what comes in -----------------------------------------------------------------------

    def _take(self, topic: bytes, payload: bytes, retained: bool) -> None:
        if retained:
            # It may be of any age, and would come again with each connect.
            self.retained += 1
            log("mqtt", "retained message refused")
        elif topic.decode() not in self._in or self._inbox.put(payload) != codes.R_NONE:
            self.dropped += 1
            self._owe(_SOON)

    def _finished(self, entry: object) -> None:
        """Tell of each frame's end, but not of acks: the next record tells as much.

        Of what was refused with the others of its time: a flood must not make the board talk.
        """
        if entry.reason:
            self._owe(_SOON)
        elif entry.code != Ack.CODE:
            self._owe(_AT_ONCE)

    def _owe(self, when: int) -> None:
        self._owed_status = max(self._owed_status, when)
