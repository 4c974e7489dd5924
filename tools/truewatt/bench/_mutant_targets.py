"""The parsers that strangers' bytes reach, each with genuine input to begin from."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU

from gateway.admit import Admission, Admitted, Board, ChainState, Rules
from gateway.attest.p1 import P1Driver
from gateway.ble.passkeys import read as read_passkeys
from gateway.collect.errors import GarbledReply
from gateway.collect.link import BoardLink
from gateway.collect.status import BoardStatus
from gateway.config import MeterConfig, load_config
from gateway.errors import GatewayError
from gateway.mqtt.boards import split_status as ble_status
from gateway.mqtt.gate import LONGEST, Gate
from gateway.mqtt.packets import Parser
from gateway.profiles.load import load_all, load_profile
from gateway.profiles.reader import read_meter
from ledger.contracts import app
from ledger.contracts.errors import ContractError
from ledger.light.errors import LightError
from ledger.rpc.client import RpcClient
from ledger.rpc.params import BadParams, Params
from truewatt.bench import _mutant_devices as devices
from truewatt.bench import _mutant_ledger as chain
from truewatt.bench import _mutant_samples as samples
from truewatt.bench._mutant_target import Taken, Target, finished
from truewatt.emulator.wires.pzem import crc16
from wireformat import codes, modbus_map
from wireformat.chained import Feeder


def targets(folder: Path) -> list[Target]:
    """All of them; `folder` takes the files that some parsers read."""
    config, profile = _config(folder), _profile(folder)
    return [
        Target("records", samples.records(), _admit(), (GatewayError,), 30),
        Target("signed records", samples.record_payloads(), _own(), (GatewayError,), 4),
        Target("modbus frames", samples.replies(), _frame, (GatewayError,), 20),
        Target("board map", samples.windows(), _board_map, (GatewayError,), 10),
        Target("meter profiles", samples.images(), _meter(), (GatewayError,), 6),
        Target("MQTT packets", samples.packets(), _packets, (GatewayError,), 10),
        Target("MQTT sessions", samples.sessions(), _gate(), (GatewayError,), 2),
        Target("BLE status", samples.statuses(), _ble_status, (GatewayError,), 4),
        Target("BLE passkeys", samples.passkeys(), _ble_keys, (GatewayError,), 2, is_text=True),
        Target("P1 telegrams", samples.telegrams(), _p1(), (GatewayError,), 1, is_text=True),
        Target("transactions", samples.transactions(), _transaction(), (ContractError,), 14),
        Target("contract bodies", samples.payloads(), _body(), (ContractError,), 4),
        Target("RPC answers", samples.answers(), _answer, (LightError,), 8, is_text=True),
        Target("RPC requests", samples.requests(), _request, (BadParams,), 4, is_text=True),
        Target("gateway TOML", samples.configs(), config, (GatewayError,), 2, is_text=True),
        Target("profile TOML", samples.profiles(), profile, (GatewayError,), 2, is_text=True),
        *devices.targets(),
        *chain.targets(folder),
    ]


# ---- records -------------------------------------------------------------------------------------


def _admit() -> Callable[[bytes], Taken]:
    """Behind a type code, as a window brings it."""
    meter = Board(samples.BOARD, samples.BOARD_KEY, samples.METER, 2, 2)
    feeder = Board(samples.FEEDER, samples.FEEDER_KEY, codes.MLMD, 2, 1)
    boards = {board.kid: board for board in (meter, feeder)}
    admission = Admission(samples.CHAIN, Rules(), boards.get)
    state = ChainState(None, lambda epoch, seq: None, [])

    def feed(data: bytes) -> Taken:
        board = feeder if data[:1] == bytes((Feeder.CODE,)) else meter
        found = admission.admit(board, state, data[0] if data else 0, data[1:], samples.NOW_MS)
        fault = found.fault if isinstance(found, Admitted) else None
        return ("admitted" if fault is None else type(fault).__name__), True

    return feed


def _own() -> Callable[[bytes], Taken]:
    """What a board that was broken into can put under its own good signature."""
    admit = _admit()

    def feed(data: bytes) -> Taken:
        code = data[0] if data else 0
        name, _ = admit(bytes((code,)) + samples.record_signed(code, data[1:]))
        return name, False

    return feed


# ---- buses ---------------------------------------------------------------------------------------

_framer = FramerRTU(DecodePDU(False))


def _frame(data: bytes) -> Taken:
    """A reply as bytes on the line: with its CRC made good for every second one."""
    if data and data[-1] & 1:
        data = data + crc16(data)
    try:
        _, reply = _framer.handleFrame(data, samples.BUS_ADDRESS, 0)
    except (ModbusException, struct.error, ValueError, IndexError) as error:
        # pymodbus drops these in its transport; the gateway's request runs into its time-out.
        raise GarbledReply(f"{type(error).__name__}: {error}") from error
    if reply is None:
        raise GarbledReply("no whole frame")
    return f"function {reply.function_code & 0x7F}", False


class _Window(BoardLink):
    """A link whose window shows given words."""

    def __init__(self, words: list[int]) -> None:
        super().__init__(None, samples.BUS_ADDRESS)  # type: ignore[arg-type]
        self._words = words

    @property
    def where(self) -> str:
        """For messages."""
        return "a mutant"

    async def _window(self, cursor: list[int]) -> list[int]:
        return self._words


def _board_map(data: bytes) -> Taken:
    """Registers of a board: first its status block, then its window."""
    words = modbus_map.to_words(data + b"\0" * (len(data) & 1))
    status = words[: modbus_map.STATUS_WORDS]
    if len(status) == modbus_map.STATUS_WORDS and words[-1] & 1:
        BoardStatus.parse(status, "a mutant")
        return "a status block", False
    window = (words + [0] * modbus_map.WINDOW_WORDS)[: modbus_map.WINDOW_WORDS]
    found = finished(_Window(window).record_at(0, 0))
    return ("nothing there" if found is None else "a record"), False


class _Meter:
    """A meter's link that answers with given bytes, over and over."""

    pause_ms = 0

    def __init__(self, data: bytes) -> None:
        self._words = modbus_map.to_words(data + b"\0" * (len(data) & 1)) or [0]

    async def read(self, function: int, address: int, first: int, count: int) -> list[int]:
        row = self._words * (count // len(self._words) + 1)
        return row[:count]


def _meter() -> Callable[[bytes], Taken]:
    models = load_all()

    def feed(data: bytes) -> Taken:
        profile = models[data[0] % len(models)] if data else models[0]
        link: Any = _Meter(data[1:])
        readings = finished(read_meter(link, profile, 1, unconfirmed=True))
        return ("some implausible" if readings.implausible else "read"), False

    return feed


def _packets(data: bytes) -> Taken:
    """What a socket gave, in two pieces."""
    parser = Parser()
    half = len(data) // 2
    found = parser.feed(data[:half]) + parser.feed(data[half:])
    return f"{min(len(found), 2)} packets", False


def _gate() -> Callable[[bytes], Taken]:
    """What a client says to the embedded broker: what amqtt gets of it."""
    runner = asyncio.Runner()

    async def passed(data: bytes) -> Taken:
        reader, packets = asyncio.StreamReader(), list[bytes]()
        reasons: list[str] = []
        gate = Gate(reader, reasons.append)
        reader.feed_data(data)
        reader.feed_eof()
        try:
            while True:
                packets.append(await gate.read(1) + await gate.read())
        except asyncio.IncompleteReadError:
            pass
        assert data.startswith(b"".join(packets)), "not what was sent"
        assert all(len(packet) <= LONGEST for packet in packets), "longer than any may be"
        return f"{min(len(packets), 2)} packets, {len(reasons)} told", False

    return lambda data: runner.run(passed(data))


def _ble_status(data: bytes) -> Taken:
    """What a board notified of itself."""
    status, _ = ble_status(data, "a mutant")
    return ("clock trusted" if status.clock_trusted else "clock not trusted"), False


def _ble_keys(data: bytes) -> Taken:
    """What a person wrote."""
    found = read_passkeys(data, "a mutant")
    return f"{min(len(found), 3)} passkeys", False


class _Port:
    """A P1 port whose newest telegram is `text`."""

    name, timeout_s = "a mutant", 1.0

    def __init__(self) -> None:
        self.text = ""

    async def telegram(self, timeout_s: float) -> str:
        return self.text

    def forget(self) -> None:
        """The driver can't believe it."""


def _p1() -> Callable[[bytes], Taken]:
    """With the CRC made good: a meter that was broken into, or another make's."""
    port: Any = _Port()
    driver = P1Driver(port, MeterConfig(1, "house", "p1_v5"))

    def feed(data: bytes) -> Taken:
        end = data.rfind(b"!") + 1
        port.text = samples.checked(data[:end]).decode("ascii", "replace")
        return f"{len(finished(driver.read()).values)} values", False

    return feed


# ---- ledger --------------------------------------------------------------------------------------


def _transaction() -> Callable[[bytes], Taken]:
    state = samples.state()

    def feed(data: bytes) -> Taken:
        app.check_tx(state, samples.CHAIN, data, samples.NOW_MS // 1000)
        return "accepted", True

    return feed


def _body() -> Callable[[bytes], Taken]:
    """What an insider with a good key can put under a good signature, run through a block."""
    state, params = samples.state(), samples.genesis().params

    def feed(data: bytes) -> Taken:
        tx = samples.signed(data)
        block = app.BlockInput(samples.CHAIN, 1, samples.NOW_MS, (tx,))
        result = app.finalize(state, params, block).results[0]
        if result.code == samples.FAULT:
            raise AssertionError(f"a contract's mistake: {result.log}")
        return f"code {result.code}", False

    return feed


class _Session:
    """A connection whose every answer is `body`."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.content = self

    def post(self, url: str, json: object) -> _Session:
        return self

    async def __aenter__(self) -> _Session:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def iter_chunked(self, size: int) -> Any:
        yield self._body


class _Client(RpcClient):
    def __init__(self, body: bytes) -> None:
        super().__init__("http://a.mutant")
        self._session: Any = _Session(body)


_CALLS: tuple[Callable[[_Client], Coroutine[Any, Any, Any]], ...] = (
    lambda client: client.commit(2),
    lambda client: client.block(2),
    lambda client: client.latest_height(),
    lambda client: client.abci_query("/store", b"key", True),
    lambda client: client.tx(bytes(32)),
    lambda client: client.broadcast_tx_sync(b"tx"),
)


def _answer(data: bytes) -> Taken:
    """Every method reads the answer as its own."""
    call = _CALLS[(data[0] if data else 0) % len(_CALLS)]
    finished(call(_Client(data[1:])))
    return "an answer", False


def _request(data: bytes) -> Taken:
    try:
        asked = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadParams(f"no JSON: {type(error).__name__}") from error
    params = Params(asked.get("params") if isinstance(asked, dict) else asked, False)
    params.integer("height")
    params.flag("prove")
    if params.has("path"):
        params.text("path")
    if params.has("data"):
        params.data("data", json_form="hex")
    return "a request", False


# ---- files ---------------------------------------------------------------------------------------


def _config(folder: Path) -> Callable[[bytes], Taken]:
    path = folder / "gateway.toml"

    def feed(data: bytes) -> Taken:
        path.write_bytes(data)
        load_config(path)
        return "a configuration", False

    return feed


def _profile(folder: Path) -> Callable[[bytes], Taken]:
    path = folder / "a_meter.toml"

    def feed(data: bytes) -> Taken:
        path.write_bytes(data)
        load_profile(path)
        return "a profile", False

    return feed
