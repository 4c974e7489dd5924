"""Boards that pour records into a broker and keep all of them until the gateway signed for them.

One loop, no thread: `run_for` and `until` sign, publish, listen and connect again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from truewatt.bench._ingest_load import AREA
from truewatt.bench.faults.oracle import FORGED_SHARE, Device, forgery
from wireformat import mqtt_map as m
from wireformat.chained import Reading
from wireformat.errors import WireError

WINDOW = 48
"""Records of a board that may be without an ack, at most."""

AGAIN_S = 0.5
"""After this long without an ack a board sends again what it holds."""

_TICK_S = 0.01


class Fleet:
    """All boards behind one connection, to one broker; `active` of them send at a time."""

    def __init__(
        self,
        devices: Sequence[Device],
        port: int,
        gateway_key: bytes,
        rate: int,
        active: int = 0,
    ) -> None:
        self.devices, self._port, self._gateway_key = devices, port, gateway_key
        self._active = list(devices[: active or None])
        self._shifted = 0
        self._by_address = {device.address: device for device in devices}
        self._sent = dict.fromkeys(self._by_address, 0)
        self._heard_s = dict.fromkeys(self._by_address, time.monotonic())
        self._pause_s, self._due_s = 1 / rate, time.monotonic()
        self._turn = 0
        self._rng = random.Random("fleet")
        self.forged = 0
        self.acks = 0
        self.progress = 0
        """Acks that covered records which none had covered before."""
        self.foreign = 0
        self.last_ack_s = 0.0
        self._client: paho.Client | None = None
        self._open()

    # ---- the connection ------------------------------------------------------------------------

    def _open(self) -> None:
        client = paho.Client(CallbackAPIVersion.VERSION2, "fleet", clean_session=True)
        client.on_message = lambda _, __, message: self._told(message)
        client.max_inflight_messages_set(0)
        client.max_queued_messages_set(0)
        client.on_connect = lambda it, *_: it.subscribe(f"{m.PREFIX}/{AREA}/+/{m.ACK}", 1)
        with suppress(OSError):
            client.connect("127.0.0.1", self._port)
            # What the broker had taken, or had not, is told by acks alone.
            self._sent = {d.address: d.acked + 1 for d in self.devices}
        self._client = client

    def close(self) -> None:
        """Leave."""
        if self._client is not None:
            self._client.disconnect()

    def _loop(self) -> None:
        assert self._client is not None
        code = self._client.loop(_TICK_S)
        if code != paho.MQTT_ERR_SUCCESS or not self._client.is_connected():
            if code != paho.MQTT_ERR_SUCCESS:
                time.sleep(_TICK_S)
                self._open()
            return
        self._pour()

    # ---- records -------------------------------------------------------------------------------

    def _pour(self) -> None:
        now_s = time.monotonic()
        for device in self._active:
            if now_s - self._heard_s[device.address] > AGAIN_S:
                self._sent[device.address] = device.acked + 1
                self._heard_s[device.address] = now_s
        self._due_s = max(self._due_s, now_s - 0.1)
        while self._due_s < now_s:
            self._due_s += self._pause_s
            self._turn = (self._turn + 1) % len(self._active)
            self._send(self._active[self._turn])

    def _send(self, device: Device) -> None:
        at = self._sent[device.address]
        if at > device.acked + WINDOW:
            return
        if at == len(device.journal):
            device.sign()
        if self._rng.random() < FORGED_SHARE:
            self._publish(device, forgery(device.journal[at], self._rng))
            self.forged += 1
        self._publish(device, device.journal[at])
        self._sent[device.address] = at + 1

    def _publish(self, device: Device, data: bytes) -> None:
        assert self._client is not None
        payload = bytes((Reading.CODE,)) + data
        self._client.publish(m.topic(AREA, device.address, m.REC), payload, 1)

    def _told(self, message: paho.MQTTMessage) -> None:
        try:
            _, address, _ = m.split_topic(message.topic)
        except WireError:
            self.foreign += 1
            return
        device = self._by_address[address]
        before = device.acked
        if message.retain or not device.take_ack(
            bytes(message.payload[m.CHUNK_HEAD_BYTES :]), self._gateway_key
        ):
            self.foreign += 1
            return
        self.acks += 1
        self.last_ack_s = self._heard_s[address] = time.monotonic()
        self.progress += device.acked > before
        self._sent[address] = max(self._sent[address], device.acked + 1)

    def relieve(self) -> None:
        """Others take their turn: who had no ack for a second gets one at once."""
        size = len(self._active)
        self._shifted += size
        self._active = [
            self.devices[(self._shifted + at) % len(self.devices)] for at in range(size)
        ]

    def all_send(self) -> None:
        """From now on all boards send."""
        self._active = list(self.devices)

    # ---- time passes ---------------------------------------------------------------------------

    def run_for(self, seconds: float) -> None:
        """Go on for a while."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self._loop()

    def until(self, what: Callable[[], object], patience_s: float) -> float | None:
        """Go on until `what()` holds; how long that took in seconds, or None: it did not."""
        started_s = time.monotonic()
        while not what():
            if time.monotonic() - started_s > patience_s:
                return None
            self._loop()
        return time.monotonic() - started_s

    def acked(self) -> dict[bytes, int]:
        """The last acked seq by device."""
        return {device.address: device.acked for device in self.devices}
