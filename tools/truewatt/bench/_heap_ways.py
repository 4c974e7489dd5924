"""The ways to a board whose heap is watched: its bus, Modbus TCP, a broker, BLE."""

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from truewatt.bench._heap_master import AREA
from truewatt.emulator.ble.air import Air
from truewatt.emulator.ble.gatt import AttError, LinkLost, PairingFailed
from truewatt.emulator.ble.link import Connection
from truewatt.emulator.board import EmulatedBoard
from truewatt.emulator.wires.pzem import crc16
from truewatt.emulator.wires.tty import Tty
from wireformat import ble_map, modbus_map
from wireformat import mqtt_map as m

_ANSWER_S = 0.5
_CENTRAL = b"\x02bench"
_CREDIT = 16


class Modbus:
    """What Modbus has in common on a bus and over TCP; `_ask` brings a PDU there."""

    def status(self) -> bytes | None:
        """FC03 on the status block."""
        answer = self._ask(struct.pack(">BHH", 3, modbus_map.STATUS, modbus_map.STATUS_WORDS))
        return answer[2:] if answer is not None and answer[0] == 3 else None

    def take(self, cursor: tuple[int, int]) -> bytes | None:
        """FC23: the cursor there, the window back."""
        head = struct.pack(
            ">BHHHHB", 23, modbus_map.WINDOW, modbus_map.WINDOW_WORDS, modbus_map.CURSOR, 4, 8
        )
        answer = self._ask(head + struct.pack(">II", *cursor))
        if answer is None or answer[0] != 23:
            return None
        size, _ = struct.unpack(">HH", answer[2:6])
        return answer[6 : 6 + size]

    def put(self, chunk: bytes) -> bool:
        """FC16 on the inbox."""
        body = chunk + b"\0" * (len(chunk) & 1)
        head = struct.pack(">BHHB", 16, modbus_map.INBOX, len(body) // 2, len(body))
        answer = self._ask(head + body)
        return answer is not None and answer[0] == 16

    def close(self) -> None:
        """Nothing to let go of."""

    def _ask(self, pdu: bytes) -> bytes | None:
        raise NotImplementedError


class Bus(Modbus):
    """The board at address 1 of a serial line."""

    def __init__(self, line: Tty) -> None:
        self._line = line

    def _ask(self, pdu: bytes) -> bytes | None:
        self._line.read()
        frame = b"\x01" + pdu
        self._line.write(frame + crc16(frame))
        got = b""
        deadline = time.monotonic() + _ANSWER_S
        while time.monotonic() < deadline:
            got += self._line.read()
            if len(got) > 4 and crc16(got[:-2]) == got[-2:]:
                return got[1:-2]
            time.sleep(0.002)
        return None


class Tcp(Modbus):
    """The board's Modbus TCP server on loopback; connects again when it must.

    So do `others` who look in beside the gateway: each takes a place of its own.
    """

    def __init__(self, port: int, others: int = 1) -> None:
        self._port, self._number = port, 0
        self._socket: socket.socket | None = None
        self._others = [Tcp(port, 0) for _ in range(others)]

    def status(self) -> bytes | None:
        """What all who are connected are told."""
        for other in self._others:
            other.status()
        return super().status()

    def close(self) -> None:
        """Hang up."""
        for other in self._others:
            other.close()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _ask(self, pdu: bytes) -> bytes | None:
        self._number = self._number % 0xFFFF + 1
        try:
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self._port), _ANSWER_S)
            self._socket.sendall(struct.pack(">HHHB", self._number, 0, len(pdu) + 1, 1) + pdu)
            head = self._exactly(7)
            answer = self._exactly(struct.unpack(">HHHB", head)[2] - 1)
        except OSError:
            self.close()
            return None
        return answer

    def _exactly(self, size: int) -> bytes:
        assert self._socket is not None
        got = b""
        while len(got) < size:
            more = self._socket.recv(size - len(got))
            if not more:
                raise ConnectionResetError
            got += more
        return got


