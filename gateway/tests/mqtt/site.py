"""A gateway's MQTT half around test boards that speak through paho, over a real broker."""

from pathlib import Path

import paho.mqtt.client as paho

from gateway.admit import Admission, Rules
from gateway.collect.tools import Tools
from gateway.config import MqttConfig
from gateway.directory import Directory, Entry
from gateway.mqtt.collector import MqttCollector
from gateway.notices import Notices
from gateway.signer import Signer
from gateway.store import Store
from gateway.store_thread import StoreThread
from gateway.tests.board_server import BoardServer
from gateway.tests.running import Running
from gateway.tests.signing import CHAIN, T0
from gateway.tests.site import CONTROL, GATEWAY, ROOT_KEY, certificate
from ledger.clock import Clock
from wireformat import codes, modbus_map
from wireformat import mqtt_map as m

AREA = 1


class PahoBoard(BoardServer):
    """A board behind an independent MQTT client; resends nothing unless told to."""

    def __init__(self, number: int, clock: Clock, port: int, **kwargs) -> None:
        super().__init__(number, ROOT_KEY, clock, **kwargs)
        self.client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, self.address.hex(), clean_session=False
        )
        self.client.on_connect = lambda *_: self.connected()
        self.client.on_message = lambda _, __, message: self.told(message)
        self.port = port
        self.retained_refused = 0

    def topic(self, leaf: str) -> str:
        return m.topic(AREA, self.address, leaf)

    def connect(self) -> None:
        self.client.connect("127.0.0.1", self.port)
        self.client.loop_start()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def connected(self) -> None:
        self.subscribe()
        self.say()

    def subscribe(self) -> None:
        self.client.subscribe([(self.topic(m.ACK), 1), (self.topic(m.CMD), 1)])

    def say(self) -> None:
        words = self.status_words() + (self.inbox_words() + [0] * 12)[:12] + [0, 0]
        payload = b"".join(word.to_bytes(2, "big") for word in words)
        self.client.publish(self.topic(m.OUT), payload, 1)

    def told(self, message) -> None:
        if message.retain:
            self.retained_refused += 1
            return
        words = modbus_map.to_words(message.payload)
        acks = message.topic.endswith("/ack")
        self.take(words)
        if not acks:
            self.say()

    def send(self, first: int = 0, upto: int | None = None, topic: str | None = None) -> None:
        for code, data in self.journal[first:upto]:
            self.client.publish(topic or self.topic(m.REC), bytes((code,)) + data, 1)


class MqttSite(Running):
    """Use as `async with MqttSite(folder, port) as site`. Keys and chain: the test boards'."""

    chain_id, start_s = CHAIN, T0
    signing_seed = GATEWAY

    def certificates(self) -> tuple[bytes, bytes]:
        """(ack, control), serials 3 and 5."""
        control = certificate(CONTROL, codes.CONTROL, 5)
        return certificate(GATEWAY, codes.ACK, 3), control

    def __init__(self, folder: Path, port: int, speed: float = 60.0, **config) -> None:
        self.folder, self.port = folder, port
        self.clock = Clock.starting_at(self.start_s * 1000, speed)
        self.store = Store.open(folder / "gateway.db")
        self.thread = StoreThread(self.store)
        self.directory, self.notices = Directory(), Notices()
        self.directory.set_control(5, self.certificates()[1])
        self.config = MqttConfig("127.0.0.1", port, **config)
        self.boards: list[PahoBoard] = []

    async def __aenter__(self) -> "MqttSite":
        self.start()
        await self.until(lambda: self.collector.is_open)
        return self

    async def __aexit__(self, *_: object) -> None:
        for board in self.boards:
            board.close()
        await self.stop()
        self.thread.close()

    def start(self) -> None:
        tools = Tools(
            self.clock,
            self.thread,
            Admission(self.chain_id, Rules(), self.directory.by_kid),
            self.directory,
            Signer(self.signing_seed, self.chain_id),
            self.notices,
            (3, self.certificates()[0]),
        )
        self.collector = MqttCollector(tools, self.config, AREA, "gw")
        self.begin(self.collector.run())

    def board(self, number: int, records: int = 5, enrol: bool = True, **kwargs) -> PahoBoard:
        board = PahoBoard(number, self.clock, self.port, **kwargs)
        for _ in range(records):
            board.add()
        if enrol:
            self.directory.put(Entry(board.board()))
        self.boards.append(board)
        return board

    def said(self) -> str:
        return f"odd: {self.collector.counts}"

    def held(self, board: BoardServer) -> list[bytes]:
        return [row[3] for row in self.store.records(board.address)]
