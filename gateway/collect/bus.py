"""One RS-485 line, or one Modbus TCP port: requests and replies, with every failure named.

Timeouts and gaps are wall time: a frame takes as long as it takes, whatever the run's speed.
Several tasks share a line: each request waits for its turn, and holds the line until its reply is
there.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.framer import FramerRTU, FramerType
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.bit_message import WriteSingleCoilRequest

from gateway.collect.errors import (
    BusLost,
    CollectError,
    GarbledReply,
    ModbusRefused,
    NoDriverEnable,
    NoReply,
    WrongReply,
)
from gateway.collect.line import (
    READ_COILS,
    READ_HOLDING,
    READ_INPUT,
    READ_WRITE,
    WRITE_COIL,
    WRITE_MULTIPLE,
    byte_s,
    gap_s,
    reply_bytes,
    request_bytes,
    silence_s,
)
from gateway.collect.patience import Looks, Patience
from gateway.collect.rs485 import enable
from gateway.collect.turns import Turns, Waits
from gateway.config import BusConfig, tcp_address
from gateway.driver_enable import Rs485Config

TRIES = 2
"""Requests before a failure counts: noise on a line hits single frames."""

MIN_FRAME_BYTES = 4
_TICK_S = 0.001
_MOST_HEARD_BYTES = 1024
"""Of a reply and of who talks behind it, before they are taken for noise."""

Client = AsyncModbusSerialClient | AsyncModbusTcpClient
Ask = Callable[[Client], Awaitable[ModbusPDU]]

# pymodbus logs each lost frame as an error; here they are named, counted and told once.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Asked:
    """A request: to whom, what, and how many registers it writes and reads."""

    address: int
    function: int
    read: int
    written: int = 0

    @property
    def reply_bytes(self) -> int:
        """Length of the whole reply."""
        return reply_bytes(self.function, self.read)

    @property
    def wire_bytes(self) -> int:
        """Length of request and reply."""
        return request_bytes(self.function, self.written) + self.reply_bytes


class _AnyCoil(WriteSingleCoilRequest):
    """Function 05 whose value is not only on or off (Modbus knows no other)."""

    value = 0

    def encode(self) -> bytes:
        return self.address.to_bytes(2, "big") + self.value.to_bytes(2, "big")


class Bus:
    """A line that several tasks share.

    `second_voice`: after the last reply came another to the same question, from a second board.
    `pauses_s`: how long an address must be left alone after each of its replies, wall seconds.
    `spent_s`: how long the line was held for each address. `obeying`: when its boards have done a
    command.
    """

    def __init__(self, config: BusConfig) -> None:
        self.name = config.name
        self._config = config
        self._turns = Turns()
        self._client: Client | None = None
        self._tcp = tcp_address(config.port)
        self._received = b""
        self._answered = False
        self._silent_until = 0.0
        self._asked = Asked(0, 0, 0)
        self._patience: dict[int, Patience] = {}
        self._rested_s: dict[int, float] = {}
        self.pauses_s: dict[int, float] = {}
        self.spent_s: dict[int, float] = {}
        self.obeying = Looks()
        self.second_voice = False
        self.requests = 0
        self.failures = 0

    @property
    def is_open(self) -> bool:
        """Whether the port is there, as far as its last use showed."""
        return self._client is not None and self._client.connected

    @property
    def waits(self) -> Waits:
        """How long urgent requests waited for the line."""
        return self._turns.waits

    @property
    def timeout_s(self) -> float:
        """How long a reply may take, wall seconds."""
        return self._config.timeout_ms / 1000

    async def open(self) -> None:
        """Open the port; raises `BusLost`."""
        self.close()
        config = self._config
        client = self._make_client()
        try:
            connected = await client.connect()
        except Exception as error:
            # pyserial lets termios errors through, which share no base with OSError.
            raise BusLost(str(error), f"{config.name} {config.port}") from error
        if not connected:
            client.close()
            raise BusLost("the port can't be opened", f"{config.name} {config.port}")
        self._client = client
        if config.rs485 is not None:
            self._enable(config.rs485)

    def _enable(self, rs485: Rs485Config) -> None:
        transport = self._client.ctx.transport if self._client is not None else None
        port = getattr(transport, "sync_serial", None)
        try:
            if port is None:
                raise NoDriverEnable("no serial port", self.name)
            enable(port.fileno(), rs485, f"{self.name} {self._config.port}")
        except NoDriverEnable:
            # Half of a line, on which nobody hears the gateway or it hears nobody, is none.
            self.close()
            raise

    def _make_client(self) -> Client:
        config = self._config
        if self._tcp is not None:
            host, port = self._tcp
            return AsyncModbusTcpClient(
                host, port=port, timeout=self.timeout_s, retries=0, reconnect_delay=0
            )
        client = AsyncModbusSerialClient(
            config.port,
            framer=FramerType.RTU,
            baudrate=config.baud,
            parity=config.parity,
            timeout=self.timeout_s,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._trace,
            trace_pdu=self._heard,
        )
        # pymodbus drops a reply together with what came behind it if that is more than one frame.
        client.ctx.max_buffer_size = _MOST_HEARD_BYTES
        return client

    def close(self) -> None:
        """Close the port."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def read(
        self,
        address: int,
        register: int,
        count: int,
        urgent: bool = False,
        probe_s: float | None = None,
        function: int = READ_HOLDING,
    ) -> list[int]:
        """FC03: `count` holding registers, or FC04: input registers.

        `probe_s`: ask once and wait no longer than that.
        """

        def ask(client: Client) -> Awaitable[ModbusPDU]:
            read = client.read_holding_registers
            if function == READ_INPUT:
                read = client.read_input_registers
            return read(register, count=count, device_id=address)

        reply = await self._exchange(Asked(address, function, count), ask, urgent, probe_s)
        return list(reply.registers)

    async def write(
        self, address: int, register: int, words: Sequence[int], urgent: bool = False
    ) -> None:
        """FC16: write `words` from `register` on."""

        def ask(client: Client) -> Awaitable[ModbusPDU]:
            return client.write_registers(register, list(words), device_id=address)

        await self._exchange(Asked(address, WRITE_MULTIPLE, 0, len(words)), ask, urgent)

    async def coils(
        self, address: int, first: int, count: int, probe_s: float | None = None
    ) -> list[bool]:
        """FC01: `count` coils from `first` on, ahead of all polling."""

        def ask(client: Client) -> Awaitable[ModbusPDU]:
            return client.read_coils(first, count=count, device_id=address)

        reply = await self._exchange(Asked(address, READ_COILS, count), ask, True, probe_s)
        return list(reply.bits)[:count]

    async def set_coil(self, address: int, coil: int, value: int) -> None:
        """FC05 with any `value`: relay boards take times there. Ahead of all polling."""

        def ask(client: Client) -> Awaitable[ModbusPDU]:
            request = _AnyCoil(dev_id=address, address=coil, bits=[bool(value)])
            request.value = value
            sent: Awaitable[ModbusPDU] = client.execute(False, request)
            return sent

        await self._exchange(Asked(address, WRITE_COIL, 0), ask, True)

    async def write_read(
        self, address: int, register: int, words: Sequence[int], read_from: int, count: int
    ) -> list[int]:
        """FC23: write `words`, then read `count` registers, in one transaction."""

        def ask(client: Client) -> Awaitable[ModbusPDU]:
            return client.readwrite_registers(
                read_address=read_from,
                read_count=count,
                write_address=register,
                values=list(words),
                device_id=address,
            )

        reply = await self._exchange(Asked(address, READ_WRITE, count, len(words)), ask, False)
        return list(reply.registers)

    async def _exchange(
        self, asked: Asked, ask: Ask, urgent: bool, probe_s: float | None = None
    ) -> ModbusPDU:
        patience = self._patience.setdefault(asked.address, Patience(self.timeout_s))
        tries = TRIES if probe_s is None else 1
        for number in range(tries):
            timeout_s = patience.timeout_s if probe_s is None else patience.probing_s(probe_s)
            await self._rest(asked.address)
            async with self._turns.take(urgent) as turn:
                started_s = time.monotonic()
                try:
                    reply = await self._once(asked, ask, timeout_s)
                except (NoReply, GarbledReply, WrongReply) as error:
                    self.failures += 1
                    turn.answered = isinstance(error, WrongReply)
                    patience.missed()
                    if number == tries - 1:
                        raise
                else:
                    if not number:
                        took_s = time.monotonic() - started_s
                        patience.answered(took_s - self.wire_s(asked))
                    return reply
                finally:
                    held_s = time.monotonic() - started_s
                    self.spent_s[asked.address] = self.spent_s.get(asked.address, 0.0) + held_s
        raise AssertionError("unreachable")

    async def _once(self, asked: Asked, ask: Ask, timeout_s: float) -> ModbusPDU:
        where = f"{self.name} address {asked.address}"
        await self._rest(asked.address)
        await self._gap()
        client = self._client
        if client is None or not client.connected:
            raise BusLost("the port is gone", f"{self.name} {self._config.port}")
        self._received, self._answered, self.second_voice = b"", False, False
        self._asked = asked
        client.ctx.comm_params.timeout_connect = timeout_s + self.wire_s(asked)
        self.requests += 1
        try:
            reply = await ask(client)
        except ConnectionException as error:
            raise BusLost(str(error), where) from error
        except ModbusException as error:
            raise self._unanswered(client, where, timeout_s) from error
        finally:
            now_s = time.monotonic()
            self._silent_until = now_s + gap_s(self._config)
            self._rested_s[asked.address] = now_s + self.pauses_s.get(asked.address, 0.0)
        return self._checked(reply, where, asked.function, asked.read)

    def wire_s(self, asked: Asked) -> float:
        """How long request and reply take on the wire, with the silence between them."""
        return asked.wire_bytes * byte_s(self._config) + silence_s(self._config)

    def _unanswered(self, client: Client, where: str, timeout_s: float) -> CollectError:
        if not client.connected:
            return BusLost("the port went away", f"{self.name} {self._config.port}")
        if self._received:
            return GarbledReply(f"{len(self._received)} bytes without a good CRC", where)
        return NoReply(f"nothing within {1000 * timeout_s:.0f} ms", where)

    def _checked(self, reply: ModbusPDU, where: str, function: int, count: int) -> ModbusPDU:
        if reply.function_code == function | 0x80:
            code = int(getattr(reply, "exception_code", 0))
            raise ModbusRefused(f"exception {code} to function {function}", where, code)
        wrong = reply.function_code != function
        found = reply.bits if function == READ_COILS else reply.registers
        # Coils come in whole bytes.
        if wrong or (count and not count <= len(found) <= count + 7 * (function == READ_COILS)):
            raise WrongReply(
                f"function {reply.function_code} with {len(reply.registers)} registers", where
            )
        return reply

    async def _rest(self, address: int) -> None:
        """A meter's own pause; the others may talk meanwhile."""
        while (wait_s := self._rested_s.get(address, 0.0) - time.monotonic()) > 0:
            await asyncio.sleep(wait_s)

    async def _gap(self) -> None:
        """Silence between frames (serial-line guide V1.02, section 2.5.1.1), and stragglers."""
        while (wait_s := self._silent_until - time.monotonic()) > 0:
            # The event loop sleeps in whole milliseconds, rounded up: half of a fast line's gap.
            await asyncio.sleep(wait_s - _TICK_S if wait_s > _TICK_S else 0)

    def _trace(self, sending: bool, data: bytes) -> bytes:
        """See all bytes, and take out replies to earlier requests that came too late.

        RTU has no transaction number: a late reply would answer the next question, and the reply
        to that the one after.
        """
        if sending:
            return data
        if self._answered:
            self.second_voice = self.second_voice or _is_reply(data, self._asked)
            return data
        asked = self._asked
        while (late := _late_bytes(data, asked.address, asked.function, asked.reply_bytes)) > 0:
            data = data[late:]
        self._received = data
        return data

    def _heard(self, sending: bool, pdu: ModbusPDU) -> ModbusPDU:
        """Of bytes behind the reply, those that came with it; from here on, `_trace` sees the rest.

        Not where the reply is waited for: more bytes may come before that gets its turn.
        """
        if not sending:
            self._answered = True
            self.second_voice = _is_reply(self._received[self._asked.reply_bytes :], self._asked)
        return pdu


def _is_reply(data: bytes, asked: Asked) -> bool:
    """Whether the same question was answered once more; noise and who talks at will do not."""
    if len(data) < MIN_FRAME_BYTES:
        return False
    return data[0] == asked.address and data[1] & 0x7F == asked.function


def _late_bytes(data: bytes, address: int, function: int, size: int) -> int:
    """Length of a sound frame at the start of `data` that answers another question, or 0."""
    if len(data) < MIN_FRAME_BYTES + 1 or data[0] != address or data[1] & 0x80:
        return 0
    found = 8 if data[1] in (WRITE_MULTIPLE, WRITE_COIL) else 5 + data[2]
    if (data[1], found) == (function, size) or len(data) < found:
        return 0
    crc = FramerRTU.compute_CRC(data[: found - 2]).to_bytes(2, "big")
    return found if data[found - 2 : found] == crc else 0