class Mqtt:
    """A gateway's client at the broker of the board of that address."""

    def __init__(self, port: int, device: bytes) -> None:
        self._status: bytes | None = None
        self._records: deque[bytes] = deque(maxlen=64)
        self._device = device
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = self._connected
        self._client.on_message = self._heard
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()

    def status(self) -> bytes | None:
        """What the board said last."""
        return self._status

    def take(self, cursor: tuple[int, int]) -> bytes | None:
        """The next record that came."""
        return self._records.popleft() if self._records else None

    def put(self, chunk: bytes) -> bool:
        """To its commands: whatever it is, the inbox is the same."""
        sent = self._client.publish(m.topic(AREA, self._device, m.CMD), chunk, 1)
        return sent.rc == paho.MQTT_ERR_SUCCESS

    def close(self) -> None:
        """Leave the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: paho.Client, *_: Any) -> None:
        for leaf in (m.REC, m.OUT):
            client.subscribe(m.topic(AREA, self._device, leaf), 1)

    def _heard(self, client: paho.Client, data: Any, message: paho.MQTTMessage) -> None:
        if message.topic.endswith(m.REC):
            self._records.append(bytes(message.payload[1:]))
        elif len(message.payload) == m.OUT_BYTES:
            self._status = bytes(message.payload)


class Ble:
    """The air that a board is in, and the one central in it: paired, and listening."""

    def __init__(self, path: Path) -> None:
        self._air = Air(path)
        self._board: EmulatedBoard | None = None
        self._link: Connection | None = None
        self._handles: dict[str, int] = {}
        self._status: bytes | None = None
        self._records: deque[bytes] = deque(maxlen=64)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._wait(self._air.open())

    def serve(self, board: EmulatedBoard) -> "Ble":
        """Be the central of that board."""
        self._board = board
        return self

    def status(self) -> bytes | None:
        """What the board said last, as long as the connection is there."""
        if self._link is None or not self._link.open:
            self._status = None
            with contextlib.suppress(LinkLost, AttError, PairingFailed, TimeoutError):
                self._wait(self._connect())
        return self._status

    def take(self, cursor: tuple[int, int]) -> bytes | None:
        """The next record that came; room for another one is granted."""
        if not self._records:
            return None
        self._write(ble_map.GO, _CREDIT.to_bytes(2, "big"))
        return self._records.popleft()

    def put(self, chunk: bytes) -> bool:
        """Write with a response."""
        return self._write(ble_map.IN, chunk)

    def close(self) -> None:
        """End the air."""
        self._wait(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _connect(self) -> None:
        heard = self._air.heard()
        if not heard or self._board is None:
            return
        stack = heard[0]
        link = await self._air.connect(stack.address, _CENTRAL)
        self._handles = {one.uuid: one.handle for one in stack.services[0].characteristics}
        link.on_notify = self._heard
        await link.pair(self._label)
        await link.exchange_mtu(ble_map.MTU)
        await link.write(self._handles[ble_map.GO], _CREDIT.to_bytes(2, "big"))
        self._link = link

    async def _end(self) -> None:
        self._air.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _label(self) -> int | None:
        return None if self._board is None else self._board.passkey

    def _heard(self, handle: int, data: bytes) -> None:
        if handle == self._handles[ble_map.REC]:
            self._records.append(data[1:])
        elif handle == self._handles[ble_map.OUT]:
            self._status = data

    def _write(self, uuid: str, data: bytes) -> bool:
        if self._link is None:
            return False
        try:
            self._wait(self._link.write(self._handles[uuid], data))
        except (LinkLost, AttError, TimeoutError):
            return False
        return True

    def _wait(self, doing: Coroutine[Any, Any, Any]) -> None:
        asyncio.run_coroutine_threadsafe(doing, self._loop).result(10)
