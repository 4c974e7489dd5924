"""Parsers of what commercial devices, P1 ports, brokers and release files give."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence
from typing import Any

from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ModbusPDU

from gateway.admit import Admission, Board, Rules
from gateway.attest.p1 import P1Bus, P1Driver
from gateway.attest.relay_board import RelayBoard
from gateway.attest.sunspec import SunSpecStorage
from gateway.attest.sunspec_meter import SunSpecMeter
from gateway.collect.bus import Ask, Asked, Bus
from gateway.collect.errors import CollectError, GarbledReply, ModbusRefused
from gateway.collect.line import WRITE_COIL
from gateway.collect.tools import Tools
from gateway.config import BusConfig, MeterConfig, MqttConfig
from gateway.directory import Directory, Entry
from gateway.errors import GatewayError
from gateway.mqtt.collector import MqttCollector
from gateway.mqtt.intake import Intake
from gateway.mqtt.packets import Message
from gateway.notices import Notices
from gateway.signer import Signer
from gateway.updates import release_file
from ledger.clock import Clock
from truewatt.bench import _mutant_samples as samples
from truewatt.bench._mutant_target import Taken, Target, finished
from truewatt.device import release
from truewatt.device.image import Image
from truewatt.emulator.commercial.storage import BASE, EmulatedStorage
from truewatt.emulator.commercial.sunspec_meter import EmulatedSunSpecMeter
from truewatt.emulator.wires.pzem import crc16
from wireformat import codes, mqtt_map

_WHERE = "a mutant"
_BUS = BusConfig("mutants", "/dev/null", 115_200, "N", 150, 0, (), ())
_WATTS = 1000


def targets() -> list[Target]:
    """All of them."""
    named = (GatewayError,)
    return [
        Target("SunSpec storage", _storages(), _storage, named, 2),
        Target("SunSpec meters", _meters(), _meter, named, 2),
        Target("relay boards", _relay_replies(), _relays, named, 6),
        Target("P1 stream", _streams(), _stream, named, 1, is_text=True),
        Target("MQTT messages", _messages(), _message(), named, 6),
        Target("release files", _releases(), _release, named, 4),
    ]


# ---- SunSpec -------------------------------------------------------------------------------------


class _Image:
    """A bus with one device, whose registers from 40000 on are given bytes."""

    name = _WHERE

    def __init__(self, data: bytes) -> None:
        self._data = bytearray(data)

    def _span(self, first: int, count: int) -> slice:
        at = 2 * (first - BASE)
        if at < 0 or at + 2 * count > len(self._data):
            raise ModbusRefused("exception 2 to function 3", _WHERE, 2)
        return slice(at, at + 2 * count)

    async def read(
        self, address: int, first: int, count: int, *, probe_s: float | None = None
    ) -> list[int]:
        row = self._data[self._span(first, count)]
        return list(struct.unpack(f">{count}H", row))

    async def write(
        self, address: int, first: int, words: Sequence[int], urgent: bool = False
    ) -> None:
        self._data[self._span(first, len(words))] = struct.pack(f">{len(words)}H", *words)


def _image_of(device: EmulatedStorage | EmulatedSunSpecMeter) -> bytes:
    """All that it shows, word by word."""
    found = b""
    while True:
        request = struct.pack(">BHH", 3, BASE + len(found) // 2, 1)
        reply = device.answer(request, 0.0) or b"\x83"
        if reply[0] & 0x80:
            return found
        found += reply[2:]


def _storages() -> list[bytes]:
    return [_image_of(EmulatedStorage(1, lambda: 0))]


def _meters() -> list[bytes]:
    return [_image_of(EmulatedSunSpecMeter(1, number)) for number in (201, 203, 213)]


async def _obey(driver: SunSpecStorage) -> None:
    await driver.contact()
    await driver.read()
    await driver.apply(codes.DISCHARGE, _WATTS)
    await driver.state(codes.DISCHARGE)
    await driver.restore()


def _storage(data: bytes) -> Taken:
    """Found, read, and set to a power and back."""
    bus: Any = _Image(data)
    finished(_obey(SunSpecStorage(bus, MeterConfig(1, "b1", "sunspec_storage"))))
    return "obeyed", False


def _meter(data: bytes) -> Taken:
    driver = SunSpecMeter(_Image(data), MeterConfig(1, "m1", "sunspec_meter"))
    finished(driver.contact())
    readings = finished(driver.read())
    return ("some implausible" if readings.implausible else "read"), False


# ---- relay boards --------------------------------------------------------------------------------

_framer = FramerRTU(DecodePDU(False))
_WRITTEN_BYTES = 8


class _Relays(Bus):
    """A line on which a write gets the first eight bytes, and a read the rest."""

    def __init__(self, data: bytes) -> None:
        super().__init__(_BUS)
        self._data = data

    async def _exchange(
        self, asked: Asked, ask: Ask, urgent: bool, probe_s: float | None = None
    ) -> ModbusPDU:
        is_write = asked.function == WRITE_COIL
        frame = self._data[:_WRITTEN_BYTES] if is_write else self._data[_WRITTEN_BYTES:]
        try:
            _, reply = _framer.handleFrame(frame, samples.BUS_ADDRESS, 0)
        except (ModbusException, struct.error, ValueError, IndexError) as error:
            # As in pymodbus's transport, which drops these: the request runs into its time-out.
            raise GarbledReply(f"{type(error).__name__}: {error}") from error
        if reply is None:
            raise GarbledReply("no whole frame")
        return self._checked(reply, _WHERE, asked.function, asked.read)


def _relay_replies() -> list[bytes]:
    """To a timed close and to a read of eight coils; without their CRCs."""
    written = struct.pack(">BBHH", samples.BUS_ADDRESS, 5, 0x0200, 600)
    coils = [struct.pack(">BBBB", samples.BUS_ADDRESS, 1, 1, bits) for bits in (0, 1, 0xFF)]
    refused = struct.pack(">BBB", samples.BUS_ADDRESS, 0x81, 2)
    return [written + reply for reply in [*coils, refused]]


def _relays(data: bytes) -> Taken:
    """With their CRCs made good."""
    written, coils = data[: _WRITTEN_BYTES - 2], data[_WRITTEN_BYTES - 2 :]
    bus = _Relays(written.ljust(6, b"\0") + crc16(written.ljust(6, b"\0")) + coils + crc16(coils))
    driver = RelayBoard(bus, MeterConfig(samples.BUS_ADDRESS, "r1", "relay_board"))
    finished(driver.contact())
    finished(driver.apply(codes.CLOSE, 0, 0))
    return f"relay {finished(driver.state(codes.CLOSE, 0))}", False


# ---- P1 ------------------------------------------------------------------------------------------


class _Serial:
    """A port that gives its bytes in pieces."""

    def __init__(self, data: bytes) -> None:
        self._pieces = [data[at : at + 300] for at in range(0, len(data), 300)]

    def read(self, size: int) -> bytes:
        return self._pieces.pop(0)

    def __bool__(self) -> bool:
        return bool(self._pieces)


class _P1(P1Bus):
    """A P1 port on which given bytes come."""

    def hear(self, data: bytes) -> None:
        port: Any = _Serial(data)
        self._port = port
        while port:
            self._on_readable()


def _streams() -> list[bytes]:
    """What a port gives: whole telegrams, the rest of one before them, the start of one after."""
    whole = samples.checked(samples.TELEGRAM.encode())
    return [whole, whole[200:] + whole, whole + whole[:150]]


def _stream(data: bytes) -> Taken:
    async def heard() -> int:
        bus = _P1(_BUS)
        bus.hear(data)
        await bus.telegram(0.0)
        driver = P1Driver(bus, MeterConfig(1, "house", "p1_v5"))
        return len((await driver.read()).values)

    return f"{asyncio.run(heard())} values", False


# ---- MQTT ----------------------------------------------------------------------------------------


class _Connection:
    """Takes what is published and confirmed."""

    def publish(self, topic: str, payload: bytes) -> None:
        """It went out."""

    def confirm(self, mids: list[int]) -> None:
        """They were."""

    def pause(self) -> None:
        """Never: the queue is emptied after each message."""


class _Collector(MqttCollector):
    """Raises what is odd, in place of counting it."""

    def _odd(self, error: CollectError, times: int = 1) -> None:
        raise error


def _messages() -> list[bytes]:
    """Length of the topic, whether retained, topic, payload."""
    rows = [(mqtt_map.REC, bytes((code,)) + data) for code, data in samples.chained()]
    rows += [(mqtt_map.OUT, samples.statuses()[0]), (mqtt_map.OUT, b"")]
    found = []
    for leaf, payload in rows:
        topic = mqtt_map.topic(1, samples.BOARD, leaf).encode()
        found.append(bytes((len(topic), 0)) + topic + payload)
    return found


def _message() -> Callable[[bytes], Taken]:
    directory, clock = Directory(), Clock.starting_at(samples.NOW_MS, 1.0)
    board = Board(samples.BOARD, samples.BOARD_KEY, samples.METER, 2, 2)
    directory.put(Entry(board, None, True))
    store: Any = None
    tools = Tools(
        clock,
        store,
        Admission(samples.CHAIN, Rules(), directory.by_kid),
        directory,
        Signer(samples.seed("gateway"), samples.CHAIN),
        Notices(),
        (1, samples.certificates()[1]),
    )
    collector = _Collector(tools, MqttConfig("127.0.0.1", 1883), 1, "mutants")
    link: Any = _Connection()
    collector._talk.connection = link

    def feed(data: bytes) -> Taken:
        collector.intake = Intake()
        head = data[:2].ljust(2, b"\0")
        topic, payload = data[2 : 2 + head[0]], data[2 + head[0] :]
        message = Message(topic.decode("utf-8", "replace"), payload, 1, bool(head[1] & 1))
        collector._take([message], link)
        return ("a record" if len(collector.intake) else "a word"), False

    return feed


# ---- releases ------------------------------------------------------------------------------------


def _releases() -> list[bytes]:
    """A file with three parts."""
    files = {"core/gate.mpy": bytes(range(256)), "main.py": b"print()", "empty": b""}
    made = Image(files, {}, {"role": codes.METER, "chip": "ESP32"})
    signer = release.Signer(samples.seed("release"), samples.CHAIN, samples.certificates()[0])
    return [release.make(made, signer, "0.2.0", 2)]


def _release(data: bytes) -> Taken:
    found = release_file.read(data, _WHERE)
    return f"{len(found.files)} files", False
